#include "store/writer.hpp"

#include <algorithm>
#include <cstring>
#include <unordered_map>

#include "base/assert.hpp"
#include "base/format.hpp"

namespace orrery::store {

Writer::Writer(Store& store, const WriterOptions& options, std::unique_ptr<Lease> lease)
    : store_(store),
      workers_(options.threads),
      lease_(std::move(lease)),
      builder_(store.files(), workers_, lease_->prefix(), options.level),
      index_([this](Place place) -> const Digest& { return digest_of(place); }) {}

Writer::~Writer() {
  for (Queued& each : hashing_) each.batch.wait();
}

Result<std::unique_ptr<Writer>> Writer::create(Store& store, const WriterOptions& options) {
  ORRERY_TRY(auto lease, Lease::take(store.files()));
  auto writer = std::unique_ptr<Writer>(new Writer(store, options, std::move(lease)));
  ORRERY_CHECK(writer->load_packs());
  return writer;
}

Result<> Writer::load_packs() {
  ORRERY_TRY(const auto names, store_.files().list(kPacks));
  for (const std::string& name : names) {
    const auto id = parse_pack_name(name);
    if (!id) continue;
    auto pack = PackReader::open(store_.files(), *id);
    // A damaged one is no reason not to add an image: nothing of it is used.
    if (!pack || !*pack) continue;
    const auto number = static_cast<std::uint32_t>(known_.size());
    known_.push_back({.pack = std::move(*pack), .pin = nullptr, .gone = false});
    const PackTable& table = known_.back().pack->table();
    for (std::uint32_t i = 0; i < table.segments(); ++i) {
      index_.insert(table.digests[i], {number, i});
    }
  }
  return {};
}

const PackTable& Writer::table_of(std::uint32_t pack) const {
  return pack < known_.size() ? known_[pack].pack->table() : builder_.table(pack - known_.size());
}

const Digest& Writer::digest_of(Place place) const {
  return table_of(place.pack).digests[place.segment];
}

// Pins it. Waits while a collection is at that very pack, a second or so.
Result<bool> Writer::can_refer(std::uint32_t pack) {
  if (pack >= known_.size()) return true;
  Known& known = known_[pack];
  if (known.pin || known.gone) return !known.gone;
  ORRERY_TRY(known.pin, store_.files().lock(pack_name(known.pack->table().id), Files::Lock::kShared,
                                            Files::Wait::kYes));
  if (!known.pin || !known.pin->linked()) {
    known.pin.reset();
    known.gone = true;
  }
  return !known.gone;
}

Result<> Writer::add(Piece piece) {
  report_.size += piece.length_;
  std::byte* const start = piece.storage_.get() + kMostSegment - tail_.size();
  if (!tail_.empty()) std::memcpy(start, tail_.data(), tail_.size());
  const ByteSpan bytes(start, tail_.size() + piece.length_);
  return push(std::move(piece.storage_), bytes, Ending::kMore);
}

Result<> Writer::add_zeroes(std::uint64_t length) {
  ORRERY_CHECK(flush_tail());
  report_.size += length;
  if (hashing_.empty()) {
    append_zeroes(length);
  } else {
    hashing_.back().zeroes += length;
  }
  return {};
}

Result<> Writer::flush_tail() {
  if (tail_.empty()) return {};
  auto storage = std::make_unique_for_overwrite<std::byte[]>(tail_.size());
  std::memcpy(storage.get(), tail_.data(), tail_.size());
  const ByteSpan bytes(storage.get(), tail_.size());
  return push(std::move(storage), bytes, Ending::kLast);
}

Result<> Writer::push(std::unique_ptr<std::byte[]> storage, ByteSpan bytes, Ending ending) {
  Batch batch{.storage = std::move(storage),
              .bytes = bytes,
              .cuts = cut_segments(bytes, ending),
              .digests = {}};
  std::size_t used = 0;
  for (const Cut& cut : batch.cuts) used += cut.length;
  const ByteSpan rest = bytes.subspan(used);
  tail_.assign(rest.begin(), rest.end());
  auto hashed = workers_.run([batch = std::make_shared<Batch>(std::move(batch))] {
    Hasher hasher;
    std::size_t at = 0;
    for (const Cut& cut : batch->cuts) {
      if (!cut.zeroes)
        batch->digests.push_back(hasher.digest(batch->bytes.subspan(at, cut.length)));
      at += cut.length;
    }
    return std::move(*batch);
  });
  hashing_.push_back({.batch = std::move(hashed)});
  while (hashing_.size() > workers_.size() + 1) ORRERY_CHECK(absorb_front());
  return {};
}

Result<> Writer::absorb_front() {
  const Batch batch = hashing_.front().batch.get();
  const std::uint64_t zeroes = hashing_.front().zeroes;
  hashing_.pop_front();
  std::size_t at = 0;
  auto digest = batch.digests.begin();
  for (const Cut& cut : batch.cuts) {
    if (cut.zeroes) {
      append_zeroes(cut.length);
    } else {
      ORRERY_CHECK(absorb(batch.bytes.subspan(at, cut.length), *digest++));
    }
    at += cut.length;
  }
  append_zeroes(zeroes);
  return {};
}

void Writer::append_zeroes(std::uint64_t length) {
  if (length != 0) image_.append({.pack = Run::kZeroes, .first = 0, .count = length});
}

// Where the store has it, pinned.
Result<std::optional<Place>> Writer::find(const Digest& digest) {
  const auto place = index_.find(digest);
  if (!place) return std::nullopt;
  ORRERY_TRY(const bool usable, can_refer(place->pack));
  if (!usable) return std::nullopt;
  return place;
}

void Writer::append(Place place, std::uint64_t length) {
  ++report_.segments;
  report_.data += length;
  image_.append({.pack = place.pack, .first = place.segment, .count = 1});
}

Result<> Writer::absorb(ByteSpan segment, const Digest& digest) {
  ORRERY_TRY(auto place, find(digest));
  if (!place) {
    ORRERY_TRY(place, builder_.append(segment, digest));
    place->pack += static_cast<std::uint32_t>(known_.size());
    index_.insert(digest, *place);
    ++report_.new_segments;
    report_.new_data += segment.size();
  }
  append(*place, segment.size());
  return {};
}

Result<> Writer::add_segment(ByteSpan segment, const Digest& digest) {
  ORRERY_ASSERT(!segment.empty() && segment.size() <= kMostSegment);
  report_.size += segment.size();
  return absorb(segment, digest);
}

Result<bool> Writer::refer(const Digest& digest, std::uint32_t length) {
  ORRERY_TRY(const auto place, find(digest));
  if (!place) return false;
  const std::uint32_t there = table_of(place->pack).length_of(place->segment);
  if (there != length) {
    return fail(format("the segment {} has {} bytes, not {}", short_hex(digest), there, length));
  }
  report_.size += length;
  append(*place, length);
  return true;
}

bool Writer::has(const Digest& digest) const {
  const auto place = index_.find(digest);
  return place && (place->pack >= known_.size() || !known_[place->pack].gone);
}

Manifest Writer::make_manifest(std::uint64_t created, const std::vector<std::string>& tags) const {
  Manifest manifest;
  manifest.size = report_.size;
  manifest.created = created;
  manifest.data = report_.data;
  manifest.tags = tags;
  std::unordered_map<std::uint32_t, std::uint32_t> numbers;
  for (Run run : image_.runs) {
    if (!run.zeroes()) {
      const auto next = static_cast<std::uint32_t>(manifest.packs.size());
      const auto [number, added] = numbers.emplace(run.pack, next);
      if (added) manifest.packs.push_back(table_of(run.pack).id);
      run.pack = number->second;
    }
    manifest.runs.push_back(run);
  }
  manifest.content = digest_content(
      image_.runs, [this](std::uint32_t pack) -> const PackTable& { return table_of(pack); });
  return manifest;
}

Result<WriteReport> Writer::publish(const std::string& name, const std::vector<std::string>& tags,
                                    std::uint64_t created, Existing existing) {
  ORRERY_CHECK(check_name(name));
  for (const std::string& tag : tags) ORRERY_CHECK(check_name(tag));
  ORRERY_CHECK(flush_tail());
  while (!hashing_.empty()) ORRERY_CHECK(absorb_front());
  ORRERY_CHECK(builder_.finish());
  const Manifest manifest = make_manifest(created, tags);
  ORRERY_TRY(const auto lock, store_.lock_images());
  ORRERY_TRY(const auto there, store_.files().open(image_name(name)));
  if (there && existing == Existing::kRefuse) return fail(already_there(store_, name));
  ORRERY_CHECK(builder_.publish());
  ORRERY_CHECK(store_.put_manifest(name, manifest, lease_->prefix()));
  report_.stored = builder_.stored_bytes();
  return report_;
}

Error already_there(const Store& store, const std::string& name) {
  return Error(
      format("{}: has an image \"{}\" already; choose another name, or replace it with "
             "--replace",
             store.path(), name));
}

}  // namespace orrery::store
