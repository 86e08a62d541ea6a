#include "store/collect.hpp"

#include <algorithm>
#include <map>
#include <optional>
#include <vector>

#include "base/assert.hpp"
#include "base/format.hpp"
#include "store/pack/pack_builder.hpp"
#include "store/pack/pack_reader.hpp"

namespace orrery::store {
namespace {

// Which segments of a pack images name.
using Live = std::vector<bool>;

// A pack that is to go: locked, so that no writer comes to refer to it.
struct Leaving {
  std::unique_ptr<PackReader> pack;
  std::unique_ptr<FileLock> lock;
  std::uint64_t file_size = 0;
  Live live;
  std::vector<Place> moved;  // where each live segment is now, in the new packs
};

struct NamedManifest {
  std::string name;
  Manifest manifest;
};

class Collection {
 public:
  Collection(Store& store, const CollectOptions& options, const Progress& progress)
      : store_(store), options_(options), progress_(progress), workers_(processors()) {}

  Result<CollectReport> run();

 private:
  struct Candidate {
    Digest id;
    std::uint64_t live_bytes = 0;
  };

  Result<std::vector<NamedManifest>> read_manifests() const;
  static void mark(const std::vector<NamedManifest>& manifests, const Digest& id, Live& live);
  Result<std::vector<Candidate>> find_candidates();
  Result<> work_on(std::span<const Candidate> batch);
  Result<std::optional<Leaving>> lock_pack(const Digest& id);
  Result<> copy_live(Leaving& leaving, PackBuilder& builder);
  Result<> replace(std::vector<Leaving>& leaving, PackBuilder& builder, const std::string& prefix);
  static std::optional<Manifest> rewritten(const Manifest& old, const std::vector<Leaving>& leaving,
                                           const PackBuilder& builder);

