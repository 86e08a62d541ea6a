#include "snapshot/removal.hpp"

#include <algorithm>
#include <filesystem>
#include <map>
#include <set>

#include <unistd.h>

#include "base/format.hpp"
#include "snapshot/files.hpp"
#include "storage/disk_image.hpp"
#include "store/manifest.hpp"

namespace orrery::snapshot {
namespace {

namespace fs = std::filesystem;

using storage::Format;

// What a qcow2 lies over; empty: nothing.
Result<std::string> path_below(EventLoop& loop, const std::string& path) {
  ORRERY_TRY(const auto described, storage::describe_disk(loop, path, Format::kQcow2));
  if (described.backing.empty()) return std::string();
  return storage::backing_path(path, described.backing);
}

// Whatever way their names lead.
bool same_file(const std::string& one, const std::string& other) {
  std::error_code not_there;
  return fs::equivalent(one, other, not_there);
}

struct Dependent {
  std::string path;
  std::string why;       // for people
  bool certain = false;  // it lies over the disk; otherwise that cannot be excluded
};

// The library's disks as they are now.
class Disks {
 public:
  static Result<Disks> look(EventLoop& loop, const Library& library);

  std::vector<std::string> unneeded() const;  // by snapshots
  Result<std::vector<Dependent>> dependents(const std::string& file, Missing missing) const;

 private:
  Disks(EventLoop& loop, const Library& library) : loop_(loop), library_(library) {}

  EventLoop& loop_;
  const Library& library_;
  std::map<std::string, std::string> below_;  // each file's: what it lies over
  std::set<std::string> needed_;              // by snapshots
};

Result<Disks> Disks::look(EventLoop& loop, const Library& library) {
  Disks disks(loop, library);
  ORRERY_TRY(const auto names, library.names());
  for (const std::string& name : names) {
    auto manifest = library.read(name);
    if (!manifest) return fail(manifest.error().context("cannot tell which disks are needed"));
    for (const Disk& disk : manifest->disks) {
      if (disk.kept) disks.needed_.insert(disk.file);
    }
  }
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(library.disk_path(""), error)) {
    ORRERY_TRY(disks.below_[entry.path().filename()], path_below(loop, entry.path()));
  }
  if (error) return fail(Error::from_errno(library.disk_path(""), error.value()));
  return disks;
}

std::vector<std::string> Disks::unneeded() const {
  std::vector<std::string> files;
  for (const auto& [file, lies_over] : below_) {
    if (!needed_.contains(file)) files.push_back(file);
  }
  return files;
}

Result<std::vector<Dependent>> Disks::dependents(const std::string& file, Missing missing) const {
  const std::string path = library_.disk_path(file);
  std::vector<Dependent> found;
  for (const auto& [other, lies_over] : below_) {
    if (!same_file(lies_over, path)) continue;
    found.push_back({library_.disk_path(other), "a disk of the library lies over it", true});
  }
  ORRERY_TRY(const auto heads, library_.heads(file));
  for (const std::string& head : heads) {
    if (::access(head.c_str(), F_OK) != 0) {
      if (missing == Missing::kForgotten) continue;
      found.push_back({head,
                       "lay over it and is not there any more; if it is gone for good, say "
                       "--forget-missing",
                       false});
      continue;
    }
    const auto lies_over = path_below(loop_, head);
    if (!lies_over) {
      found.push_back({head, lies_over.error().message(), false});
    } else if (same_file(*lies_over, path)) {
      found.push_back({head, "lies over it", true});
    }
  }
  return found;
}

std::string describe(const std::vector<Dependent>& dependents) {
  std::string text;
  for (const Dependent& each : dependents) {
    text += format("{}{}: {}", text.empty() ? "" : "; ", each.path, each.why);
  }
  return text;
}

// From the top of each tree to its root.
Result<RemovalReport> sweep(EventLoop& loop, const Library& library, Missing missing) {
  RemovalReport report;
  for (bool again = true; again;) {
    again = false;
    report.kept.clear();
    ORRERY_TRY(const Disks disks, Disks::look(loop, library));
    for (const std::string& file : disks.unneeded()) {
      ORRERY_TRY(const auto dependents, disks.dependents(file, missing));
      if (!dependents.empty()) {
        report.kept.push_back({file, describe(dependents)});
        continue;
      }
      ORRERY_CHECK(library.remove_disk(file));
      report.removed.push_back(file);
      again = true;
    }
  }
  return report;
}

class Merging {
 public:
  Merging(EventLoop& loop, const Library& library, Missing missing,
          const storage::Progress& progress)
      : loop_(loop), library_(library), missing_(missing), progress_(progress) {}

