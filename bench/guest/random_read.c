/* Runs in the guest: reads 4 KiB blocks at random places of a disk, one at a time, past the page cache.
 *
 *   random_read DEVICE COUNT
 *
 * Prints the requests done and the guest's own time. The seed is fixed, so every peer gets the same requests. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <linux/fs.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

enum { kBlock = 4096 };

static uint64_t next_random(uint64_t *state) {
  *state ^= *state << 13;
  *state ^= *state >> 7;
  *state ^= *state << 17;
  return *state;
}

int main(int argc, char **argv) {
  if (argc != 3) {
    fprintf(stderr, "usage: random_read DEVICE COUNT\n");
    return 1;
  }
  const int device = open(argv[1], O_RDONLY | O_DIRECT);
  uint64_t size = 0;
  void *buffer = NULL;
  if (device < 0 || ioctl(device, BLKGETSIZE64, &size) != 0 || posix_memalign(&buffer, kBlock, kBlock) != 0) {
    perror(argv[1]);
    return 1;
  }
  const long count = atol(argv[2]);
  uint64_t state = 88172645463325252u;
  struct timespec begin, end;
  clock_gettime(CLOCK_MONOTONIC, &begin);
  for (long done = 0; done < count; ++done) {
    const off_t place = (off_t)(next_random(&state) % (size / kBlock)) * kBlock;
    if (pread(device, buffer, kBlock, place) != kBlock) {
      perror("pread");
      return 1;
    }
  }
  clock_gettime(CLOCK_MONOTONIC, &end);
  printf("%ld requests in %.3f s\n", count, (end.tv_sec - begin.tv_sec) + (end.tv_nsec - begin.tv_nsec) / 1e9);
  return 0;
}
