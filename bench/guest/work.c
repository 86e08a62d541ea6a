/* Runs in the guest and on the host: one piece of work of a named kind, timed by the guest's own clock.
 *
 *   work KIND      prints "KIND SECONDS CHECK", CHECK being a digest of what was computed
 *   work list      the kinds
 *
 * Every kind does the same on every peer; its size is chosen for about a tenth of a second on a fast host. */
#define _GNU_SOURCE
#include <math.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { kPage = 4096 };

static uint64_t next_random(uint64_t *state) {
  *state ^= *state << 13;
  *state ^= *state >> 7;
  *state ^= *state << 17;
  return *state;
}

static void *zeroed(size_t size) {
  void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
  if (memory == MAP_FAILED) {
    perror("mmap");
    exit(1);
  }
  return memory;
}

/* Integer work. */

static int compare(const void *a, const void *b) {
  const uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
  return x < y ? -1 : x > y;
}

static uint64_t sort(void) {
  enum { kCount = 200000 };
  uint32_t *values = zeroed(kCount * sizeof *values);
  uint64_t state = 88172645463325252u, check = 0;
  for (int i = 0; i < kCount; ++i) values[i] = (uint32_t)next_random(&state);
  qsort(values, kCount, sizeof *values, compare);
  for (int i = 0; i < kCount; i += 1000) check = check * 31 + values[i];
  return check;
}

static uint64_t sieve(void) {
  enum { kLimit = 4000000 };
  unsigned char *composite = zeroed(kLimit + 1);
  uint64_t count = 0;
  for (uint64_t i = 2; i <= kLimit; ++i) {
    if (composite[i]) continue;
    ++count;
    for (uint64_t j = i * i; j <= kLimit; j += i) composite[j] = 1;
  }
  return count;
}

/* Matching of repeated strings, the inner loop of compressors. */
static uint64_t match(void) {
  enum { kSize = 1 << 20, kHash = 1 << 14 };
  unsigned char *text = zeroed(kSize);
  uint32_t *last = zeroed(kHash * sizeof *last);
  uint64_t state = 88172645463325252u, saved = 0;
  for (int i = 0; i < kSize; ++i) text[i] = "etaoin shrdlu"[next_random(&state) % 13];
  for (uint32_t i = 4; i + 64 < kSize; ++i) {
    uint32_t word;
    memcpy(&word, text + i, 4);
    const uint32_t slot = (word * 2654435761u) >> 18;
    const uint32_t candidate = last[slot];
    last[slot] = i;
    uint32_t length = 0;
    while (length < 64 && text[candidate + length] == text[i + length]) ++length;
    if (length >= 4) saved += length - 3, i += length - 1;
  }
  return saved;
}

static uint64_t bytecode(void) {
  static const unsigned char program[] = {0, 1, 2, 3, 1, 4, 2, 0, 5, 1, 3, 6};
  uint64_t a = 1, b = 2, count = 0;
  for (int round = 0; round < 2000000; ++round) {
    for (unsigned pc = 0; pc < sizeof program; ++pc) {
      switch (program[pc]) {
        case 0: a += b; break;
        case 1: b ^= a >> 3; break;
        case 2: a = a * 3 + 1; break;
        case 3: b -= a; break;
        case 4: a = (a << 7) | (a >> 57); break;
        case 5: if (a & 1) ++count; break;
        default: b += count; break;
      }
    }
  }
  return a ^ b ^ count;
}

/* Floating point. */

static uint64_t bits_of(double value) {
  uint64_t bits;
  memcpy(&bits, &value, sizeof bits);
  return bits;
}

static uint64_t matrix(void) {
  enum { kSize = 256 };
  double *a = zeroed(kSize * kSize * 8), *b = zeroed(kSize * kSize * 8), *c = zeroed(kSize * kSize * 8);
  for (int i = 0; i < kSize * kSize; ++i) a[i] = i % 7 + 0.5, b[i] = i % 11 - 3.25;
  for (int round = 0; round < 4; ++round) {
    for (int i = 0; i < kSize; ++i) {
      for (int k = 0; k < kSize; ++k) {
        const double factor = a[i * kSize + k];
        for (int j = 0; j < kSize; ++j) c[i * kSize + j] += factor * b[k * kSize + j];
      }
    }
  }
  return bits_of(c[kSize * 3 + 5]);
}

