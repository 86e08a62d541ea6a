// Litmus tests of x86's memory ordering (SDM vol. 3A, 8.2) and of locked instructions: what the architecture forbids must
// not be seen. Counts what it allows, too (the store buffer), so that a run shows whether the test has any bite.
//
//   memory_order SECONDS-PER-TEST     prints one line per test; exit status 1 when something forbidden was seen
#define _GNU_SOURCE
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

enum { THREADS = 4, ROUNDS = 256 };

typedef struct {
  _Alignas(64) volatile uint32_t x;
  _Alignas(64) volatile uint32_t y;
  uint32_t seen[THREADS][2];
} Cell;

static Cell cells[ROUNDS];
static pthread_barrier_t barrier;
static volatile bool ended;
static double limit;

static double now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (double)time.tv_sec + (double)time.tv_nsec * 1e-9;
}

static void pin(unsigned cpu) {
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(cpu, &set);
  sched_setaffinity(0, sizeof set, &set);
}

// ---- The tests: what each thread does with one cell, and what must not come out ----

#define STORE(place, value) __asm__ volatile("movl %1, %0" : "=m"(place) : "r"(value) : "memory")
#define LOAD(place, into) __asm__ volatile("movl %1, %0" : "=r"(into) : "m"(place) : "memory")

static void store_buffer(unsigned thread, Cell* cell) {
  if (thread == 0) {
    STORE(cell->x, 1);
    LOAD(cell->y, cell->seen[0][0]);
  } else if (thread == 1) {
    STORE(cell->y, 1);
    LOAD(cell->x, cell->seen[1][0]);
  }
}
static bool both_missed(const Cell* cell) { return cell->seen[0][0] == 0 && cell->seen[1][0] == 0; }

static void store_buffer_fenced(unsigned thread, Cell* cell) {
  if (thread == 0) {
    STORE(cell->x, 1);
    __asm__ volatile("mfence" ::: "memory");
    LOAD(cell->y, cell->seen[0][0]);
  } else if (thread == 1) {
    STORE(cell->y, 1);
    __asm__ volatile("mfence" ::: "memory");
    LOAD(cell->x, cell->seen[1][0]);
  }
}

static void store_buffer_exchanged(unsigned thread, Cell* cell) {
  uint32_t one = 1;
  if (thread == 0) {
    __asm__ volatile("xchgl %0, %1" : "+r"(one), "+m"(cell->x)::"memory");
    LOAD(cell->y, cell->seen[0][0]);
  } else if (thread == 1) {
    __asm__ volatile("xchgl %0, %1" : "+r"(one), "+m"(cell->y)::"memory");
    LOAD(cell->x, cell->seen[1][0]);
  }
}

static void store_buffer_locked(unsigned thread, Cell* cell) {
  uint32_t elsewhere = 0;
  if (thread == 0) {
    STORE(cell->x, 1);
    __asm__ volatile("lock orl $0, %0" : "+m"(elsewhere)::"memory");
    LOAD(cell->y, cell->seen[0][0]);
  } else if (thread == 1) {
    STORE(cell->y, 1);
    __asm__ volatile("lock orl $0, %0" : "+m"(elsewhere)::"memory");
    LOAD(cell->x, cell->seen[1][0]);
  }
}

static void message_passing(unsigned thread, Cell* cell) {
  if (thread == 0) {
    STORE(cell->x, 1);
    STORE(cell->y, 1);
  } else if (thread == 1) {
    LOAD(cell->y, cell->seen[1][0]);
    LOAD(cell->x, cell->seen[1][1]);
  }
}
static bool flag_without_message(const Cell* cell) { return cell->seen[1][0] == 1 && cell->seen[1][1] == 0; }

static void load_buffer(unsigned thread, Cell* cell) {
  if (thread == 0) {
    LOAD(cell->x, cell->seen[0][0]);
    STORE(cell->y, 1);
  } else if (thread == 1) {
    LOAD(cell->y, cell->seen[1][0]);
    STORE(cell->x, 1);
  }
}
static bool both_foresaw(const Cell* cell) { return cell->seen[0][0] == 1 && cell->seen[1][0] == 1; }

