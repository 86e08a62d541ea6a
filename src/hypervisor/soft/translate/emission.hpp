// Where units become host code: on a thread beside the vCPU, which goes on interpreting what is not
// ready, or, where there is none or it has enough to do, at once (decision 27).
//
// The vCPU's thread calls everything here. The other one touches nothing but the jobs that are
// under way, its own sites, and what it reserves in the code cache.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <thread>

#include "hypervisor/soft/translate/emit/block_emitter.hpp"
#include "hypervisor/soft/translate/options.hpp"
#include "hypervisor/soft/translate/sites.hpp"
#include "hypervisor/soft/translate/unit.hpp"

namespace orrery::hypervisor::soft::translate {

class Emission {
 public:
  struct Job {
    Page* page = nullptr;  // the vCPU's
    Unit unit;
    Result<BlockEntry> block{};  // of a finished job: where its code is
  };

  // All of them outlive it.
  Emission(const Layout& layout, const Gates& gates, CodeCache& cache, const Options& options);
  ~Emission();
  Emission(const Emission&) = delete;
  Emission& operator=(const Emission&) = delete;

  // A job to be filled in and begun.
  Job& next();
  void begin(Job& job);
  // One whose code is in the cache, if there was room, or nullptr; until it is released.
  Job* finished();
  void release(const Job& job);

  // Drops all jobs, and hands over what the code of those before refers to.
  std::array<Sites, 2> abandon();

 private:
  // As many as keep the other thread busy while the vCPU is in translated code.
  static constexpr std::uint32_t kJobs = 16;

  void emit(Job& job, Sites& sites);
  // Until job number NEXT is begun.
  void await(std::uint32_t next) const;
  void work();
  Job& beside(std::uint32_t number) { return beside_[number % kJobs]; }

  const Layout& layout_;
  const Gates& gates_;
  CodeCache& cache_;
  const Options options_;

  Job here_;
  bool here_is_finished_ = false;
  Sites here_sites_;

  std::array<Job, kJobs> beside_;
  Sites beside_sites_;  // the thread's while anything is under way
  // Jobs so far, modulo 2^32: released <= emitted <= begun.
  std::uint32_t released_ = 0;
  std::atomic<std::uint32_t> emitted_ = 0;  // release: a job's code; acquired by the vCPU
  std::atomic<std::uint32_t> begun_ = 0;    // release: a job's unit; acquired by work()
  std::atomic<bool> abandoned_ = false;     // what is under way need not be emitted
  std::atomic<bool> stopped_ = false;
  std::thread thread_;  // where options_.beside says so
};

}  // namespace orrery::hypervisor::soft::translate
