// Opening an image: headers, log, tables.
#include "storage/vhdx/image.hpp"

#include <algorithm>

#include "base/bits.hpp"
#include "base/format.hpp"
#include "base/log.hpp"

namespace orrery::storage::vhdx {
namespace {

// More than any writer needs: QEMU and Hyper-V make logs of 1 MiB.
constexpr std::uint64_t kLargestLog = 64_MiB;
// What a log that is replayed in memory may change: 1 GiB of zeroes.
constexpr std::uint64_t kMostPagesInMemory = 1u << 18;
// Metadata that we know has its place near the region's start, wherever who made it put it.
constexpr std::uint64_t kMostMetadata = 16_MiB;

}  // namespace

Error Image::damaged(std::string what) const {
  return Error(format("{}: damaged: {}; see `orrery disk check {}`", path(), what, path()));
}

Task<Result<>> Image::open(Access access) {
  access_ = access;
  std::vector<std::byte> section(kUnit);
  Result<> done = co_await file_->read(0, vectors_of(section));
  if (!done) co_return done;
  const std::string_view start(reinterpret_cast<const char*>(section.data()),
                               kFileSignature.size());
  if (start != kFileSignature) co_return fail(path() + ": is no VHDX");
  const Result<CurrentHeader> current = choose_header(section, file_->size());
  if (!current) co_return fail(current.error().context(path()));
  current_ = *current;
  log_was_empty_ = current_.header.log.is_zero();
  if (!log_was_empty_) {
    done = co_await replay();
    if (!done) co_return fail(done.error().context(path()));
  }
  opened_size_ = file_->size();
  done = co_await read_tables();
  if (!done || access == Access::kRead) co_return done;
  Result<std::vector<FileSpace::Use>> in_use = uses();
  if (in_use) {
    const auto overlap = space_.reset(std::move(*in_use), file_->size());
    if (overlap) {
      in_use = fail(damaged(format("what is at {} lies over what is at {}", overlap->first.offset,
                                   overlap->second.offset)));
    }
  }
  if (!in_use) {
    co_return fail(in_use.error().message() +
                   "; it is not written, but can be read: open it \",readonly\"");
  }
  const std::uint64_t half = header().log_length / 2;
  while (entry_length(log_capacity_ + 1) <= half) ++log_capacity_;
  stable_end_ = align_down(file_->size(), kUnit);
  co_return Result<>{};
}

Task<Result<>> Image::replay() {
  const Header& header = current_.header;
  if (header.log_version != 0) {
    co_return fail(
        format("its log has version {}, which Orrery does not know", header.log_version));
  }
  if (header.log_length > kLargestLog) {
    co_return fail(
        format("its log of {} bytes is too long to be carried out here", header.log_length));
  }
  std::vector<std::byte> bytes(header.log_length);
  const Result<> read = co_await file_->read(header.log_offset, vectors_of(bytes));
  if (!read) co_return read;
  Result<ActiveLog> log = find_active_log(bytes, header.log, file_->size());
  if (!log) co_return fail(log.error());
  for (const LogUpdate& update : log->updates) {
    const std::uint64_t end =
        update.offset + std::max<std::uint64_t>(update.page.size(), update.zero_length);
    if (update.offset < kRegionTablesAt[0] ||
        (update.offset < header.log_offset + header.log_length && end > header.log_offset)) {
      co_return fail(
          format("damaged: its log changes what is at {}, which it must not", update.offset));
    }
  }
  if (access_ == Access::kRead) co_return replay_in_memory(*log);
  log::info("{}: was not closed; carrying out what its log holds", path());
  co_return co_await replay_to_file(std::move(*log));
}

Result<> Image::replay_in_memory(const ActiveLog& log) {
  std::map<std::uint64_t, std::vector<std::byte>> pages;
  for (const LogUpdate& update : log.updates) {
    if (!update.page.empty()) {
      pages[update.offset] = update.page;
      continue;
    }
    const std::uint64_t end = std::min(update.offset + update.zero_length, file_->size());
    for (std::uint64_t at = update.offset; at < end; at += kLogSector) {
      if (pages.size() > kMostPagesInMemory) {
        return fail(
            "its log changes too much to be carried out in memory; open it for writing once");
      }
      pages[at].clear();
    }
  }
  file_->lay_over(std::move(pages), log.last_file_offset);
  return {};
}

Task<Result<>> Image::replay_to_file(ActiveLog log) {
  Header header = current_.header;
  header.file_write = draw_guid();
  Result<> done = co_await write_header(header);
  file_write_is_new_ = true;
  for (LogUpdate& update : log.updates) {
    if (!done) co_return done;
    if (!update.page.empty()) {
      done = co_await file_->write(update.offset, vectors_of(update.page));
      continue;
    }
    const std::uint64_t end = std::min(update.offset + update.zero_length, file_->size());
    if (update.offset >= end) continue;
    const Result<bool> punched = co_await file_->punch(update.offset, end - update.offset);
    if (!punched) co_return fail(punched.error());
    if (!*punched) done = co_await file_->write_zeroes(update.offset, end - update.offset);
  }
  if (done && file_->size() < log.last_file_offset) {
    done = co_await file_->write_zeroes(log.last_file_offset - kLogSector, kLogSector);
  }
  if (done) done = co_await file_->sync();
  header = current_.header;
  header.log = {};
  if (done) done = co_await write_header(header);
  co_return done;
}

// To the older of the two, which then is the newer one.
Task<Result<>> Image::write_header(Header header) {
  header.sequence = current_.header.sequence + 1;
  const std::size_t slot = 1 - current_.slot;
  std::vector<std::byte> bytes = make_header(header);
  Result<> done = co_await file_->write(kHeadersAt[slot], vectors_of(bytes));
  if (done) done = co_await sync();
  if (!done) {
    broken_ = done;  // whether it is there, nobody knows
    co_return done;
  }
  current_.header = header;
  current_.slot = slot;
  co_return Result<>{};
}

Task<Result<>> Image::read_tables() {
  std::vector<std::byte> section(kUnit);
  Result<> done = co_await file_->read(0, vectors_of(section));
  if (!done) co_return done;
  Result<Regions> regions = choose_regions(section, file_->size());
  if (!regions) co_return fail(regions.error().context(path()));
  regions_ = std::move(*regions);
  const Region& region = *regions_.find(kMetadataRegion);
  std::vector<std::byte> bytes(std::min<std::uint64_t>(region.length, kMostMetadata));
  done = co_await file_->read(region.offset, vectors_of(bytes));
  if (!done) co_return done;
  Result<Metadata> metadata = parse_metadata(bytes);
  if (!metadata) co_return fail(metadata.error().context(path()));
  metadata_ = std::move(*metadata);
  co_return co_await read_bat();
}

Task<Result<>> Image::read_bat() {
  const Region& region = *regions_.find(kBatRegion);
  const BatShape shape(metadata_, metadata_.disk_size);
  if (shape.entries > region.length / 8) {
    co_return fail(damaged(format("its table of blocks has room for {} entries, and needs {}",
                                  region.length / 8, shape.entries)));
  }
  // Whole pages; the region has them.
  std::vector<std::uint64_t> entries(align_up(shape.entries, Bat::kPerPage));
  const auto bytes = std::as_writable_bytes(std::span(entries));
  const Result<> done = co_await file_->read(region.offset, vectors_of(bytes));
  if (!done) co_return done;
  bat_.load(region.offset, shape, std::move(entries));
  co_return Result<>{};
}

// States that are known, and places within the file that are no header's.
Result<> Image::check_entry(std::uint64_t index) const {
  const BlockEntry entry = decode_entry(bat_.raw(index));
  const bool bitmap = bat_.shape().is_bitmap(index);
  const bool partial = entry.state == BlockState::kPartiallyPresent;
  const auto state = static_cast<unsigned>(entry.state);
  const std::string_view what = bitmap ? "sector bitmap" : "block";
  const bool known = bitmap ? state == 0 || (state == 6 && metadata_.parent)
                            : state <= 3 || state == 6 || (partial && metadata_.parent);
  if (!known) return fail(damaged(format("{} entry {} has state {}", what, index, state)));
  if (!entry.has_place()) return {};
  const std::uint64_t length = bitmap ? kUnit : block_size();
  if (entry.place < kUnit || entry.place > file_->size() || length > file_->size() - entry.place) {
    return fail(damaged(format("{} entry {} names {}, which is not within the file of {} bytes",
                               what, index, entry.place, file_->size())));
  }
  const std::uint64_t chunk = index / (bat_.shape().chunk_ratio + 1);
  if (partial && bat_.bitmap(chunk).state != BlockState::kFullyPresent) {
    return fail(damaged(format("block entry {} needs a sector bitmap, and there is none", index)));
  }
  return {};
}

// Places may stay with blocks that are unmapped (2.5.1.1), and are theirs then.
bool Image::keeps_place(const BlockEntry& entry) const {
  const bool unmapped =
      entry.state == BlockState::kUndefined || entry.state == BlockState::kUnmapped;
  return unmapped && entry.place >= kUnit && entry.place <= opened_size_ &&
         block_size() <= opened_size_ - entry.place;
}

Result<std::vector<FileSpace::Use>> Image::uses() const {
  std::vector<FileSpace::Use> found{{0, kUnit}, {header().log_offset, header().log_length}};
  for (const Region& region : regions_.all) found.push_back({region.offset, region.length});
  for (std::uint64_t index = 0; index < bat_.shape().entries; ++index) {
    ORRERY_CHECK(check_entry(index));
    const BlockEntry entry = decode_entry(bat_.raw(index));
    const bool bitmap = bat_.shape().is_bitmap(index);
    if (!entry.has_place() && !keeps_place(entry)) continue;
    found.push_back({entry.place, bitmap ? kUnit : block_size()});
  }
  return found;
}

void Image::stop() {
  file_->stop();
  bitmaps_.abandon();
  header_mutex_.abandon();
  unlocked_.abandon();
  bitmap_mutex_.abandon();
  reservation_ended_.abandon();
  round_ended_.abandon();
}

}  // namespace orrery::storage::vhdx
