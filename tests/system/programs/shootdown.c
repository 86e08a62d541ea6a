// Tortures translation look-aside buffers: threads of one process use pages while another of its threads changes where they
// lie and what is allowed. Every read is checked: no thread may see a translation that the kernel has taken away everywhere.
//
//   shootdown SECONDS-PER-TEST     prints one line per test; exit status 1 when something stale was seen
#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { THREADS = 4, PAGES = 64, PAGE = 4096, WORDS = PAGE / 8 };

static uint8_t* window;                   // PAGES pages, changed by thread 0
static _Atomic uint64_t epochs[PAGES];    // what is in each page at least
static volatile bool ended;
static double limit;
static _Thread_local sigjmp_buf after_fault;
static _Thread_local volatile sig_atomic_t may_fault;

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

static void on_fault(int number) {
  if (may_fault) siglongjmp(after_fault, 1);
  signal(number, SIG_DFL);
  raise(number);
}

static volatile uint64_t* word(unsigned page, unsigned n) {
  return (volatile uint64_t*)(window + (size_t)page * PAGE) + n;
}

static void* new_page(uint64_t content) {
  uint64_t* const page = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (page == MAP_FAILED) abort();
  for (unsigned n = 0; n < WORDS; ++n) page[n] = content;
  return page;
}

static uint32_t chance(volatile uint32_t* state) {
  *state = *state * 1664525u + 1013904223u;
  return *state >> 8;
}

typedef struct {
  uint64_t actions, wrong;
} Count;

// ---- Pages that are replaced: once the new one is announced, nobody reads the old one ----

static Count replace(unsigned thread) {
  volatile Count count = {0, 0};
  volatile uint32_t random = thread + 1;  // kept by siglongjmp()
  const double end = now() + limit;
  if (thread == 0) {
    for (uint64_t epoch = 2; now() < end; ++epoch) {
      const unsigned page = chance(&random) % PAGES;
      void* const fresh = new_page(epoch);
      if (mremap(fresh, PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, window + (size_t)page * PAGE) == MAP_FAILED) abort();
      atomic_store(&epochs[page], epoch);
      ++count.actions;
    }
    ended = true;
    return count;
  }
  while (!ended) {
    const unsigned page = chance(&random) % PAGES;
    const uint64_t least = atomic_load(&epochs[page]);
    may_fault = 1;
    if (sigsetjmp(after_fault, 1) == 0) {  // between the old page and the new one there is none
      const uint64_t seen = *word(page, chance(&random) % WORDS);
      if (seen < least) ++count.wrong;
      ++count.actions;
    }
    may_fault = 0;
  }
  return count;
}

// ---- Pages that become read-only: once that is so, nobody writes to them ----

static Count protect(unsigned thread) {
  volatile Count count = {0, 0};
  volatile uint32_t random = thread + 1;  // kept by siglongjmp()
  const double end = now() + limit;
  if (thread == 0) {
    while (now() < end) {
      const unsigned page = chance(&random) % PAGES;
      uint8_t* const place = window + (size_t)page * PAGE;
      if (mprotect(place, PAGE, PROT_READ) != 0) abort();
      uint64_t before[THREADS];
      for (unsigned n = 0; n < THREADS; ++n) before[n] = *word(page, n);
      for (unsigned spin = 0; spin < 2000; ++spin) __asm__ volatile("pause");
      for (unsigned n = 0; n < THREADS; ++n) count.wrong += before[n] != *word(page, n);
      if (mprotect(place, PAGE, PROT_READ | PROT_WRITE) != 0) abort();
      ++count.actions;
    }
    ended = true;
    return count;
  }
  while (!ended) {
    const unsigned page = chance(&random) % PAGES;
    may_fault = 1;
    if (sigsetjmp(after_fault, 1) == 0) {
      ++*word(page, thread);
      ++count.actions;
    }
    may_fault = 0;
  }
  return count;
}

// ---- Pages that go: madvise() takes them away, and what is read then is zero until it is filled again ----

