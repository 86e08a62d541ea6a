#include "store/scrub.hpp"

#include <algorithm>
#include <deque>
#include <map>
#include <optional>
#include <set>

#include "base/format.hpp"
#include "base/loop/worker_pool.hpp"
#include "store/pack/pack_reader.hpp"

namespace orrery::store {
namespace {

// Of one pack: which of its segments cannot be had.
using BadSegments = std::vector<std::uint32_t>;

struct GroupFinding {
  std::string damage;  // empty: none
  BadSegments bad;
};

GroupFinding look_at_group(const PackReader& pack, std::size_t number) {
  const Group& group = pack.table().groups[number];
  GroupFinding finding;
  auto bytes = pack.read_group(number, PackReader::Check::kStoredToo);
  if (!bytes) {
    finding.damage = bytes.error().message();
    // It may decode nevertheless, and then some or all of its segments are whole.
    bytes = pack.read_group(number);
  }
  Hasher hasher;
  for (std::uint32_t i = 0; i < group.segments; ++i) {
    const std::uint32_t segment = group.first_segment + i;
    if (!bytes || !pack.is_sound(segment, *bytes, hasher)) finding.bad.push_back(segment);
  }
  if (finding.damage.empty() && !finding.bad.empty()) finding.damage = "holds other segments";
  return finding;
}

class Scrubber {
 public:
  Scrubber(const Store& store, const Progress& progress)
      : store_(store), progress_(progress), workers_(processors()) {}

  Result<> look_at_packs(const std::set<Digest>& ids);
  Result<> look_at_image(const std::string& name);
  ScrubReport take() { return std::move(report_); }

 private:
  Result<> look_at_groups(const PackReader& pack);
  Result<std::optional<Manifest>> find_image(const std::string& name);
  std::set<Digest> unknown_packs(const Manifest& manifest) const;
  Result<std::uint64_t> look_at_run(const std::string& image, const Manifest& manifest,
                                    const Run& run, std::uint64_t offset);
  void note_damaged(const std::string& image, std::string what);

