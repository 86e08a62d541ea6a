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

// What a qcow2 lies over.
struct Below {
  std::string path;  // empty: nothing
  std::string format;
};
Result<Below> below(EventLoop& loop, const std::string& path) {
  ORRERY_TRY(const auto described, storage::describe_disk(loop, path, Format::kQcow2));
  if (described.backing.empty()) return Below{};
  return Below{storage::backing_path(path, described.backing), described.backing_format};
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
  const Below& below_of(const std::string& file) const { return below_.at(file); }

 private:
  Disks(EventLoop& loop, const Library& library) : loop_(loop), library_(library) {}

  EventLoop& loop_;
  const Library& library_;
  std::map<std::string, Below> below_;  // of each file
  std::set<std::string> needed_;        // by snapshots
};

Result<Disks> Disks::look(EventLoop& loop, const Library& library) {
  Disks disks(loop, library);
  ORRERY_TRY(const auto names, library.names());
  for (const std::string& name : names) {
    auto manifest = library.read(name);
    if (!manifest) return fail(manifest.error().context("cannot tell which disks are needed"));
    for (const Disk& disk : manifest->disks) {
      if (!disk.read_only) disks.needed_.insert(disk.file);
    }
  }
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(library.disk_path(""), error)) {
    ORRERY_TRY(disks.below_[entry.path().filename()], below(loop, entry.path()));
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
    if (lies_over.path != path) continue;
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
    const auto lies_over = below(loop_, head);
    if (!lies_over) {
      found.push_back({head, lies_over.error().message(), false});
    } else if (lies_over->path == path) {
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

// OVER reads as before at every instant, so it keeps its identity, and so do those over it.
Result<> merge_into(EventLoop& loop, const std::string& over, const Below& new_backing,
                    const storage::Progress& progress) {
  storage::RebaseOptions rebase;
  rebase.path = over;
  rebase.backing = new_backing.path;
  if (!new_backing.format.empty()) {
    ORRERY_TRY(rebase.backing_format, storage::parse_format(new_backing.format));
  }
  return storage::rebase_disk(loop, rebase, progress);
}

// Merges each disk that can be into the only one over it; FAILED: why others were not.
Result<std::vector<std::string>> merge_all(EventLoop& loop, const Library& library, Missing missing,
                                           const storage::Progress& progress,
                                           std::map<std::string, std::string>& failed) {
  std::vector<std::string> merged;
  for (bool again = true; again;) {
    again = false;
    ORRERY_TRY(const Disks disks, Disks::look(loop, library));
    for (const std::string& file : disks.unneeded()) {
      ORRERY_TRY(const auto dependents, disks.dependents(file, missing));
      if (dependents.size() != 1 || !dependents[0].certain || failed.contains(file)) continue;
      const Result<> done = merge_into(loop, dependents[0].path, disks.below_of(file), progress);
      if (!done) {
        failed[file] = done.error().message();
        continue;
      }
      ORRERY_CHECK(library.remove_disk(file));
      merged.push_back(file);
      again = true;
      break;  // what lies over what has changed
    }
  }
  return merged;
}

}  // namespace

Result<RemovalReport> remove_snapshot(EventLoop& loop, const Library& library,
                                      const std::string& name, Missing missing) {
  ORRERY_TRY(const auto lock, library.lock());
  ORRERY_CHECK(library.remove(name));
  return sweep(loop, library, missing);
}

Result<RemovalReport> merge_snapshot(EventLoop& loop, const Library& library,
                                     const std::string& name, Missing missing,
                                     const storage::Progress& progress) {
  ORRERY_TRY(RemovalReport first, remove_snapshot(loop, library, name, missing));
  ORRERY_TRY(const auto lock, library.lock());
  std::map<std::string, std::string> failed;
  ORRERY_TRY(const auto merged, merge_all(loop, library, missing, progress, failed));
  ORRERY_TRY(RemovalReport report, sweep(loop, library, missing));
  first.removed.insert(first.removed.end(), merged.begin(), merged.end());
  report.removed.insert(report.removed.begin(), first.removed.begin(), first.removed.end());
  for (auto& kept : report.kept) {
    if (failed.contains(kept.file)) kept.because = failed[kept.file];
  }
  return report;
}

}  // namespace orrery::snapshot
