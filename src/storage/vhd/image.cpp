#include "storage/vhd/image.hpp"

#include <algorithm>

#include "base/format.hpp"
#include "storage/io/utf16.hpp"

namespace orrery::storage::vhd {

constexpr std::uint64_t kSector = 512;

Task<Result<>> Image::open() {
  Result<> done = co_await read_footer();
  if (done && footer_.kind != Kind::kFixed) done = co_await read_header();
  if (!done) co_return fail(done.error().context(path()));
  size_ = footer_.size;
  co_return Result<>{};
}

// At the end; of a dynamic disk there is a copy at the start, for a file that was cut off.
Task<Result<>> Image::read_footer() {
  std::vector<std::byte> start(kFooterLength);
  std::vector<std::byte> end(kFooterLength);
  Result<> done = co_await file_->read(0, vectors_of(start));
  const std::uint64_t end_at =
      std::max<std::uint64_t>(file_->size(), kFooterLength) - kFooterLength;
  if (done) done = co_await file_->read(end_at, vectors_of(end));
  if (!done) co_return done;
  if (!is_footer(end) && !is_footer(start)) {
    co_return fail("is no VHD: neither its start nor its end is a footer that is whole");
  }
  const Result<Footer> footer = parse_footer(is_footer(end) ? end : start);
  if (!footer) co_return fail(footer.error());
  footer_ = *footer;
  if (footer_.kind == Kind::kFixed && footer_.size > end_at) {
    co_return fail(
        format("damaged: a disk of {} bytes in a file of {}", footer_.size, file_->size()));
  }
  co_return Result<>{};
}

Task<Result<>> Image::read_header() {
  std::vector<std::byte> bytes(kHeaderLength);
  Result<> done = co_await file_->read(footer_.header_at, vectors_of(bytes));
  if (!done) co_return done;
  Result<DynamicHeader> header = parse_dynamic_header(bytes, footer_.size, file_->size());
  if (!header) co_return fail(header.error());
  header_ = std::move(*header);
  std::string absolute;
  for (const DynamicHeader::Locator& locator : header_.locators) {
    std::vector<std::byte> name(locator.length + std::size_t{2});  // never nothing
    name.resize(locator.length == 0 ? 2 : locator.length);
    if (locator.length == 0 || locator.at > file_->size()) continue;
    done = co_await file_->read(locator.at, vectors_of(name));
    if (!done) co_return done;
    parent_paths_.insert(locator.relative ? parent_paths_.begin() : parent_paths_.end(),
                         from_utf16(name));
  }
  if (!header_.parent_name.empty()) parent_paths_.push_back(header_.parent_name);
  co_return Result<>{};
}

// "Block Allocation Table and Data Blocks": a block is a bitmap, the first sector in the highest
// bit, and then its data. Sectors without a bit are as the parent has them, or zeroes.
Task<Result<Stretch>> Image::map(std::uint64_t offset, std::uint64_t length) {
  Stretch stretch;
  if (footer_.kind == Kind::kFixed) {
    stretch = {Stretch::Kind::kData, length, offset};
    co_return stretch;
  }
  const std::uint64_t in_block = offset % header_.block_size;
  stretch.length = std::min(length, header_.block_size - in_block);
  const Result<std::uint32_t> entry =
      co_await load_be32(header_.table_at + offset / header_.block_size * 4);
  if (!entry) co_return fail(entry.error());
  if (*entry == kUnusedEntry) co_return stretch;
  const std::uint64_t block = *entry * kSector;
  if (block + header_.bitmap_size() > file_->size()) {
    co_return fail(damaged(format("a block at {} lies behind the file's end", block)));
  }
  const std::uint64_t sector = in_block / kSector;
  const std::uint64_t wanted = (in_block % kSector + stretch.length + kSector - 1) / kSector;
  const Result<std::uint32_t> word = co_await load_be32(block + sector / 32 * 4);
  if (!word) co_return fail(word.error());
  const auto is_there = [&](std::uint64_t i) { return (*word >> (31 - i % 32) & 1) != 0; };
  std::uint64_t run = 1;
  while ((sector + run) % 32 != 0 && is_there(sector + run) == is_there(sector)) ++run;
  // And further by whole words.
  while (run < wanted && (sector + run) % 32 == 0) {
    const Result<std::uint32_t> next = co_await load_be32(block + (sector + run) / 32 * 4);
    if (!next) co_return fail(next.error());
    if (*next != (is_there(sector) ? ~0u : 0u)) break;
    run += 32;
  }
  stretch.length = std::min(stretch.length, run * kSector - in_block % kSector);
  if (!is_there(sector)) co_return stretch;
  stretch.kind = Stretch::Kind::kData;
  stretch.host = block + header_.bitmap_size() + in_block;
  co_return stretch;
}

}  // namespace orrery::storage::vhd
