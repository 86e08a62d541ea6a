#include "vmm/snapshot/live_snapshot.hpp"

#include <algorithm>
#include <chrono>
#include <utility>

#include <nlohmann/json.hpp>

#include "base/format.hpp"
#include "base/log.hpp"
#include "snapshot/files.hpp"
#include "storage/disk_image.hpp"
#include "storage/request/transfers.hpp"

namespace orrery::vmm {
namespace {

using std::chrono::steady_clock;

// Few enough that copying them takes a millisecond or two.
constexpr std::uint64_t kFewPages = 1024;
// A guest that writes faster than this copies gets so many rounds.
constexpr unsigned kMostRounds = 8;
// What may be written between the last round and the instant, for which there is room already.
constexpr std::uint64_t kSparePages = 2048;

std::uint64_t count_pages(const std::vector<memory::PageRun>& runs) {
  std::uint64_t pages = 0;
  for (const memory::PageRun& run : runs) pages += run.pages;
  return pages;
}

}  // namespace

LiveSnapshot::LiveSnapshot(const Vm& vm, control::SnapshotRequest request)
    : vm_(vm), request_(std::move(request)), identities_(vm.disks.size()) {}

LiveSnapshot::~LiveSnapshot() {
  cancelled_ = true;
  if (worker_.joinable()) worker_.join();
  worker_done_.abandon();
  const Result<> settled = settle_disks();
  if (!settled) log::error("snapshot: {}", settled.error().message());
  release_disks();
}

Task<Result<>> LiveSnapshot::take() {
  Result<> done;
  if (!request_.stay) done = co_await prepare_overlays();
  if (!done) co_return done;
  hypervisor::Vm& hypervisor = vm_.machine.hypervisor();
  done = hypervisor.start_dirty_log();
  if (!done) co_return done;
  done = co_await on_worker([this] { return copy_memory(); });
  begin_ = steady_clock::now();
  if (done) done = co_await reach_instant();
  if (done) done = save_machine();
  const Result<> stopped = hypervisor.stop_dirty_log();
  if (done && !stopped) done = stopped;
  if (!done) co_return done;
  co_return co_await settle_instant();
}

Task<Result<>> LiveSnapshot::reach_instant() {
  if (request_.stay) return vm_.pause();
  return hold_disks();
}

Task<Result<>> LiveSnapshot::settle_instant() {
  if (request_.stay) return flush_disks();
  return freeze_disks();
}

void LiveSnapshot::cancel() {
  cancelled_ = true;
  vm_.disks_changed.notify_all();
}

Task<Result<>> LiveSnapshot::prepare_overlays() {
  std::size_t next = 0;
  for (std::size_t i = 0; i < vm_.disks.size(); ++i) {
    const ControlledDisk& each = vm_.disks[i];
    if (each.disk->geometry().read_only) {
      const auto identity = storage::identity_of(each.disk->disk(), each.file);
      if (identity) identities_[i] = storage::describe(*identity);
      continue;
    }
    if (next == request_.overlays.size()) co_return fail("there are not enough overlays");
    auto& file = request_.overlays[next++];
    auto overlay = co_await storage::LiveOverlay::prepare(vm_.loop, *each.disk,
                                                          std::move(file.file), file.path);
    if (!overlay) co_return fail(overlay.error().context("disk " + each.path));
    written_.push_back({&each, std::move(*overlay)});
  }
  if (next != request_.overlays.size()) co_return fail("there are more overlays than disks");
  co_return Result<>{};
}

// On the worker: all pages, then those that were written meanwhile, as long as they become fewer.
Result<> LiveSnapshot::copy_memory() {
  const memory::GuestMemory& memory = vm_.machine.memory();
  ORRERY_CHECK(snapshot::write_memory(request_.memory.get(), memory, cancelled_));
  std::uint64_t before = UINT64_MAX;
  for (unsigned round = 0; round < kMostRounds; ++round) {
    ORRERY_TRY(const auto runs, vm_.machine.hypervisor().take_dirty_pages());
    ORRERY_CHECK(snapshot::write_pages(request_.memory.get(), memory, runs, cancelled_));
    expected_pages_ = count_pages(runs);
    if (expected_pages_ <= kFewPages || expected_pages_ > before / 4 * 3) break;
    before = expected_pages_;
  }
  // Its room is made here, where nobody stands and waits.
  last_pages_ = snapshot::PageCopy(expected_pages_ * 3 / 2 + kSparePages);
  return {};
}

Task<Result<>> LiveSnapshot::hold_disks() {
  for (const ControlledDisk& each : vm_.disks) each.disk->hold();
  held_ = true;
  const auto quiescent = [this] {
    return std::all_of(vm_.disks.begin(), vm_.disks.end(),
                       [](const ControlledDisk& each) { return each.disk->quiescent(); });
  };
  while (!quiescent()) {
    if (cancelled_) co_return fail("it was given up");
    co_await vm_.disks_changed;
  }
  co_return Result<>{};
}

// The instant.
Result<> LiveSnapshot::save_machine() {
  if (!request_.stay) {
    begin_ = steady_clock::now();
    ORRERY_CHECK(vm_.stop_vcpus());
  }
  auto state = vm_.machine.save();
  auto runs = vm_.machine.hypervisor().take_dirty_pages();
  if (state && runs) last_pages_.take(vm_.machine.memory(), std::move(*runs));
  if (!request_.stay) vm_.machine.resume();
  if (!state) return fail(state.error());
  if (!runs) return fail(runs.error());
  state_ = device::State::to_cbor(*state);
  report_ = {steady_clock::now() - begin_, last_pages_.pages()};
  return {};
}

// They are quiescent, and what they hold is theirs until somebody writes again.
Task<Result<>> LiveSnapshot::flush_disks() {
  for (std::size_t i = 0; i < vm_.disks.size(); ++i) {
    const ControlledDisk& each = vm_.disks[i];
    port::Blocks& disk = each.disk->disk();
    if (!disk.geometry().read_only) {
      const Result<> flushed = co_await storage::flush(disk);
      if (!flushed) co_return fail(flushed.error().context("disk " + each.path));
    }
    const auto identity = storage::identity_of(disk, each.file);
    if (!identity) co_return fail(identity.error());
    identities_[i] = storage::describe(*identity);
  }
  co_return Result<>{};
}

Task<Result<>> LiveSnapshot::freeze_disks() {
  for (WrittenDisk& each : written_) {
    const auto identity = co_await each.overlay->freeze();
    if (!identity) co_return fail(identity.error());
    each.frozen = true;
    identities_[static_cast<std::size_t>(each.disk - vm_.disks.data())] =
        storage::describe(*identity);
  }
  co_return Result<>{};
}

snapshot::Manifest LiveSnapshot::manifest() const {
  snapshot::Manifest manifest;
  manifest.parent = vm_.parent;
  manifest.hypervisor = hypervisor::name_of(vm_.machine.hypervisor().kind());
  manifest.options = vm_.options;
  manifest.regions = snapshot::regions_of(vm_.machine.memory());
  for (std::size_t i = 0; i < vm_.disks.size(); ++i) {
    const port::BlockGeometry& geometry = vm_.disks[i].disk->geometry();
    const ControlledDisk& each = vm_.disks[i];
    manifest.disks.push_back({request_.stay ? each.option : each.path,
                              geometry.read_only ? "" : each.path, identities_[i], geometry.serial,
                              geometry.read_only, !geometry.read_only && !request_.stay});
  }
  return manifest;
}

// Which of the two files has the disk's name decides, as it does for who opens the disk next.
Result<> LiveSnapshot::settle_disks() {
  Result<> result;
  for (WrittenDisk& each : written_) {
    if (!std::exchange(each.frozen, false)) continue;
    if (each.overlay->has_name(each.disk->path)) {
      each.overlay->lay();
      continue;
    }
    result = fail(each.disk->path + ": was not given the new file, so it goes on in the old one");
  }
  return result;
}

void LiveSnapshot::release_disks() {
  if (!std::exchange(held_, false)) return;
  for (const ControlledDisk& each : vm_.disks) each.disk->release();
}

Task<Result<control::SnapshotReport>> LiveSnapshot::finish() {
  const Result<> settled = settle_disks();
  release_disks();
  if (!settled) co_return fail(settled.error());
  const Result<> written = co_await on_worker([this] { return write_rest(); });
  if (!written) co_return fail(written.error());
  vm_.parent = request_.name;
  co_return report_;
}

Result<> LiveSnapshot::write_rest() {
  ORRERY_CHECK(last_pages_.write(request_.memory.get(), vm_.machine.memory()));
  return snapshot::write_all(request_.state.get(), as_bytes(state_.data(), state_.size()), 0,
                             "the state's file");
}

Task<Result<>> LiveSnapshot::on_worker(std::function<Result<>()> work) {
  worker_result_.reset();
  worker_ = std::thread([this, work = std::move(work), weak = std::weak_ptr(alive_)] {
    Result<> result = work();
    vm_.loop.post([this, weak, result = std::move(result)] {
      if (weak.expired()) return;
      worker_result_ = result;
      worker_done_.notify_all();
    });
  });
  while (!worker_result_) co_await worker_done_;
  worker_.join();
  co_return *worker_result_;
}

}  // namespace orrery::vmm
