#include "hypervisor/soft/translate/emission.hpp"

#include <chrono>
#include <utility>

#include <immintrin.h>

namespace orrery::hypervisor::soft::translate {

Emission::Emission(const Layout& layout, const Gates& gates, CodeCache& cache,
                   const Options& options)
    : layout_(layout), gates_(gates), cache_(cache), options_(options) {
  if (options.beside) thread_ = std::thread([this] { work(); });
}

Emission::~Emission() {
  if (!thread_.joinable()) return;
  stopped_.store(true);
  begun_.fetch_add(1);
  begun_.notify_one();
  thread_.join();
}

Emission::Job& Emission::next() {
  const std::uint32_t begun = begun_.load(std::memory_order_relaxed);
  const bool is_busy = !thread_.joinable() || begun - released_ == kJobs;
  return is_busy ? here_ : beside(begun);
}

void Emission::begin(Job& job) {
  if (&job == &here_) {
    emit(job, here_sites_);
    here_is_finished_ = true;
    return;
  }
  begun_.store(begun_.load(std::memory_order_relaxed) + 1, std::memory_order_release);
  begun_.notify_one();
}

Emission::Job* Emission::finished() {
  if (here_is_finished_) return &here_;
  return emitted_.load(std::memory_order_acquire) == released_ ? nullptr : &beside(released_);
}

void Emission::release(const Job& job) {
  if (&job == &here_) {
    here_is_finished_ = false;
  } else {
    ++released_;
  }
}

std::array<Sites, 2> Emission::abandon() {
  abandoned_.store(true, std::memory_order_relaxed);
  const std::uint32_t begun = begun_.load(std::memory_order_relaxed);
  for (std::uint32_t emitted = emitted_.load(std::memory_order_acquire); emitted != begun;
       emitted = emitted_.load(std::memory_order_acquire)) {
    emitted_.wait(emitted, std::memory_order_acquire);
  }
  abandoned_.store(false, std::memory_order_relaxed);
  released_ = begun;
  here_is_finished_ = false;
  return {std::exchange(here_sites_, {}), std::exchange(beside_sites_, {})};
}

void Emission::emit(Job& job, Sites& sites) {
  job.block = BlockEmitter(layout_, gates_, sites, job.unit, options_).emit(cache_);
}

// Waking a thread takes a system call of the vCPU's, which it should not make for every block of a
// program that begins: this one waits awake for a little longer than those are apart.
void Emission::await(std::uint32_t next) const {
  constexpr auto kPatience = std::chrono::microseconds(100);
  const auto end = std::chrono::steady_clock::now() + kPatience;
  while (begun_.load(std::memory_order_acquire) == next) {
    for (unsigned n = 0; n < 16; ++n) _mm_pause();
    if (std::chrono::steady_clock::now() < end) continue;
    return begun_.wait(next, std::memory_order_acquire);
  }
}

void Emission::work() {
  for (std::uint32_t next = 0;; ++next) {
    await(next);
    if (stopped_.load()) return;
    if (!abandoned_.load(std::memory_order_relaxed)) emit(beside(next), beside_sites_);
    emitted_.store(next + 1, std::memory_order_release);
    emitted_.notify_one();
  }
}

}  // namespace orrery::hypervisor::soft::translate
