#include "vmm/snapshot/snapshot_start.hpp"

#include <cstdlib>
#include <filesystem>

#include <nlohmann/json.hpp>
#include <sys/stat.h>
#include <unistd.h>

#include "base/format.hpp"
#include "memory/mapped_content.hpp"
#include "snapshot/kept_disk.hpp"
#include "snapshot/memory_file.hpp"
#include "snapshot/stored.hpp"
#include "storage/gated_disk.hpp"
#include "storage/store/store_disk.hpp"
#include "vmm/options/option_values.hpp"
#include "vmm/snapshot/stored_memory.hpp"

namespace orrery::vmm {

Result<SnapshotStart> SnapshotStart::open(EventLoop& loop, const SnapshotOptions& options) {
  const bool stored = storage::names_store_image(options.name);
  auto start = stored ? open_stored(loop, options) : open_kept(options);
  if (!start) return start;
  ORRERY_CHECK(start->choose_folder(options));
  ORRERY_CHECK(start->choose_disks(loop));
  return start;
}

Result<SnapshotStart> SnapshotStart::open_kept(const SnapshotOptions& options) {
  const auto [library, name] = snapshot::find(options.name, options.library);
  ORRERY_TRY(auto lock, library.lock(snapshot::Library::Use::kShared));
  ORRERY_TRY(auto manifest, library.read(name));
  SnapshotStart start(std::move(manifest));
  start.lock_ = std::move(lock);
  ORRERY_TRY(start.state_, library.read_state(start.manifest_));
  ORRERY_TRY(start.memory_, library.open_memory(start.manifest_));
  start.library_ = library;
  return start;
}

Result<SnapshotStart> SnapshotStart::open_stored(EventLoop& loop, const SnapshotOptions& options) {
  ORRERY_TRY(auto bundle, snapshot::read_stored(loop, options.name));
  SnapshotStart start(std::move(bundle.manifest));
  start.state_ = std::move(bundle.state);
  ORRERY_TRY(start.supplied_, open_stored_memory(snapshot::memory_of_stored(options.name),
                                                 start.manifest_.memory(), start.report_));
  return start;
}

SnapshotStart::~SnapshotStart() {
  if (!passing_ || folder_.empty()) return;
  std::error_code ignored;
  std::filesystem::remove_all(folder_, ignored);
}

// Disks that go with the run are made where the snapshot's are, for there is room for disks; but
// where nobody may write there, among other passing files.
Result<> SnapshotStart::choose_folder(const SnapshotOptions& options) {
  std::error_code error;
  if (!options.disks.empty() && manifest_.suspended()) {
    return fail(
        format("{}: its VM ended with it and goes on with its own disks, so \"disks=\" says "
               "nothing; leave it away",
               manifest_.name));
  }
  if (!options.disks.empty()) {
    folder_ = options.disks;
    std::filesystem::create_directories(folder_, error);
    if (error) return fail(Error::from_errno(folder_ + ": cannot be made", error.value()));
    return {};
  }
  passing_ = true;
  if (library_) {
    folder_ = library_->folder() + "/.run-XXXXXX";
    if (::mkdtemp(folder_.data()) != nullptr) return {};
  }
  folder_ = std::filesystem::temp_directory_path(error).string() + "/orrery-run-XXXXXX";
  if (::mkdtemp(folder_.data()) != nullptr) return {};
  const Error made = Error::from_errno(std::exchange(folder_, "") + ": cannot be made");
  return fail(made.message() + "; name a folder for the disks with \"disks=\"");
}

Result<> SnapshotStart::choose_disks(EventLoop& loop) {
  for (std::size_t i = 0; i < manifest_.disks.size(); ++i) {
    const snapshot::Disk& saved = manifest_.disks[i];
    ORRERY_TRY(auto disk, find_disk(loop, saved));
    if (!saved.read_only && saved.kept) {
      disk.read_only = false;
      disk.overlay = format("{}/disk{}.qcow2", folder_, i);
      if (::access(disk.overlay.c_str(), F_OK) == 0) {
        return fail(disk.overlay +
                    ": is there already, of another run; name another folder with \"disks=\"");
      }
      if (!passing_ && library_) {
        ORRERY_CHECK(library_->note_head(saved.file, storage::absolute_path(disk.overlay)));
      }
    }
    disks_.push_back(std::move(disk));
  }
  return {};
}

Result<storage::DiskOptions> SnapshotStart::find_disk(EventLoop& loop,
                                                      const snapshot::Disk& saved) const {
  if (!saved.kept) return parse_disk(saved.file);
  if (library_) return snapshot::find_kept_disk(loop, *library_, saved);
  return snapshot::find_stored_disk(loop, saved);
}

Result<> SnapshotStart::check_disks(std::span<const std::unique_ptr<port::Blocks>> disks) {
  for (std::size_t i = 0; i < disks.size(); ++i) {
    const snapshot::Disk& saved = manifest_.disks[i];
    const bool over_it = saved.kept && !saved.read_only;  // checked before
    if (over_it || saved.identity.empty()) continue;
    auto* const gated = dynamic_cast<storage::GatedDisk*>(disks[i].get());
    ORRERY_TRY(const auto identity,
               storage::identity_of(gated ? gated->disk() : *disks[i], disks_[i].path));
    ORRERY_CHECK(snapshot::check_identity(disks_[i].path, storage::describe(identity), saved));
  }
  lock_.reset();
  if (!passing_) return {};
  std::error_code error;
  std::filesystem::remove_all(folder_, error);
  if (error) return fail(Error::from_errno(folder_, error.value()));
  passing_ = false;
  return {};
}

Result<std::unique_ptr<memory::PageSupply>> SnapshotStart::restore(
    machine::Machine& machine, std::function<void(const Error&)> failed) {
  const std::string what = "snapshot " + manifest_.name;
  if (snapshot::regions_of(machine.memory()) != manifest_.regions) {
    return fail(what +
                ": its memory is not laid out as this machine's is; use the program that "
                "made it");
  }
  std::unique_ptr<memory::PageSupply> supply;
  if (supplied_) {
    ORRERY_TRY(supply, memory::PageSupply::create(machine.memory(), std::move(supplied_),
                                                  std::move(failed)));
  } else {
    const Result<> mapped = memory::map_content(machine.memory(), memory_.get());
    if (!mapped) return fail(mapped.error().context(what));
  }
  const auto state = device::State::from_cbor(state_, true, false);
  if (state.is_discarded()) return fail(what + ": its state is no CBOR");
  const Result<> restored = machine.restore(state);
  if (!restored) return fail(restored.error().context(what));
  return supply;
}

}  // namespace orrery::vmm