static void independent_reads(unsigned thread, Cell* cell) {
  switch (thread) {
    case 0: STORE(cell->x, 1); break;
    case 1: STORE(cell->y, 1); break;
    case 2:
      LOAD(cell->x, cell->seen[2][0]);
      LOAD(cell->y, cell->seen[2][1]);
      break;
    default:
      LOAD(cell->y, cell->seen[3][0]);
      LOAD(cell->x, cell->seen[3][1]);
  }
}
static bool disagreed_on_order(const Cell* cell) {
  return cell->seen[2][0] == 1 && cell->seen[2][1] == 0 && cell->seen[3][0] == 1 && cell->seen[3][1] == 0;
}

typedef struct {
  const char* name;
  void (*act)(unsigned thread, Cell* cell);
  bool (*outcome)(const Cell* cell);
  bool allowed;
} Litmus;

static const Litmus kLitmus[] = {
    {"store-buffer", store_buffer, both_missed, true},
    {"store-buffer-mfence", store_buffer_fenced, both_missed, false},
    {"store-buffer-xchg", store_buffer_exchanged, both_missed, false},
    {"store-buffer-lock", store_buffer_locked, both_missed, false},
    {"message-passing", message_passing, flag_without_message, false},
    {"load-buffer", load_buffer, both_foresaw, false},
    {"independent-reads", independent_reads, disagreed_on_order, false},
};

static const Litmus* litmus;
static uint64_t rounds, outcomes;

// The loser of the barrier prepares the cells; in between, all go through them at their own speed.
static void* play(void* argument) {
  const unsigned thread = (unsigned)(uintptr_t)argument;
  pin(thread);
  const double end = now() + limit;
  for (;;) {
    pthread_barrier_wait(&barrier);
    for (unsigned i = 0; i < ROUNDS; ++i) litmus->act(thread, &cells[i]);
    if (pthread_barrier_wait(&barrier) == PTHREAD_BARRIER_SERIAL_THREAD) {
      for (unsigned i = 0; i < ROUNDS; ++i) outcomes += litmus->outcome(&cells[i]);
      rounds += ROUNDS;
      memset(cells, 0, sizeof cells);
      ended = now() > end;
    }
    pthread_barrier_wait(&barrier);
    if (ended) return NULL;
  }
}

static void in_threads(void* (*body)(void*)) {
  pthread_t threads[THREADS];
  for (unsigned n = 0; n < THREADS; ++n) pthread_create(&threads[n], NULL, body, (void*)(uintptr_t)n);
  for (unsigned n = 0; n < THREADS; ++n) pthread_join(threads[n], NULL);
}

static bool run_litmus(void) {
  bool right = true;
  for (unsigned n = 0; n < sizeof kLitmus / sizeof *kLitmus; ++n) {
    litmus = &kLitmus[n];
    rounds = outcomes = 0;
    ended = false;
    in_threads(play);
    const bool wrong = outcomes > 0 && !litmus->allowed;
    printf("%s: %llu of %llu, %s\n", litmus->name, (unsigned long long)outcomes, (unsigned long long)rounds,
           wrong ? "FORBIDDEN" : litmus->allowed ? "allowed" : "right");
    right = right && !wrong;
  }
  return right;
}

// ---- Locked instructions lose no update, on one line, across two, and across two pages ----

enum { UPDATES = 20000 };
static uint8_t* places;  // two pages

typedef struct {
  const char* name;
  unsigned offset;
} Place;
static const Place kPlaces[] = {{"aligned", 0}, {"across-lines", 60}, {"across-pages", 4092}};
static uint8_t* place;

static void* update(void* argument) {
  const unsigned thread = (unsigned)(uintptr_t)argument;
  pin(thread);
  uint64_t* const counter = (uint64_t*)place;
  for (unsigned n = 0; n < UPDATES; ++n) {
    uint64_t one = 1;
    switch (n % 4) {
      case 0: __asm__ volatile("lock incq %0" : "+m"(*counter)::"memory"); break;
      case 1: __asm__ volatile("lock xaddq %0, %1" : "+r"(one), "+m"(*counter)::"memory"); break;
      case 2: __asm__ volatile("lock addq $1, %0" : "+m"(*counter)::"memory"); break;
      default: {
        uint64_t expected = *counter;
        bool done = false;
        while (!done) {
          uint64_t next = expected + 1;
          __asm__ volatile("lock cmpxchgq %3, %1\n\tsete %2"
                           : "+a"(expected), "+m"(*counter), "=q"(done)
                           : "r"(next)
                           : "memory");
        }
      }
    }
  }
  return NULL;
}