  Store& store_;
  const CollectOptions& options_;
  const Progress& progress_;
  WorkerPool workers_;
  CollectReport report_;
  std::uint64_t done_ = 0;
  std::uint64_t total_ = 0;
};

Result<std::vector<NamedManifest>> Collection::read_manifests() const {
  ORRERY_TRY(const auto names, store_.images());
  std::vector<NamedManifest> manifests;
  for (const std::string& name : names) {
    auto manifest = store_.find_manifest(name);
    if (!manifest) {
      return fail(
          manifest.error().message() +
          "; as nobody knows what it needs, nothing is collected: remove the image first, or "
          "bring its file back");
    }
    if (*manifest) manifests.push_back({name, std::move(**manifest)});
  }
  return manifests;
}

void Collection::mark(const std::vector<NamedManifest>& manifests, const Digest& id, Live& live) {
  for (const auto& [name, manifest] : manifests) {
    const auto found = std::find(manifest.packs.begin(), manifest.packs.end(), id);
    if (found == manifest.packs.end()) continue;
    const auto number = static_cast<std::uint32_t>(found - manifest.packs.begin());
    for (const Run& run : manifest.runs) {
      if (run.pack != number || run.first >= live.size()) continue;
      const std::uint64_t count = std::min<std::uint64_t>(run.count, live.size() - run.first);
      std::fill_n(live.begin() + run.first, count, true);
    }
  }
}

std::uint64_t live_bytes(const PackTable& table, const Live& live) {
  std::uint64_t bytes = 0;
  for (std::uint32_t i = 0; i < table.segments(); ++i) bytes += live[i] ? table.length_of(i) : 0;
  return bytes;
}

Result<std::vector<Collection::Candidate>> Collection::find_candidates() {
  ORRERY_TRY(const auto names, store_.files().list(kPacks));
  ORRERY_TRY(const auto manifests, read_manifests());
  std::vector<Candidate> candidates;
  std::vector<Candidate> small;
  for (const std::string& name : names) {
    const auto id = parse_pack_name(name);
    if (!id) continue;
    // A damaged one is left as it is: perhaps some of it can be saved.
    const auto pack = PackReader::open(store_.files(), *id);
    if (!pack || !*pack) continue;
    const PackTable& table = (*pack)->table();
    Live live(table.segments());
    mark(manifests, *id, live);
    const Candidate candidate{*id, live_bytes(table, live)};
    const std::uint64_t garbage = table.length() - candidate.live_bytes;
    if (candidate.live_bytes == 0 || garbage * 100 > table.length() * options_.percent) {
      candidates.push_back(candidate);
    } else {
      report_.bytes_left += garbage;
      // Additions of little each leave many packs, which are put together.
      if (table.length() < kPackBytes / 8) small.push_back(candidate);
    }
  }
  if (small.size() > 1) candidates.insert(candidates.end(), small.begin(), small.end());
  for (const Candidate& each : candidates) total_ += each.live_bytes;
  return candidates;
}

Result<CollectReport> Collection::run() {
  ORRERY_CHECK(sweep_incoming(store_.files()));
  ORRERY_TRY(const auto candidates, find_candidates());
  // As many at a time as make one new pack.
  for (std::size_t at = 0; at < candidates.size();) {
    std::size_t count = 0;
    std::uint64_t bytes = 0;
    while (at + count < candidates.size() &&
           (count == 0 || bytes + candidates[at + count].live_bytes <= kPackBytes)) {
      bytes += candidates[at + count++].live_bytes;
    }
    ORRERY_CHECK(work_on(std::span(candidates).subspan(at, count)));
    at += count;
  }
  return report_;
}

Result<std::optional<Leaving>> Collection::lock_pack(const Digest& id) {
  Leaving leaving;
  ORRERY_TRY(leaving.lock,
             store_.files().lock(pack_name(id), Files::Lock::kExclusive, Files::Wait::kNo));
  if (!leaving.lock) {
    ++report_.packs_busy;
    return std::nullopt;
  }
  ORRERY_TRY(leaving.pack, PackReader::open(store_.files(), id));
  ORRERY_TRY(const auto file, store_.files().open(pack_name(id)));
  if (!leaving.pack || !file) return std::nullopt;
  leaving.file_size = file->size();
  return leaving;
}

Result<> Collection::work_on(std::span<const Candidate> batch) {
  std::vector<Leaving> leaving;
  for (const Candidate& each : batch) {
    ORRERY_TRY(auto locked, lock_pack(each.id));
    if (locked) leaving.push_back(std::move(*locked));
  }
  // Only now, as until they were locked writers may have come to refer to them.
  ORRERY_TRY(const auto manifests, read_manifests());
  ORRERY_TRY(const auto lease, Lease::take(store_.files()));
  PackBuilder builder(store_.files(), workers_, lease->prefix(), options_.level);
  for (Leaving& each : leaving) {
    each.live.resize(each.pack->table().segments());
    mark(manifests, each.pack->table().id, each.live);
    ORRERY_CHECK(copy_live(each, builder));
  }
  ORRERY_CHECK(builder.finish());
  return replace(leaving, builder, lease->prefix());
}

Result<> Collection::copy_live(Leaving& leaving, PackBuilder& builder) {
  const PackTable& table = leaving.pack->table();
  leaving.moved.resize(table.segments());
  Hasher hasher;
  for (std::size_t number = 0; number < table.groups.size(); ++number) {
    const Group& group = table.groups[number];
    const auto first = leaving.live.begin() + group.first_segment;
    if (std::find(first, first + group.segments, true) == first + group.segments) continue;
    const auto bytes = leaving.pack->read_group(number);
    for (std::uint32_t i = 0; i < group.segments; ++i) {
      const std::uint32_t segment = group.first_segment + i;
      if (!leaving.live[segment]) continue;
      if (!bytes || !leaving.pack->is_sound(segment, *bytes, hasher)) {
        return fail(
            format("{}/{}: segment {} is damaged; nothing of it is moved. `orrery store scrub "
                   "{}` says which images need it",
                   store_.path(), pack_name(table.id), segment, store_.path()));
      }
      const ByteSpan content = leaving.pack->segment_in(segment, *bytes);
      ORRERY_TRY(leaving.moved[segment], builder.append(content, table.digests[segment]));
      done_ += content.size();
    }
    ORRERY_CHECK(report(progress_, done_, total_));
  }
  return {};
}

// `nullopt`: it names a segment that was not moved.
std::optional<Manifest> Collection::rewritten(const Manifest& old,
                                              const std::vector<Leaving>& leaving,
                                              const PackBuilder& builder) {
  Manifest manifest = old;
  manifest.packs.clear();
  manifest.runs.clear();
  std::map<Digest, std::uint32_t> numbers;
  const auto number_of = [&](const Digest& id) {
    const auto [number, added] =
        numbers.emplace(id, static_cast<std::uint32_t>(manifest.packs.size()));
    if (added) manifest.packs.push_back(id);
    return number->second;
  };
  for (const Run& run : old.runs) {
    if (run.zeroes()) {
      manifest.append(run);
      continue;
    }
    const Digest& id = old.packs[run.pack];
    const auto found = std::find_if(leaving.begin(), leaving.end(), [&](const Leaving& each) {
      return each.pack->table().id == id;
    });
    if (found == leaving.end()) {
      manifest.append({number_of(id), run.first, run.count});
      continue;
    }
    for (std::uint64_t segment = run.first; segment < run.first + run.count; ++segment) {
      if (segment >= found->live.size() || !found->live[segment]) return std::nullopt;
      const Place place = found->moved[segment];
      manifest.append({number_of(builder.table(place.pack).id), place.segment, 1});
    }
  }
  return manifest;
}

Result<> Collection::replace(std::vector<Leaving>& leaving, PackBuilder& builder,
                             const std::string& prefix) {
  ORRERY_TRY(const auto lock, store_.lock_images());
  ORRERY_TRY(const auto manifests, read_manifests());
  std::vector<NamedManifest> changed;
  for (const auto& [name, manifest] : manifests) {
    const bool concerned = std::any_of(leaving.begin(), leaving.end(), [&](const Leaving& each) {
      return std::find(manifest.packs.begin(), manifest.packs.end(), each.pack->table().id) !=
             manifest.packs.end();
    });
    if (!concerned) continue;
    auto next = rewritten(manifest, leaving, builder);
    // An image was added meanwhile that had been packed alike: all stays as it is.
    if (!next) return {};
    changed.push_back({name, std::move(*next)});
  }
  ORRERY_CHECK(builder.publish());
  for (const auto& [name, manifest] : changed) {
    ORRERY_CHECK(store_.put_manifest(name, manifest, prefix));
  }
  // What was removed or replaced before has to be so after a power cut, too, before its packs go.
  ORRERY_CHECK(store_.files().sync_folder(kImages));
  for (std::size_t i = 0; i < builder.packs(); ++i) {
    const PackTable& made = builder.table(i);
    // Packed again to the very same: it stays.
    std::erase_if(leaving, [&](const Leaving& each) { return each.pack->table().id == made.id; });
  }
  for (const Leaving& each : leaving) {
    ORRERY_CHECK(store_.files().remove(pack_name(each.pack->table().id)));
    ++report_.packs_removed;
    report_.bytes_freed += each.file_size;
  }
  report_.packs_made += builder.packs();
  report_.bytes_freed -= std::min(report_.bytes_freed, builder.stored_bytes());
  return store_.files().sync_folder(kPacks);
}

}  // namespace

Result<CollectReport> collect(Store& store, const CollectOptions& options,
                              const Progress& progress) {
  ORRERY_TRY(const auto only,
             store.files().lock(kCollectionLock, Files::Lock::kExclusive, Files::Wait::kNo));
  if (!only) return fail(store.path() + ": another collection is at work; wait for its end");
  return Collection(store, options, progress).run();
}

}  // namespace orrery::store