static uint64_t bodies(void) {
  double x[5] = {0, 4.8, 8.3, 12.9, 15.4}, y[5] = {0, -1.2, 4.1, -15.1, -25.9}, vx[5] = {0}, vy[5] = {0};
  const double mass[5] = {39.5, 0.04, 0.01, 0.002, 0.002};
  for (int step = 0; step < 300000; ++step) {
    for (int i = 0; i < 5; ++i) {
      for (int j = i + 1; j < 5; ++j) {
        const double dx = x[i] - x[j], dy = y[i] - y[j], square = dx * dx + dy * dy + 0.01;
        const double pull = 0.0001 / (square * sqrt(square));
        vx[i] -= dx * mass[j] * pull, vy[i] -= dy * mass[j] * pull;
        vx[j] += dx * mass[i] * pull, vy[j] += dy * mass[i] * pull;
      }
    }
    for (int i = 0; i < 5; ++i) x[i] += 0.0001 * vx[i], y[i] += 0.0001 * vy[i];
  }
  return bits_of(x[0] + y[4]);
}

/* A fast Fourier transform in place, forth and back. */
static void turn(double *real, double *imaginary, int size, double sign) {
  for (int i = 1, j = 0; i < size; ++i) {
    int bit = size >> 1;
    for (; j & bit; bit >>= 1) j ^= bit;
    j ^= bit;
    if (i >= j) continue;
    const double r = real[i], m = imaginary[i];
    real[i] = real[j], imaginary[i] = imaginary[j];
    real[j] = r, imaginary[j] = m;
  }
  for (int length = 2; length <= size; length <<= 1) {
    const double angle = sign * 2 * 3.14159265358979323846 / length, stepr = cos(angle), stepm = sin(angle);
    for (int start = 0; start < size; start += length) {
      double wr = 1, wm = 0;
      for (int k = start; k < start + length / 2; ++k) {
        const int other = k + length / 2;
        const double r = real[other] * wr - imaginary[other] * wm, m = real[other] * wm + imaginary[other] * wr;
        real[other] = real[k] - r, imaginary[other] = imaginary[k] - m;
        real[k] += r, imaginary[k] += m;
        const double next = wr * stepr - wm * stepm;
        wm = wr * stepm + wm * stepr, wr = next;
      }
    }
  }
}

static uint64_t fourier(void) {
  enum { kSize = 1 << 15 };
  double *real = zeroed(kSize * 8), *imaginary = zeroed(kSize * 8);
  for (int i = 0; i < kSize; ++i) real[i] = i % 17 - 8;
  for (int round = 0; round < 10; ++round) {
    turn(real, imaginary, kSize, 1);
    turn(real, imaginary, kSize, -1);
    for (int i = 0; i < kSize; ++i) real[i] /= kSize, imaginary[i] /= kSize;
  }
  return (uint64_t)llround(real[7] * 1e6);
}

/* Memory. */

static uint64_t loads(void) {
  enum { kCount = (4 << 20) / 8 };
  uint64_t *next = zeroed(kCount * 8), state = 88172645463325252u, at = 0;
  for (uint64_t i = 0; i < kCount; ++i) next[i] = i;
  for (uint64_t i = kCount - 1; i > 0; --i) { /* one cycle (Sattolo) */
    const uint64_t j = next_random(&state) % i, swapped = next[i];
    next[i] = next[j], next[j] = swapped;
  }
  for (int i = 0; i < 10000000; ++i) at = next[at];
  return at;
}

static uint64_t copy(void) {
  enum { kSize = 1 << 20 };
  char *from = zeroed(kSize), *to = zeroed(kSize);
  for (int i = 0; i < 2000; ++i) {
    from[i] = (char)i;
    memcpy(to, from, kSize);
    __asm__ volatile("" ::: "memory");
  }
  return (uint64_t)to[1999];
}

