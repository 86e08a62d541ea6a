// Work over whole disks, a piece at a time, several pieces at once. Private to storage/.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/error.hpp"
#include "base/loop/event_loop.hpp"
#include "base/loop/task.hpp"
#include "base/zeroes.hpp"
#include "port/blocks.hpp"
#include "storage/request/transfers.hpp"
#include "storage/tools/disk_tools.hpp"

namespace orrery::storage {

// A piece of a disk: enough that a request's own cost does not count, and little in memory.
inline constexpr std::uint64_t kPiece = 2_MiB;

struct Piece {
  std::uint64_t offset = 0;
  std::uint64_t length = 0;
  // For the work's own use: LENGTH bytes each, which stay from piece to piece, because making new
  // ones costs as much as copying.
  MutableByteSpan buffer;
  MutableByteSpan second_buffer;
};
using PieceWork = std::function<Task<Result<>>(Piece piece)>;
// Calls WORK for all pieces of SIZE bytes, several at a time, in rising order.
Result<> for_each_piece(EventLoop& loop, std::uint64_t size, const Progress& progress,
                        const PieceWork& work);

Task<Result<>> zero_piece(port::Blocks& disk, std::uint64_t offset, std::uint64_t length);
Task<Result<port::BlockExtent>> map_piece(port::Blocks& disk, std::uint64_t offset,
                                          std::uint64_t length);
// What lies behind the disk's end are zeroes.
Task<Result<>> read_with_zeroes(port::Blocks& disk, std::uint64_t offset, MutableByteSpan to);

// FIRST becomes the earliest sector where two pieces at OFFSET differ, if that is before it.
void note_difference(std::optional<Difference>& first, std::uint64_t offset, ByteSpan one,
                     ByteSpan other);

}  // namespace orrery::storage
