// A snapshot of a running VM, from its beginning to its end.
//
// Memory is copied while the guest runs, again where it wrote meanwhile, until little is left; then
// the disks are held, and when they are quiescent the vCPUs stand for as long as it takes to save
// the machine's state and to copy that little. New disks are laid over those that were written
// (storage/live_overlay.hpp) before these are let go (docs/decisions/0015-snapshots.md). A VM that
// is to end there is paused instead, and its disks stay as they are.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "base/loop/event_loop.hpp"
#include "base/loop/task.hpp"
#include "machine/machine.hpp"
#include "snapshot/memory_file.hpp"
#include "storage/gated_disk.hpp"
#include "storage/live_overlay.hpp"
#include "vmm/control/target.hpp"

namespace orrery::vmm {

struct ControlledDisk {
  std::string path;    // as control::DiskStatus has it
  std::string file;    // as --disk names it
  std::string option;  // of --disk, whole, its paths absolute
  storage::GatedDisk* disk = nullptr;
};

class LiveSnapshot final : public control::SnapshotUnderWay {
 public:
  // What it is of. All outlives it.
  struct Vm {
    EventLoop& loop;
    machine::Machine& machine;
    const std::vector<ControlledDisk>& disks;
    Changed& disks_changed;                        // told when one comes to be quiescent
    const std::vector<snapshot::Option>& options;  // that make the machine what it is
    std::string& parent;                           // the snapshot before; then this one
    std::function<Task<Result<>>()> pause;         // and it stays so
    std::function<Result<>()> stop_vcpus;          // machine.resume() is owed for it
  };

  LiveSnapshot(const Vm& vm, control::SnapshotRequest request);
  ~LiveSnapshot() override;

  // Up to the instant, and until new disks lie over the old ones. Once.
  Task<Result<>> take();
  // Makes take() come to an end soon, with an error if it is not past the instant.
  void cancel();

  snapshot::Manifest manifest() const override;
  Task<Result<control::SnapshotReport>> finish() override;

 private:
  struct WrittenDisk {
    const ControlledDisk* disk;
    std::unique_ptr<storage::LiveOverlay> overlay;
    bool frozen = false;
  };

  Task<Result<>> prepare_overlays();
  Result<> copy_memory();
  Task<Result<>> reach_instant();
  Task<Result<>> hold_disks();
  Result<> save_machine();
  Task<Result<>> settle_instant();
  Task<Result<>> flush_disks();
  Task<Result<>> freeze_disks();
  Result<> settle_disks();
  void release_disks();
  Result<> write_rest();
  Task<Result<>> on_worker(std::function<Result<>()> work);

  const Vm vm_;
  control::SnapshotRequest request_;
  std::vector<std::string> identities_;  // of the disks
  std::vector<WrittenDisk> written_;
  bool held_ = false;

  snapshot::PageCopy last_pages_{0};
  std::uint64_t expected_pages_ = 0;             // of last_pages_
  std::vector<std::uint8_t> state_;              // CBOR
  std::chrono::steady_clock::time_point begin_;  // of the pause
  control::SnapshotReport report_;

  std::thread worker_;
  std::atomic<bool> cancelled_ = false;
  std::optional<Result<>> worker_result_;  // the loop's own
  Changed worker_done_;
  // Work that was posted and finds the snapshot gone does nothing.
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace orrery::vmm