static void* update_wide(void* argument) {
  pin((unsigned)(uintptr_t)argument);
  for (unsigned n = 0; n < UPDATES; ++n) {
    uint64_t low = ((volatile uint64_t*)place)[0], high = ((volatile uint64_t*)place)[1];
    bool done = false;
    while (!done) {
      const uint64_t next_low = low + 1, next_high = high + 3;
      __asm__ volatile("lock cmpxchg16b %2\n\tsete %3"
                       : "+a"(low), "+d"(high), "+m"(*(unsigned __int128*)place), "=q"(done)
                       : "b"(next_low), "c"(next_high)
                       : "memory");
    }
  }
  return NULL;
}

static bool run_updates(void) {
  bool right = true;
  for (unsigned n = 0; n < sizeof kPlaces / sizeof *kPlaces; ++n) {
    place = places + kPlaces[n].offset;
    memset(place, 0, 8);
    in_threads(update);
    uint64_t sum;
    memcpy(&sum, place, sizeof sum);
    const bool wrong = sum != THREADS * UPDATES;
    printf("locked-%s: %llu of %u, %s\n", kPlaces[n].name, (unsigned long long)sum, THREADS * UPDATES,
           wrong ? "LOST" : "right");
    right = right && !wrong;
  }
  place = places;
  memset(place, 0, 16);
  in_threads(update_wide);
  const uint64_t* const wide = (const uint64_t*)place;
  const bool wrong = wide[0] != THREADS * UPDATES || wide[1] != 3ull * THREADS * UPDATES;
  printf("locked-16-bytes: %llu of %u, %s\n", (unsigned long long)wide[0], THREADS * UPDATES, wrong ? "LOST" : "right");
  return right && !wrong;
}

// ---- Code that another processor changes is seen, whole ----

static uint8_t* code;  // mov eax, imm32; ret
static _Atomic uint32_t published;

static void* change_or_call(void* argument) {
  const unsigned thread = (unsigned)(uintptr_t)argument;
  pin(thread);
  const double end = now() + limit;
  uint64_t wrong = 0;
  if (thread == 0) {
    for (uint32_t value = 1; now() < end; ++value) {
      // Within an aligned 8 bytes: one store changes it whole.
      *(volatile uint32_t*)(code + 4) = (value & 0xff) * 0x01010101u;
      atomic_store(&published, value);
      sched_yield();
    }
    ended = true;
    return NULL;
  }
  while (!ended) {
    const uint32_t before = atomic_load(&published);
    uint32_t a = 0, b, c, d = 0;
    __asm__ volatile("cpuid" : "+a"(a), "=b"(b), "+c"(d), "=d"(c)::"memory");  // serializes (SDM vol. 3A, 8.1.3)
    const uint32_t value = ((uint32_t(*)(void))(code + 3))();
    const uint32_t after = atomic_load(&published) + 1;
    const uint32_t byte = value & 0xff;
    if (value != byte * 0x01010101u) ++wrong;  // torn
    if (before == after - 1 && byte != (before & 0xff) && byte != (after & 0xff)) ++wrong;  // stale
  }
  return (void*)(uintptr_t)wrong;
}

static bool run_code(void) {
  code = mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  code[3] = 0xb8;  // mov eax, the aligned four bytes from 4 on
  code[8] = 0xc3;
  ended = false;
  pthread_t threads[THREADS];
  uint64_t wrong = 0;
  for (unsigned n = 0; n < THREADS; ++n) pthread_create(&threads[n], NULL, change_or_call, (void*)(uintptr_t)n);
  for (unsigned n = 0; n < THREADS; ++n) {
    void* result;
    pthread_join(threads[n], &result);
    wrong += (uintptr_t)result;
  }
  printf("changed-code: %llu wrong after %u changes, %s\n", (unsigned long long)wrong, atomic_load(&published),
         wrong > 0 ? "WRONG" : "right");
  return wrong == 0;
}

int main(int count, char** arguments) {
  limit = count > 1 ? atof(arguments[1]) : 1;
  pthread_barrier_init(&barrier, NULL, THREADS);
  places = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  const bool ordered = run_litmus();
  const bool updated = run_updates();
  const bool changed = run_code();
  printf("memory order: %s\n", ordered && updated && changed ? "passed" : "FAILED");
  return ordered && updated && changed ? 0 : 1;
}
