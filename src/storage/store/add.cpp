#include "storage/store/add.hpp"

#include <algorithm>
#include <chrono>
#include <map>
#include <optional>

#include "base/bits.hpp"
#include "storage/tools/disk_copy.hpp"

namespace orrery::storage {
namespace {

// A stretch of a piece: with bytes, or zeroes.
struct Part {
  std::uint64_t length = 0;
  std::optional<store::Piece> bytes;
};
using Parts = std::vector<Part>;

// Pieces are read several at a time and added in their order.
class Adder {
 public:
  Adder(port::Blocks& disk, store::Writer& writer) : disk_(disk), writer_(writer) {}

  Task<Result<>> take(std::uint64_t offset, std::uint64_t length) {
    Parts parts;
    Result<> done = co_await find_parts(parts, offset, length);
    std::uint64_t at = offset;
    for (Part& part : parts) {
      if (!done) co_return done;
      if (part.bytes) done = co_await read_all(disk_, at, part.bytes->data());
      at += part.length;
    }
    if (!done) co_return done;
    read_.emplace(offset, std::move(parts));
    co_return add_what_is_next();
  }

 private:
  // Zeroes that the disk knows of without reading them, in whole blocks.
  Task<Result<>> find_parts(Parts& parts, std::uint64_t offset, std::uint64_t length) {
    const std::uint64_t end = offset + length;
    std::uint64_t data = offset;  // where what has to be read begins
    for (std::uint64_t at = offset; at < end;) {
      const auto extent = co_await map_piece(disk_, at, end - at);
      if (!extent) co_return fail(extent.error());
      const std::uint64_t first = (at + store::kBlock - 1) / store::kBlock * store::kBlock;
      at += extent->length;
      const std::uint64_t last = at == end ? end : at / store::kBlock * store::kBlock;
      if (!extent->zeroes || first >= last) continue;
      add_data(parts, first - data);
      parts.push_back({.length = last - first, .bytes = std::nullopt});
      data = last;
    }
    add_data(parts, end - data);
    co_return Result<>{};
  }
  static void add_data(Parts& parts, std::uint64_t length) {
    if (length != 0) parts.push_back({.length = length, .bytes = store::Piece(length)});
  }

  Result<> add_what_is_next() {
    for (auto first = read_.begin(); first != read_.end() && first->first == next_;) {
      for (Part& part : first->second) {
        next_ += part.length;
        ORRERY_CHECK(part.bytes ? writer_.add(std::move(*part.bytes))
                                : writer_.add_zeroes(part.length));
      }
      first = read_.erase(first);
    }
    return {};
  }

  port::Blocks& disk_;
  store::Writer& writer_;
  std::map<std::uint64_t, Parts> read_;  // by their offset
  std::uint64_t next_ = 0;
};

std::uint64_t now() {
  const auto since = std::chrono::system_clock::now().time_since_epoch();
  return static_cast<std::uint64_t>(
      std::chrono::duration_cast<std::chrono::nanoseconds>(since).count());
}

}  // namespace

Result<store::WriteReport> add_to_store(EventLoop& loop, store::Store& store,
                                        const AddOptions& options, const Progress& progress) {
  using Existing = store::Writer::Existing;
  // Before the work rather than after it; publish() looks again.
  ORRERY_TRY(const auto there, store.find_manifest(options.name));
  if (there && !options.replace) {
    return fail(store::already_there(store, options.name));
  }
  DiskOptions open = options.disk;
  open.read_only = true;
  ORRERY_TRY(const auto disk, open_disk(loop, open));
  ORRERY_TRY(const auto writer, store::Writer::create(store, {.level = options.level}));
  Adder adder(*disk, *writer);
  ORRERY_CHECK(
      for_each_piece(loop, disk->geometry().size.value(), progress,
                     [&](const Piece& piece) { return adder.take(piece.offset, piece.length); }));
  return writer->publish(options.name, options.tags, now(),
                         options.replace ? Existing::kReplace : Existing::kRefuse);
}

}  // namespace orrery::storage