static Count discard(unsigned thread) {
  Count count = {0, 0};
  uint32_t random = thread + 1;
  const double end = now() + limit;
  if (thread == 0) {
    for (uint64_t epoch = 2; now() < end; epoch += 2) {
      const unsigned page = chance(&random) % PAGES;
      atomic_store(&epochs[page], 0);  // nothing is promised in between
      if (madvise(window + (size_t)page * PAGE, PAGE, MADV_DONTNEED) != 0) abort();
      atomic_store(&epochs[page], epoch + 1);  // odd: gone
      for (unsigned spin = 0; spin < 200; ++spin) __asm__ volatile("pause");
      atomic_store(&epochs[page], 0);
      for (unsigned n = 0; n < WORDS; ++n) *word(page, n) = epoch;
      atomic_store(&epochs[page], epoch);
      ++count.actions;
    }
    ended = true;
    return count;
  }
  while (!ended) {
    const unsigned page = chance(&random) % PAGES;
    const uint64_t before = atomic_load(&epochs[page]);
    const uint64_t seen = *word(page, chance(&random) % WORDS);
    if (before == 0 || atomic_load(&epochs[page]) != before) continue;
    if (seen != (before == 1 ? 1 : before % 2 == 1 ? 0 : before)) ++count.wrong;
    ++count.actions;
  }
  return count;
}

// ---- Copies on write: a child sees what there was when it was made, whatever the parent writes ----

static Count copy(unsigned thread) {
  Count count = {0, 0};
  uint32_t random = thread + 1;
  const double end = now() + limit;
  if (thread == 0) {
    while (now() < end) {
      fflush(stdout);
      const pid_t child = fork();
      if (child < 0) abort();
      if (child == 0) {
        uint64_t sum = 0, again = 0;
        for (unsigned page = 0; page < PAGES; ++page) sum += *word(page, 1) * 31 + *word(page, 2) * 7 + *word(page, 3);
        for (unsigned spin = 0; spin < 20000; ++spin) __asm__ volatile("pause");
        for (unsigned page = 0; page < PAGES; ++page) again += *word(page, 1) * 31 + *word(page, 2) * 7 + *word(page, 3);
        _exit(sum == again ? 0 : 1);
      }
      int status = 0;
      while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
      }
      count.wrong += !WIFEXITED(status) || WEXITSTATUS(status) != 0;
      ++count.actions;
    }
    ended = true;
    return count;
  }
  uint64_t mine[PAGES];
  for (unsigned page = 0; page < PAGES; ++page) mine[page] = *word(page, thread);
  while (!ended) {
    const unsigned page = chance(&random) % PAGES;
    if (*word(page, thread) != mine[page]) ++count.wrong;  // a write went to a copy that is not ours
    *word(page, thread) = ++mine[page];
    ++count.actions;
  }
  return count;
}

typedef struct {
  const char* name;
  Count (*act)(unsigned thread);
} Test;
static const Test kTests[] = {{"replaced", replace}, {"protected", protect}, {"discarded", discard}, {"copied", copy}};

static const Test* test;
static Count counts[THREADS];

static void* play(void* argument) {
  const unsigned thread = (unsigned)(uintptr_t)argument;
  pin(thread);
  counts[thread] = test->act(thread);
  return NULL;
}

int main(int count, char** arguments) {
  limit = count > 1 ? atof(arguments[1]) : 1;
  signal(SIGSEGV, on_fault);
  bool right = true;
  for (unsigned n = 0; n < sizeof kTests / sizeof *kTests; ++n) {
    test = &kTests[n];
    window = mmap(NULL, (size_t)PAGES * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    for (unsigned page = 0; page < PAGES; ++page) {
      atomic_store(&epochs[page], 1);
      for (unsigned i = 0; i < WORDS; ++i) *word(page, i) = 1;
    }
    ended = false;
    pthread_t threads[THREADS];
    for (unsigned i = 0; i < THREADS; ++i) pthread_create(&threads[i], NULL, play, (void*)(uintptr_t)i);
    uint64_t uses = 0, wrong = 0;
    for (unsigned i = 0; i < THREADS; ++i) {
      pthread_join(threads[i], NULL);
      if (i > 0) uses += counts[i].actions;
      wrong += counts[i].wrong;
    }
    printf("%s: %llu changes, %llu uses, %llu stale, %s\n", test->name, (unsigned long long)counts[0].actions,
           (unsigned long long)uses, (unsigned long long)wrong, wrong > 0 ? "WRONG" : "right");
    right = right && wrong == 0;
    munmap(window, (size_t)PAGES * PAGE);
  }
  printf("shootdown: %s\n", right ? "passed" : "FAILED");
  return right ? 0 : 1;
}