static uint64_t set(void) {
  enum { kSize = 1 << 20 };
  char *to = zeroed(kSize);
  for (int i = 0; i < 3000; ++i) {
    memset(to, i, kSize);
    __asm__ volatile("" ::: "memory");
  }
  return (uint64_t)to[77];
}

/* The system. */

static uint64_t null_call(void) {
  for (int i = 0; i < 300000; ++i) syscall(SYS_getppid);
  return 0;
}

static uint64_t spawn(void) {
  for (int i = 0; i < 100; ++i) {
    const pid_t child = fork();
    if (child == 0) {
      execl("/proc/self/exe", "work", "nothing", (char *)NULL);
      _exit(1);
    }
    int status = 0;
    waitpid(child, &status, 0);
  }
  return 0;
}

// Two processes take turns, which each begins with a look at every one of PAGES pages of its own.
static void take_turns(int turns, int pages) {
  int there[2], back[2];
  char byte = 0;
  if (pipe(there) != 0 || pipe(back) != 0) exit(1);
  volatile char *memory = mmap(NULL, (size_t)(pages + 1) * kPage, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  madvise((void *)memory, (size_t)(pages + 1) * kPage, MADV_NOHUGEPAGE);
  const pid_t child = fork();
  for (int i = 0; i < turns; ++i) {
    for (int page = 0; page < pages; ++page) ++memory[(size_t)page * kPage];
    if (child == 0) {
      if (read(there[0], &byte, 1) != 1 || write(back[1], &byte, 1) != 1) _exit(1);
    } else {
      if (write(there[1], &byte, 1) != 1 || read(back[0], &byte, 1) != 1) exit(1);
    }
  }
  if (child == 0) _exit(0);
  waitpid(child, NULL, 0);
}

static uint64_t ping(void) {
  take_turns(10000, 0);
  return 0;
}

static uint64_t visits(void) {
  take_turns(5000, 256);
  return 0;
}

static uint64_t faults(void) {
  enum { kPages = 4096 };
  for (int round = 0; round < 8; ++round) {
    char *memory = mmap(NULL, (size_t)kPages * kPage, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    madvise(memory, (size_t)kPages * kPage, MADV_NOHUGEPAGE);
    for (int i = 0; i < kPages; ++i) memory[(size_t)i * kPage] = 1;
    munmap(memory, (size_t)kPages * kPage);
  }
  return 0;
}

/* Two processes, each with integer and floating-point work of its own: as fast as there are processors for them. */
static uint64_t halves(void) {
  pid_t other = fork();
  for (int round = 0; round < 8; ++round) {
    sort();
    bytecode();
    matrix();
  }
  if (other == 0) _exit(0);
  int status;
  waitpid(other, &status, 0);
  return (uint64_t)status;
}

static uint64_t nothing(void) { return 0; }

static const struct {
  const char *name;
  uint64_t (*run)(void);
} kinds[] = {{"sort", sort},   {"sieve", sieve},   {"match", match},  {"bytecode", bytecode}, {"matrix", matrix},
             {"bodies", bodies}, {"fourier", fourier}, {"loads", loads},   {"copy", copy},    {"set", set},           {"null_call", null_call},
             {"spawn", spawn},   {"ping", ping},     {"visits", visits}, {"faults", faults}, {"halves", halves},   {"nothing", nothing}};

int main(int argc, char **argv) {
  for (size_t i = 0; argc == 2 && i < sizeof kinds / sizeof *kinds; ++i) {
    if (strcmp(argv[1], "list") == 0) printf("%s\n", kinds[i].name);
    if (strcmp(argv[1], kinds[i].name) != 0) continue;
    struct timespec begin, end;
    clock_gettime(CLOCK_MONOTONIC, &begin);
    const uint64_t check = kinds[i].run();
    clock_gettime(CLOCK_MONOTONIC, &end);
    if (kinds[i].run != nothing) {
      printf("%s %.6f %016llx\n", kinds[i].name, (end.tv_sec - begin.tv_sec) + (end.tv_nsec - begin.tv_nsec) / 1e9,
             (unsigned long long)check);
    }
    return 0;
  }
  return argc == 2 && strcmp(argv[1], "list") == 0 ? 0 : 1;
}
