// Writing of an image's disk: in place where a block is there, otherwise to a new place that the
// tables name once its data is written.
#include <algorithm>

#include "base/bits.hpp"
#include "base/format.hpp"
#include "storage/vhdx/guards.hpp"

namespace orrery::storage::vhdx {

Task<Result<>> Image::check_writable() {
  if (!broken_) co_return broken_;
  if (access_ != Access::kWrite) co_return fail(path() + ": read-only");
  if (changing_) co_return Result<>{};
  co_return co_await begin_changes();
}

// The content is about to change: it is another one from here on, durably and in both headers,
// before it is (2.2.2).
Task<Result<>> Image::begin_changes() {
  const auto lock = co_await header_mutex_.lock();
  if (changing_) co_return Result<>{};
  Header changed = current_.header;
  if (!file_write_is_new_) changed.file_write = draw_guid();
  changed.data_write = draw_guid();
  Result<> done = co_await write_header(changed);
  if (done) done = co_await write_header(changed);
  if (done) changing_ = file_write_is_new_ = true;
  co_return done;
}

Task<Result<>> Image::write(std::uint64_t offset, std::uint64_t length, BufferCursor& from) {
  const Result<> writable = co_await check_writable();
  if (!writable) co_return writable;
  const InFlight in_flight(*this);
  while (length != 0) {
    const std::uint64_t block = offset / block_size();
    const std::uint64_t part = std::min(length, block_size() - offset % block_size());
    const BlockEntry entry = bat_.block(block);
    Result<> done;
    if (entry.state == BlockState::kFullyPresent) {
      done = co_await file_->write(entry.place + offset % block_size(), from.take(part));
    } else if (entry.state == BlockState::kPartiallyPresent) {
      done = co_await write_partial(offset, part, entry, from);
    } else {
      if (!lock_block(block)) {
        co_await unlocked_;
        continue;  // what it waited for has changed the entry
      }
      const BlockLock lock(*this, block);
      done = co_await write_new(offset, part, from);
    }
    if (!done) co_return done;
    offset += part;
    length -= part;
  }
  co_return Result<>{};
}

std::size_t Image::pages_of(const Bits& bits) {
  const std::uint64_t last = bits.at + (bits.first + bits.count - 1) / 8;
  return static_cast<std::size_t>(last / kLogSector - bits.at / kLogSector + 1);
}

// Until all pages of them are in memory at the same time, which lasts until the next wait.
Task<Result<>> Image::load_bits(Bits bits) {
  const std::uint64_t first = align_down(bits.at, kLogSector);
  const std::uint64_t end = first + pages_of(bits) * kLogSector;
  for (std::uint64_t at = first; at < end; at += kLogSector) {
    if (bitmaps_.find(at) != nullptr) continue;
    const Result<Page*> page = co_await bitmaps_.get(at, PageKind::kMapping);
    if (!page) co_return fail(page.error());
    at = first - kLogSector;  // those before may have left meanwhile
  }
  co_return Result<>{};
}

bool Image::all_set(const Bits& bits) {
  for (std::uint64_t i = bits.first; i < bits.first + bits.count; ++i) {
    const std::uint64_t at = bits.at + i / 8;
    const auto byte = static_cast<unsigned>(bitmaps_.find(at)->data[at % kLogSector]);
    if ((byte >> (i % 8) & 1) == 0) return false;
  }
  return true;
}

void Image::set_bits(Bits bits, bool value) {
  std::uint64_t i = bits.first;
  const std::uint64_t end = bits.first + bits.count;
  while (i < end) {
    const std::uint64_t at = bits.at + i / 8;
    Page& page = *bitmaps_.find(at);
    std::byte& byte = page.data[at % kLogSector];
    const std::uint64_t part = std::min(end - i, 8 - i % 8);
    const auto mask = static_cast<std::byte>(((1u << part) - 1) << (i % 8));
    const std::byte changed = value ? byte | mask : byte & ~mask;
    if (changed != byte) bitmaps_.mark_dirty(page);
    byte = changed;
    i += part;
  }
}

// Data first, then the bits that say it is there. Who wrote zeroes over the whole block meanwhile
// comes after this request.
Task<Result<>> Image::write_partial(std::uint64_t offset, std::uint64_t length, BlockEntry entry,
                                    BufferCursor& from) {
  const std::uint64_t block = offset / block_size();
  const Result<> checked = check_entry(bat_.shape().index_of_block(block));
  if (!checked) co_return checked;
  Result<> done = co_await file_->write(entry.place + offset % block_size(), from.take(length));
  const Bits bits = bits_of(offset, length);
  if (done) done = co_await load_bits(bits);
  if (!done || all_set(bits)) co_return done;
  const std::size_t pages = pages_of(bits);
  done = co_await reserve(pages);
  if (!done) co_return done;
  const Reservation reservation(*this, pages);
  done = co_await load_bits(bits);
  if (done && bat_.block(block) == entry) set_bits(bits, true);
  co_return done;
}

// To a block that is not there; its lock is held.
Task<Result<>> Image::write_new(std::uint64_t offset, std::uint64_t length, BufferCursor& from) {
  const std::uint64_t block = offset / block_size();
  const std::uint64_t start = block * block_size();
  const BlockEntry old = bat_.block(block);
  const bool partial =
      metadata_.parent && old.state == BlockState::kNotPresent && length < length_of_block(block);
  // Of the block and of the bitmap in the table, and of the bitmap itself.
  const std::uint64_t bitmap_bytes = block_size() / metadata_.logical_sector / 8;
  const std::size_t pages = partial ? 3 + bitmap_bytes / kLogSector : 1;
  Result<> done = co_await reserve(pages);
  if (!done) co_return done;
  const Reservation reservation(*this, pages);
  if (partial) done = co_await need_bitmap(block / bat_.shape().chunk_ratio);
  if (!done) co_return done;
  const Result<std::uint64_t> place = co_await allocate(block_size());
  if (!place) co_return fail(place.error());
  done = co_await file_->write(*place + (offset - start), from.take(length));
  // Only a chunk of a disk with a parent has a bitmap.
  const Bits all = partial ? bits_of(start, block_size()) : Bits{};
  if (done && partial) done = co_await load_bits(all);
  if (!done) {
    space_.release(*place, block_size());
    co_return done;
  }
  if (partial) {
    set_bits(all, false);
    set_bits(bits_of(offset, length), true);
  }
  const auto state = partial ? BlockState::kPartiallyPresent : BlockState::kFullyPresent;
  bat_.set_block(block, {state, *place});
  retire(old);
  co_return Result<>{};
}

// A place in the file that reads as zeroes, and that the file has whole.
Task<Result<std::uint64_t>> Image::allocate(std::uint64_t length) {
  const FileSpace::Place place = space_.allocate(length);
  const std::uint64_t end = place.offset + length;
  Result<> done;
  if (!place.fresh) {
    const Result<bool> punched = co_await file_->punch(place.offset, length);
    if (!punched) done = fail(punched.error());
    if (done && !*punched) done = co_await file_->write_zeroes(place.offset, length);
  }
  if (done && file_->size() < end) {
    done = co_await file_->write_zeroes(end - kLogSector, kLogSector);
  }
  if (!done) {
    space_.release(place.offset, length);
    co_return fail(done.error());
  }
  stable_end_ = std::max(stable_end_, end);
  co_return place.offset;
}

// The sector bitmap of a chunk, made where there is none; room for its entry is reserved.
Task<Result<>> Image::need_bitmap(std::uint64_t chunk) {
  const auto lock = co_await bitmap_mutex_.lock();
  if (bat_.bitmap(chunk).state == BlockState::kFullyPresent) co_return Result<>{};
  const Result<std::uint64_t> place = co_await allocate(kUnit);
  if (!place) co_return fail(place.error());
  bat_.set_bitmap(chunk, {BlockState::kFullyPresent, *place});
  co_return Result<>{};
}

// What an entry named, which does not any more.
void Image::retire(const BlockEntry& entry) {
  if (!entry.has_place() && !keeps_place(entry)) return;
  retired_.push_back({entry.place, block_size(), begun_});
}

}  // namespace orrery::storage::vhdx