  const Store& store_;
  const Progress& progress_;
  WorkerPool workers_;
  ScrubReport report_;
  std::map<Digest, std::unique_ptr<PackReader>> packs_;
  std::map<Digest, BadSegments> bad_;
  std::set<Digest> unreadable_;
  std::uint64_t done_ = 0;
  std::uint64_t total_ = 0;
};

Result<> Scrubber::look_at_packs(const std::set<Digest>& ids) {
  std::vector<const PackReader*> opened;
  for (const Digest& id : ids) {
    auto pack = PackReader::open(store_.files(), id);
    if (!pack) {
      report_.damage.push_back(pack.error().message());
      unreadable_.insert(id);
      continue;
    }
    if (!*pack) continue;  // gone: who needs it says so
    total_ += (*pack)->table().length();
    opened.push_back(pack->get());
    packs_.emplace(id, std::move(*pack));
  }
  for (const PackReader* const pack : opened) ORRERY_CHECK(look_at_groups(*pack));
  return {};
}

Result<> Scrubber::look_at_groups(const PackReader& pack) {
  const PackTable& table = pack.table();
  std::deque<std::future<GroupFinding>> running;
  std::size_t next = 0;
  for (std::size_t group = 0; group < table.groups.size(); ++group) {
    for (; next < table.groups.size() && running.size() < 4 * workers_.size(); ++next) {
      running.push_back(workers_.run([&pack, next] { return look_at_group(pack, next); }));
    }
    GroupFinding finding = running.front().get();
    running.pop_front();
    if (!finding.damage.empty()) {
      report_.damage.push_back(
          format("{}/{}: group {} at byte {}: {}; {} of its {} segments cannot be read",
                 store_.path(), pack_name(table.id), group, table.groups[group].file_offset,
                 finding.damage, finding.bad.size(), table.groups[group].segments));
      BadSegments& bad = bad_[table.id];
      bad.insert(bad.end(), finding.bad.begin(), finding.bad.end());
    }
    done_ += table.groups[group].length;
    const Result<> going_on = report(progress_, done_, total_);
    if (!going_on) {
      for (auto& each : running) each.wait();
      return going_on;
    }
  }
  ++report_.packs;
  report_.segments += table.segments();
  report_.bytes += table.length();
  return {};
}

void Scrubber::note_damaged(const std::string& image, std::string what) {
  report_.damage.push_back(std::move(what));
  if (report_.damaged_images.empty() || report_.damaged_images.back() != image) {
    report_.damaged_images.push_back(image);
  }
}

std::set<Digest> Scrubber::unknown_packs(const Manifest& manifest) const {
  std::set<Digest> unknown;
  for (const Digest& id : manifest.packs) {
    if (!packs_.contains(id) && !unreadable_.contains(id)) unknown.insert(id);
  }
  return unknown;
}

// With the packs that it needs looked at. A collection may move segments meanwhile: then the image
// has changed, too.
Result<std::optional<Manifest>> Scrubber::find_image(const std::string& name) {
  constexpr int kTries = 16;
  for (int i = 0;; ++i) {
    auto manifest = store_.find_manifest(name);
    if (!manifest || !*manifest) return manifest;
    const std::set<Digest> unknown = unknown_packs(**manifest);
    if (unknown.empty() || i == kTries) return manifest;
    ORRERY_CHECK(look_at_packs(unknown));
  }
}

Result<> Scrubber::look_at_image(const std::string& name) {
  const auto found = find_image(name);
  if (!found) {
    note_damaged(name, found.error().message());
    return {};
  }
  if (!*found) return {};  // removed meanwhile
  ++report_.images;
  const Manifest& manifest = **found;
  std::uint64_t offset = 0;
  for (const Run& run : manifest.runs) {
    const auto length = look_at_run(name, manifest, run, offset);
    if (!length) {
      note_damaged(name, length.error().message());
      return {};
    }
    offset += *length;
  }
  const Digest content =
      digest_content(manifest.runs, [&](std::uint32_t number) -> const PackTable& {
        return packs_.at(manifest.packs[number])->table();
      });
  if (offset != manifest.size || content != manifest.content) {
    note_damaged(name, format("{}/{}: is made of other segments than when it was added",
                              store_.path(), image_name(name)));
  }
  return {};
}

// The run's length in bytes. An error: nothing behind it can be placed.
Result<std::uint64_t> Scrubber::look_at_run(const std::string& image, const Manifest& manifest,
                                            const Run& run, std::uint64_t offset) {
  if (run.zeroes()) return run.count;
  const Digest& id = manifest.packs[run.pack];
  const std::string named = format("{}/{}", store_.path(), pack_name(id));
  const auto pack = packs_.find(id);
  if (pack == packs_.end()) {
    return fail(format("image {}, from offset {} on: {}, which is {}", image, offset, named,
                       unreadable_.contains(id) ? "damaged" : "missing"));
  }
  const PackTable& table = pack->second->table();
  const std::uint64_t end = run.first + run.count;
  if (end > table.segments()) {
    return fail(
        format("image {}, from offset {} on: segments that {} has not", image, offset, named));
  }
  if (const auto bad = bad_.find(id); bad != bad_.end()) {
    for (const std::uint32_t segment : bad->second) {
      if (segment < run.first || segment >= end) continue;
      note_damaged(image, format("image {}, offset {}: segment {} ({}) of {}", image,
                                 offset + table.starts[segment] - table.starts[run.first], segment,
                                 short_hex(table.digests[segment]), named));
    }
  }
  return table.starts[end] - table.starts[run.first];
}

}  // namespace

Result<ScrubReport> scrub(const Store& store, const Progress& progress) {
  ORRERY_TRY(const auto names, store.files().list(kPacks));
  std::set<Digest> ids;
  for (const std::string& name : names) {
    if (const auto id = parse_pack_name(name)) ids.insert(*id);
  }
  Scrubber scrubber(store, progress);
  ORRERY_CHECK(scrubber.look_at_packs(ids));
  ORRERY_TRY(const auto images, store.images());
  for (const std::string& name : images) ORRERY_CHECK(scrubber.look_at_image(name));
  return scrubber.take();
}

Result<ScrubReport> verify(const Store& store, const std::string& image, const Progress& progress) {
  ORRERY_TRY(const auto there, store.files().open(image_name(image)));
  if (!there) return fail(store.read_manifest(image).error());
  Scrubber scrubber(store, progress);
  ORRERY_CHECK(scrubber.look_at_image(image));
  return scrubber.take();
}

}  // namespace orrery::store
