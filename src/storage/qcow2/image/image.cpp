// Opening an image, and where each byte of its disk is.
#include "storage/qcow2/image/image.hpp"

#include <algorithm>
#include <array>

#include "base/bits.hpp"
#include "base/format.hpp"
#include "base/log.hpp"
#include "storage/qcow2/check.hpp"
#include "storage/qcow2/snapshots.hpp"

namespace orrery::storage::qcow2 {
namespace {

constexpr std::uint64_t kSectorSize = 512;

}  // namespace

Image::Image(std::unique_ptr<ImageFile> file, std::size_t most_pages)
    : file_(std::move(file)),
      most_pages_(most_pages),
      cache_(*file_, most_pages),
      refcounts_(*file_, cache_, header_) {}

Task<Result<>> Image::open(Access access) {
  access_ = access;
  Result<> done = co_await read_header();
  if (!done) co_return fail(done.error().context(path()));
  const Result<Identities> identities = read_identities(header_);
  if (!identities) co_return fail(identities.error().context(path()));
  identities_ = *identities;
  size_ = align_up(header_.size, kSectorSize);
  cache_.set_cluster_size(header_.cluster_size());
  if (access == Access::kWrite && (header_.incompatible & kCorrupt) != 0) {
    co_return fail(path() +
                   ": marked as damaged (\"corrupt\"), so it is not written; open it "
                   "\",readonly\", or mend it with `orrery disk check --repair`");
  }
  if (access != Access::kRead && header_.extended_l2()) {
    co_return fail(path() +
                   ": has subclusters (extended L2 entries), which Orrery reads and does not "
                   "write; open it \",readonly\", or convert it with `orrery disk convert`");
  }
  done = co_await read_snapshots();
  if (done) done = co_await reload_tables();
  if (access == Access::kRepair) co_return Result<>{};
  if (!done || access == Access::kRead) co_return done;
  done = co_await clear_unknown_autoclear();
  if (!done || (header_.incompatible & kDirty) == 0) co_return done;
  log::info("{}: was not closed; counting its clusters anew", path());
  co_return co_await repair(*this);
}

// It takes some hundred bytes of the first cluster, and seldom more than a page.
Task<Result<>> Image::read_header() {
  Result<Header> header = fail("");
  for (const std::uint64_t length : {4_KiB, 1_MiB << (kMostClusterBits - 20)}) {
    std::vector<std::byte> start(std::min(file_->size(), length));
    const Result<> done = co_await file_->read(0, vectors_of(start));
    if (!done) co_return done;
    header = parse_header(start, file_->size());
    if (header || file_->size() <= length) break;
  }
  if (!header) co_return fail(header.error());
  header_ = std::move(*header);
  co_return Result<>{};
}

// "autoclear_features": who writes and does not know a bit takes it back, and so says to those who
// know it that what it stands for was not kept up.
Task<Result<>> Image::clear_unknown_autoclear() {
  if (header_.version < 3 || (header_.autoclear & ~kOurAutoclear) == 0) co_return Result<>{};
  header_.autoclear &= kOurAutoclear;
  std::array<std::byte, 8> bits{};
  store_be(bits.data(), header_.autoclear);
  Result<> done = co_await file_->write(field::kAutoclear, vectors_of(bits));
  if (done) done = co_await file_->sync();
  co_return done;
}

Task<Result<>> Image::reload_tables() {
  cache_.clear();
  Result<> done = co_await read_l1(header_.l1_offset, header_.l1_entries);
  if (!done) co_return done;
  done = co_await refcounts_.open();
  if (done) done = claim_tables();
  // Reading uses none of this, and finds wrong tables when it comes to them.
  if (!done && access_ == Access::kWrite) {
    co_return fail(done.error().context(path()).message() +
                   "; open it \",readonly\", or see `orrery disk check`");
  }
  co_return Result<>{};
}

Result<> Image::claim_tables() {
  ORRERY_CHECK(refcounts_.claim_metadata("the snapshot table", header_.snapshots_offset,
                                         snapshot_table_length(snapshots_)));
  for (const std::uint64_t entry : l1_) {
    const std::uint64_t l2 = entry & kOffsetMask;
    if (l2 == 0) continue;
    ORRERY_CHECK(refcounts_.claim_metadata("an L2 table", l2, header_.cluster_size()));
  }
  return {};
}

Task<Result<>> Image::read_l1(std::uint64_t offset, std::uint32_t entries) {
  std::vector<std::byte> bytes(entries * 8ull);
  const Result<> read = co_await file_->read(offset, vectors_of(bytes));
  if (!read) co_return read;
  l1_.resize(entries);
  for (std::size_t i = 0; i < l1_.size(); ++i) l1_[i] = load_be<std::uint64_t>(&bytes[i * 8]);
  co_return Result<>{};
}

Task<Result<>> Image::read_snapshots() {
  Result<std::vector<Snapshot>> snapshots = co_await read_snapshot_table(*file_, header_);
  if (!snapshots) co_return fail(snapshots.error().context(path()));
  snapshots_ = std::move(*snapshots);
  co_return Result<>{};
}

Task<Result<>> Image::show_snapshot(std::string name) {
  for (const Snapshot& snapshot : snapshots_) {
    if (snapshot.name != name && snapshot.id != name) continue;
    if (snapshot.size != 0) size_ = align_up(snapshot.size, kSectorSize);
    co_return co_await read_l1(snapshot.l1_offset, snapshot.l1_entries);
  }
  co_return fail(format("{}: has no snapshot \"{}\"; `orrery disk snapshot list {}` names them",
                        path(), name, path()));
}

// Where the L2 entry of a byte of the disk is in the file; 0: there is no table.
Result<std::uint64_t> Image::l2_place(std::uint64_t offset) const {
  const std::uint64_t index = offset / header_.l2_reach();
  if (index >= l1_.size()) return std::uint64_t{0};
  const std::uint64_t table = l1_[index] & kOffsetMask;
  if (table == 0) return table;
  if (!is_aligned(table, header_.cluster_size()) || table >= file_->size()) {
    return fail(damaged(format("L2 table {} at {} is not within the file of {} bytes", index, table,
                               file_->size())));
  }
  const std::uint64_t entry = (offset % header_.l2_reach()) >> header_.cluster_bits;
  return table + entry * header_.l2_entry_size();
}

std::optional<Result<Mapping>> Image::map_now(std::uint64_t offset, std::uint64_t length) {
  const Result<std::uint64_t> place = l2_place(offset);
  if (!place) return fail(place.error());
  if (*place == 0) {
    Mapping mapping;
    mapping.length = std::min(length, header_.l2_reach() - offset % header_.l2_reach());
    return mapping;
  }
  const Page* const page = cache_.find(*place);
  if (page == nullptr) return std::nullopt;
  return header_.extended_l2() ? decode_subclusters(*page, offset, length, *place)
                               : decode(*page, offset, length, *place);
}

Task<Result<Mapping>> Image::map(std::uint64_t offset, std::uint64_t length) {
  while (true) {
    std::optional<Result<Mapping>> mapping = map_now(offset, length);
    if (mapping) co_return std::move(*mapping);
    const Result<std::uint64_t> place = l2_place(offset);
    if (!place) co_return fail(place.error());
    const Result<Page*> loaded = co_await cache_.get(*place, PageKind::kMapping);
    if (!loaded) co_return fail(loaded.error());
  }
}

Result<> Image::check_entry(std::uint64_t entry) const {
  const std::uint64_t host = entry & kOffsetMask;
  if (!is_aligned(host, header_.cluster_size())) {
    return fail(damaged(format("an L2 entry names {}, which is no cluster's start", host)));
  }
  return {};
}

// As far as the clusters that follow go on in the same way, within the page.
Result<Mapping> Image::decode(const Page& page, std::uint64_t offset, std::uint64_t length,
                              std::uint64_t place) const {
  const std::uint64_t cluster = header_.cluster_size();
  const std::uint64_t skip = offset % cluster;
  std::size_t at = place - page.offset;
  const auto entry = load_be<std::uint64_t>(&page.data[at]);
  Mapping mapping;
  mapping.kind = kind_of(entry, header_.version);
  if (mapping.kind == Mapping::Kind::kCompressed) {
    mapping = compressed_mapping(entry, header_.cluster_bits);
    mapping.length = std::min(length, cluster - skip);
    return mapping;
  }
  mapping.entry = entry;
  ORRERY_CHECK(check_entry(entry));
  mapping.host = (entry & kOffsetMask) + skip;
  std::uint64_t reach = cluster - skip;
  const bool host_matters = (entry & kOffsetMask) != 0;
  for (at += 8; reach < length && at < page.data.size(); at += 8, reach += cluster) {
    const auto next = load_be<std::uint64_t>(&page.data[at]);
    const std::uint64_t expected = host_matters ? entry + reach + skip : entry;
    if (next != expected) break;
  }
  mapping.length = std::min(length, reach);
  return mapping;
}

// One subcluster's state, and the subclusters of the same cluster that share it.
Result<Mapping> Image::decode_subclusters(const Page& page, std::uint64_t offset,
                                          std::uint64_t length, std::uint64_t place) const {
  const std::uint64_t cluster = header_.cluster_size();
  const std::uint64_t skip = offset % cluster;
  const std::byte* const at = &page.data[place - page.offset];
  const auto entry = load_be<std::uint64_t>(at);
  const auto bitmap = load_be<std::uint64_t>(at + 8);
  if ((entry & kCompressedFlag) != 0) {
    Mapping mapping = compressed_mapping(entry, header_.cluster_bits);
    mapping.length = std::min(length, cluster - skip);
    return mapping;
  }
  ORRERY_CHECK(check_entry(entry));
  const std::uint64_t subcluster = cluster / kSubclusters;
  auto index = static_cast<unsigned>(skip / subcluster);
  Mapping mapping;
  mapping.entry = entry;
  mapping.kind = kind_of_subcluster(bitmap, index);
  mapping.host = (entry & kOffsetMask) + skip;
  if (mapping.kind == Mapping::Kind::kData && (entry & kOffsetMask) == 0) {
    return fail(damaged("a subcluster counts as allocated in a cluster that is not"));
  }
  std::uint64_t reach = subcluster - skip % subcluster;
  while (++index < kSubclusters && kind_of_subcluster(bitmap, index) == mapping.kind) {
    reach += subcluster;
  }
  mapping.length = std::min(length, reach);
  return mapping;
}

Task<Result<>> Image::write_header() {
  Result<std::vector<std::byte>> bytes = qcow2::write_header(header_);
  if (!bytes) co_return fail(bytes.error().context(path()));
  co_return co_await file_->write(0, vectors_of(*bytes));
}

Task<Result<>> Image::record_parent(DiskIdentity parent, std::optional<store::Digest> root) {
  // A damaged record is replaced.
  ContentRoots roots = read_content_roots(header_, identities_).value_or(ContentRoots{});
  identities_.parent = parent;
  roots.parent = root;
  co_return co_await write_identities(roots);
}

Task<Result<>> Image::record_own_root(store::Digest root) {
  ContentRoots roots = read_content_roots(header_, identities_).value_or(ContentRoots{});
  if (header_.version < 3) {
    co_return fail(path() +
                   ": is version 2 of qcow2, which has no place for a digest that another program "
                   "would take back; convert it with `orrery disk convert`");
  }
  if (identities_.own.kind == DiskIdentity::Kind::kNone) identities_.own = draw_identity();
  roots.own = root;
  co_return co_await write_identities(roots);
}

Task<Result<>> Image::content_stays() {
  if (identities_.own.kind != DiskIdentity::Kind::kIdentifier) {
    co_return fail(path() + ": keeps no identifier, as another program has written to it since");
  }
  ContentRoots roots = read_content_roots(header_, identities_).value_or(ContentRoots{});
  if (roots.own) {
    roots.own.reset();
    const Result<> forgotten = co_await write_identities(roots);
    if (!forgotten) co_return forgotten;
  }
  identity_is_new_ = true;
  co_return Result<>{};
}

Task<Result<>> Image::write_identities(ContentRoots roots) {
  set_identities(header_, identities_);
  Result<> done = set_content_roots(header_, identities_, roots);
  if (!done) co_return fail(done.error().context(path()));
  done = co_await write_header();
  if (done) done = co_await file_->sync();
  co_return done;
}

// The content is about to change: it is another one from here on, durably, before it is.
Task<Result<>> Image::renew_identity() {
  const auto lock = co_await identity_mutex_.lock();
  if (identity_is_new_) co_return Result<>{};
  Header changed = header_;
  Identities identities = identities_;
  identities.own = draw_identity();
  set_identities(changed, identities);
  // Version 2, or no room in clusters of 512 bytes: such a disk is known by its file.
  if ((changed.autoclear & kIdentityKept) == 0) {
    identity_is_new_ = true;
    co_return Result<>{};
  }
  header_ = std::move(changed);
  identities_ = identities;
  Result<> done = co_await write_header();
  if (done) done = co_await file_->sync();
  if (done) identity_is_new_ = true;
  co_return done;
}

// Says in the file itself that it is damaged, so that nobody makes it worse.
Task<Result<>> Image::mark_corrupt(Error error) {
  if (header_.version >= 3 && (header_.incompatible & kCorrupt) == 0) {
    header_.incompatible |= kCorrupt;
    std::array<std::byte, 8> field{};
    store_be(field.data(), header_.incompatible);
    const Result<> written = co_await file_->write(field::kIncompatible, vectors_of(field));
    if (!written)
      log::warning("{}: cannot be marked as damaged: {}", path(), written.error().message());
  }
  broken_ = fail(error);
  co_return broken_;
}

Layer Image::take_layer() {
  return {.file = std::move(file_), .header = std::move(header_), .identities = identities_};
}

void Image::stop() {
  if (file_) file_->stop();
  cache_.abandon();
  refcounts_.abandon();
  unlocked_.abandon();
  l2_mutex_.abandon();
  identity_mutex_.abandon();
  round_ended_.abandon();
}

}  // namespace orrery::storage::qcow2
