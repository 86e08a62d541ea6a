// Fills 64 MiB, then counts, and with each number tells a checksum of all that it filled and of what it changed since: a
// guest that goes on somewhere else than where it stood tells another one.
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define WORDS (8u << 20)

int main(int argc, char** argv) {
  uint64_t pause_ms = argc > 1 ? strtoull(argv[1], 0, 10) : 0;
  uint64_t* words = malloc(WORDS * sizeof *words);
  uint64_t state = 88172645463325252u, sum = 0;
  for (unsigned i = 0; i < WORDS; ++i) {
    state ^= state << 13, state ^= state >> 7, state ^= state << 17;
    words[i] = state;
    sum += state * (i | 1);
  }
  for (uint64_t count = 0;; ++count) {
    // Some hundred pages change with each number.
    for (unsigned i = 0; i < 300; ++i) {
      unsigned at = (unsigned)((count * 300 + i) * 2654435761u) % WORDS;
      sum -= words[at] * (at | 1);
      words[at] += count + 1;
      sum += words[at] * (at | 1);
    }
    uint64_t all = 0;
    if (count % 16 == 0) {
      for (unsigned i = 0; i < WORDS; ++i) all += words[i] * (i | 1);
      if (all != sum) return printf("WRONG at %llu\n", (unsigned long long)count), 1;
    }
    printf("count %llu %016llx\n", (unsigned long long)count, (unsigned long long)sum);
    fflush(stdout);
    if (pause_ms) nanosleep(&(struct timespec){pause_ms / 1000, pause_ms % 1000 * 1000000}, 0);
  }
}
