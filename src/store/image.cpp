#include "store/image.hpp"

#include <algorithm>
#include <cstring>

#include "base/format.hpp"

namespace orrery::store {

Result<std::unique_ptr<Image>> Image::open(const Store& store, const std::string& name,
                                           const ImageOptions& options) {
  // A collection may move segments between our look at the image and at its packs; then the image
  // has changed, too. Each time takes a collection of its own.
  constexpr int kTries = 16;
  for (int i = 0; i < kTries; ++i) {
    ORRERY_TRY(Manifest manifest, store.read_manifest(name));
    auto image = std::unique_ptr<Image>(
        new Image(store.path(), name, std::move(manifest), options.cache_bytes));
    const auto opened = image->open_packs(store.files());
    if (!opened) return fail(opened.error().context("image " + name));
    if (!*opened) continue;
    const Result<> placed = image->place_runs();
    if (!placed) return fail(placed.error().context(store.path() + "/" + image_name(name)));
    return image;
  }
  return fail(
      format("image {}: a pack that it needs is not in {}/{}; `orrery store scrub {}` says "
             "which, and what else is missing",
             name, store.path(), kPacks, store.path()));
}

Result<bool> Image::open_packs(Files& files) {
  for (const Digest& id : manifest_.packs) {
    ORRERY_TRY(auto pack, PackReader::open(files, id));
    if (!pack) return false;
    packs_.push_back(std::move(pack));
  }
  return true;
}

Result<> Image::place_runs() {
  std::uint64_t offset = 0;
  for (const Run& run : manifest_.runs) {
    offsets_.push_back(offset);
    if (run.zeroes()) {
      offset += run.count;
    } else {
      const PackTable& table = packs_[run.pack]->table();
      const std::uint64_t end = run.first + run.count;
      if (end > table.segments()) return fail("names segments that its pack has not");
      offset += table.starts[end] - table.starts[run.first];
    }
    if (offset > manifest_.size) break;
  }
  offsets_.push_back(offset);
  if (offset == manifest_.size) return {};
  return fail("its runs are not as long as its disk");
}

std::size_t Image::run_at(std::uint64_t offset) const {
  const auto after = std::upper_bound(offsets_.begin(), offsets_.end() - 1, offset);
  return static_cast<std::size_t>(after - offsets_.begin()) - 1;
}

Image::Stretch Image::stretch_at(std::uint64_t offset) const {
  std::size_t run = run_at(offset);
  const bool zeroes = manifest_.runs[run].zeroes();
  while (run + 1 < manifest_.runs.size() && manifest_.runs[run + 1].zeroes() == zeroes) ++run;
  return {.length = offsets_[run + 1] - offset, .zeroes = zeroes};
}

Result<> Image::read(std::uint64_t offset, MutableByteSpan to) const {
  while (!to.empty()) {
    const std::size_t number = run_at(offset);
    const std::uint64_t there = offsets_[number + 1] - offset;
    const MutableByteSpan part = to.first(std::min<std::uint64_t>(there, to.size()));
    const Run& run = manifest_.runs[number];
    if (run.zeroes()) {
      std::memset(part.data(), 0, part.size());
    } else {
      ORRERY_CHECK(read_run(run, offset - offsets_[number], offset, part));
    }
    offset += part.size();
    to = to.subspan(part.size());
  }
  return {};
}

std::vector<Image::GroupUse> Image::groups_in(std::uint64_t offset, std::uint64_t length) const {
  std::vector<GroupUse> uses;
  for (const std::uint64_t end = offset + length; offset < end;) {
    const std::size_t number = run_at(offset);
    const Run& run = manifest_.runs[number];
    std::uint64_t next = offsets_[number + 1];
    if (!run.zeroes()) {
      const PackTable& table = packs_[run.pack]->table();
      const std::uint64_t start = table.starts[run.first] + (offset - offsets_[number]);
      const std::size_t group = table.group_at(start);
      const Group& found = table.groups[group];
      next = std::min(next, offset + (found.start + found.length - start));
      const GroupPlace place{.pack = run.pack, .group = group};
      if (uses.empty() || uses.back().place != place) {
        uses.push_back({.place = place, .offset = offset});
      }
    }
    offset = next;
  }
  return uses;
}

// The segments of a run are neighbours in their pack, and so are their bytes.
Result<> Image::read_run(const Run& run, std::uint64_t within, std::uint64_t offset,
                         MutableByteSpan to) const {
  const PackTable& table = packs_[run.pack]->table();
  std::uint64_t start = table.starts[run.first] + within;
  while (!to.empty()) {
    const Group& group = table.groups[table.group_at(start)];
    const std::uint64_t there = group.start + group.length - start;
    const MutableByteSpan part = to.first(std::min<std::uint64_t>(there, to.size()));
    ORRERY_CHECK(read_group(run.pack, start, offset, part));
    start += part.size();
    offset += part.size();
    to = to.subspan(part.size());
  }
  return {};
}

Result<> Image::read_group(std::uint32_t number, std::uint64_t start, std::uint64_t offset,
                           MutableByteSpan to) const {
  const PackReader& pack = *packs_[number];
  const PackTable& table = pack.table();
  const std::size_t group_number = table.group_at(start);
  const Group& group = table.groups[group_number];
  std::uint32_t segment = table.segment_at(start);
  const auto loaded = cache_->get(number, pack, group_number);
  if (!loaded) return fail(damage(offset, number, segment, loaded.error().message()));
  const std::uint64_t end = start + to.size();
  for (; table.starts[segment] < end; ++segment) {
    std::atomic<bool>& verified = (*loaded)->verified[segment - group.first_segment];
    if (verified.load(std::memory_order_relaxed)) continue;
    thread_local Hasher hasher;
    if (!pack.is_sound(segment, (*loaded)->bytes, hasher)) {
      cache_->forget(number, group_number);
      const std::uint64_t at = std::max(table.starts[segment], start);
      return fail(damage(offset + (at - start), number, segment, "has not the content it had"));
    }
    verified.store(true, std::memory_order_relaxed);
    if (segment + 1 == table.segments()) break;
  }
  std::memcpy(to.data(), (*loaded)->bytes.data() + (start - group.start), to.size());
  return {};
}

Error Image::damage(std::uint64_t offset, std::uint32_t pack, std::uint32_t segment,
                    const std::string& what) const {
  const PackTable& table = packs_[pack]->table();
  return Error(
      format("image {}, offset {}: segment {} ({}) of {}/{} {}; see what else is damaged with "
             "`orrery store scrub {}`",
             name_, offset, segment, short_hex(table.digests[segment]), store_, pack_name(table.id),
             what, store_));
}

Result<> Image::check_content() const {
  const Digest found = digest_content(
      manifest_.runs,
      [this](std::uint32_t number) -> const PackTable& { return packs_[number]->table(); });
  if (found == manifest_.content) return {};
  return fail(
      format("{}/{}: is made of other segments than when it was added", store_, image_name(name_)));
}

}  // namespace orrery::store