  // Merges each disk that can be into the only one over it.
  Result<> run();

  const std::vector<std::string>& merged() const { return merged_; }
  const std::map<std::string, std::string>& failed() const { return failed_; }  // and why

 private:
  Result<bool> merge_one();
  Result<> merge(const Disks& disks, const std::string& over);

  EventLoop& loop_;
  const Library& library_;
  const Missing missing_;
  const storage::Progress& progress_;
  std::vector<std::string> merged_;
  std::map<std::string, std::string> failed_;
};

Result<> Merging::run() {
  while (true) {
    ORRERY_TRY(const bool merged, merge_one());
    if (!merged) return {};
  }
}

// One, as afterwards other disks lie over others.
Result<bool> Merging::merge_one() {
  ORRERY_TRY(const Disks disks, Disks::look(loop_, library_));
  for (const std::string& file : disks.unneeded()) {
    ORRERY_TRY(const auto dependents, disks.dependents(file, missing_));
    if (dependents.size() != 1 || !dependents[0].certain || failed_.contains(file)) continue;
    const Result<> done = merge(disks, dependents[0].path);
    if (!done) {
      failed_[file] = done.error().message();
      continue;
    }
    ORRERY_CHECK(library_.remove_disk(file));
    merged_.push_back(file);
    return true;
  }
  return false;
}

// OVER keeps its identifier, but holds something else afterwards; who has noted that forgets it.
Result<> Merging::merge(const Disks& disks, const std::string& over) {
  const std::string file = fs::path(over).filename();
  if (same_file(over, library_.disk_path(file))) {
    ORRERY_TRY(const auto above, disks.dependents(file, missing_));
    for (const Dependent& each : above) {
      if (!each.certain) return fail(format("{}: {}", each.path, each.why));
      ORRERY_CHECK(storage::forget_parent_root(loop_, each.path));
    }
  }
  return storage::merge_backing(loop_, over, progress_);
}

// What keeps from telling which disks are needed is found before anything is removed.
Result<RemovalReport> remove_locked(EventLoop& loop, const Library& library,
                                    const std::string& name, Missing missing) {
  ORRERY_CHECK(Disks::look(loop, library));
  ORRERY_CHECK(library.remove(name));
  return sweep(loop, library, missing);
}

}  // namespace

Result<RemovalReport> remove_snapshot(EventLoop& loop, const Library& library,
                                      const std::string& name, Missing missing) {
  ORRERY_TRY(const auto lock, library.lock(Library::Use::kRemoving));
  return remove_locked(loop, library, name, missing);
}

Result<RemovalReport> merge_snapshot(EventLoop& loop, const Library& library,
                                     const std::string& name, Missing missing,
                                     const storage::Progress& progress) {
  ORRERY_TRY(const auto lock, library.lock(Library::Use::kRemoving));
  ORRERY_TRY(RemovalReport report, remove_locked(loop, library, name, missing));
  Merging merging(loop, library, missing, progress);
  ORRERY_CHECK(merging.run());
  report.removed.insert(report.removed.end(), merging.merged().begin(), merging.merged().end());
  ORRERY_TRY(const RemovalReport rest, sweep(loop, library, missing));
  report.removed.insert(report.removed.end(), rest.removed.begin(), rest.removed.end());
  report.kept = rest.kept;
  for (auto& kept : report.kept) {
    const auto failed = merging.failed().find(kept.file);
    if (failed != merging.failed().end()) kept.because = failed->second;
  }
  return report;
}

}  // namespace orrery::snapshot
