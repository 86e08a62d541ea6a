// Growing of an image's disk. Nothing else is in flight.
#include <algorithm>

#include "base/bits.hpp"
#include "base/format.hpp"
#include "storage/vhdx/guards.hpp"

namespace orrery::storage::vhdx {

Task<Result<>> Image::resize(std::uint64_t size) {
  const std::uint64_t old = this->size();
  if (size < old) {
    co_return fail(path() +
                   ": a VHDX is not made smaller here; `orrery disk convert` it to a qcow2, which "
                   "can be");
  }
  if (size > kMostDiskSize || size % metadata_.logical_sector != 0) {
    co_return fail(format("{}: a VHDX has at most 64 TiB, in whole sectors of {} bytes", path(),
                          metadata_.logical_sector));
  }
  Result<> done = co_await check_writable();
  if (!done || size == old) co_return done;
  const std::uint64_t old_blocks = bat_.shape().blocks;
  done = co_await make_room(BatShape(metadata_, size));
  if (done && metadata_.fixed()) done = co_await fill_fixed(old_blocks);
  // What of the parent lay behind the old end is not to appear.
  const std::uint64_t end = parent_ == nullptr ? 0 : parent_->geometry().size.value();
  if (done && end > old) {
    metadata_.disk_size = size;
    done = co_await write_zeroes(old, std::min(size, end) - old, Unmap::kMay);
    metadata_.disk_size = old;
  }
  if (done) done = co_await write_size(size);
  co_return done;
}

// Entries for the new blocks, before the size says that there are any.
Task<Result<>> Image::make_room(const BatShape& shape) {
  const Region& region = *regions_.find(kBatRegion);
  const std::uint64_t needed = align_up(shape.entries, Bat::kPerPage) * 8;
  const std::uint64_t had = bat_.page_count() * kLogSector;
  bat_.grow(shape);
  if (needed > region.length) co_return co_await move_bat(align_up(needed, kUnit));
  // Nothing counts there yet, so what was left there goes without the log.
  if (needed <= had) co_return Result<>{};
  co_return co_await file_->write_zeroes(region.offset + had, needed - had);
}

// A longer table elsewhere; the region tables change to it through the log. The old place is free
// at the next open.
Task<Result<>> Image::move_bat(std::uint64_t length) {
  Result<> done = co_await flush();
  if (!done) co_return done;
  if (length > UINT32_MAX) {
    co_return fail(path() + ": its table would be too long; convert it to one with larger blocks");
  }
  const Result<std::uint64_t> place = co_await allocate(length);
  if (!place) co_return fail(place.error());
  for (std::uint64_t page = 0; page < bat_.page_count(); ++page) {
    std::vector<std::byte> bytes = bat_.bytes_of_page(page);
    done = co_await file_->write(*place + page * kLogSector, vectors_of(bytes));
    if (!done) co_return done;
  }
  std::vector<Region> regions = regions_.all;
  for (Region& region : regions) {
    if (region.guid != kBatRegion) continue;
    region.offset = *place;
    region.length = static_cast<std::uint32_t>(length);
  }
  const std::vector<std::byte> table = make_region_table(regions);
  done = co_await write_region_tables(table);
  if (!done) co_return done;
  regions_.all = std::move(regions);
  bat_.move_to(*place);
  co_return Result<>{};
}

// Both of them.
Task<Result<>> Image::write_region_tables(const std::vector<std::byte>& table) {
  std::vector<LogPage> pages;
  for (const std::uint64_t offset : kRegionTablesAt) {
    for (std::size_t at = 0; at < table.size(); at += kLogSector) {
      pages.push_back({offset + at, ByteSpan(table).subspan(at, kLogSector)});
    }
  }
  co_return co_await change_pages(std::move(pages));
}

// All of these or none, durably.
Task<Result<>> Image::change_pages(std::vector<LogPage> pages) {
  Result<> done = co_await flush();
  if (done) done = co_await sync();
  if (done) done = co_await log_and_apply(pages, stable_end_);
  if (done) done = co_await flush();
  co_return done;
}

// Every block of a fixed disk has a place.
Task<Result<>> Image::fill_fixed(std::uint64_t from_block) {
  for (std::uint64_t block = from_block; block < bat_.shape().blocks; ++block) {
    const Result<> reserved = co_await reserve(1);
    if (!reserved) co_return reserved;
    const Reservation reservation(*this, 1);
    const Result<std::uint64_t> place = co_await allocate(block_size());
    if (!place) co_return fail(place.error());
    bat_.set_block(block, {BlockState::kFullyPresent, *place});
  }
  co_return Result<>{};
}

Task<Result<>> Image::write_size(std::uint64_t size) {
  const std::uint64_t at = regions_.find(kMetadataRegion)->offset + metadata_.disk_size_at;
  const std::uint64_t first = align_down(at, kLogSector);
  std::vector<std::byte> bytes(align_up(at + 8, kLogSector) - first);
  Result<> done = co_await file_->read(first, vectors_of(bytes));
  if (!done) co_return done;
  store_le(&bytes[at - first], size);
  std::vector<LogPage> pages;
  for (std::size_t i = 0; i < bytes.size(); i += kLogSector) {
    pages.push_back({first + i, ByteSpan(bytes).subspan(i, kLogSector)});
  }
  done = co_await change_pages(std::move(pages));
  if (done) metadata_.disk_size = size;
  co_return done;
}

Task<Result<>> Image::renew_copies() {
  Header header = current_.header;
  header.file_write = draw_guid();
  Result<> done = co_await write_header(header);
  if (done) done = co_await write_header(header);
  if (done) file_write_is_new_ = current_.both_valid = true;
  const std::vector<std::byte> table = make_region_table(regions_.all);
  if (done) done = co_await write_region_tables(table);
  if (done) regions_.both_valid = true;
  co_return done;
}

}  // namespace orrery::storage::vhdx
