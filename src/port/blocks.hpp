// A disk: numbered bytes that stay. See contract.hpp.
//
// Ordering and durability are a disk's: requests may complete in any order; a write is durable once
// a flush that was submitted after the write's completion has completed.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/bytes.hpp"
#include "base/error.hpp"
#include "base/types.hpp"
#include "port/contract.hpp"

namespace orrery::port {

struct BlockRequest {
  enum class Kind : std::uint8_t { kRead, kWrite, kFlush, kDiscard, kWriteZeroes };

  Kind kind = Kind::kRead;
  std::uint64_t offset = 0;  // bytes; a multiple of the logical block size
  std::uint64_t length = 0;  // bytes; for read and write the sum of the buffers
  bool may_unmap = false;    // write-zeroes: the port may deallocate instead
  // Read: filled; write: taken. The memory stays valid until completion.
  std::vector<MutableByteSpan> buffers;
};

struct BlockGeometry {
  Bytes size;
  std::uint32_t logical_block_size = 512;
  std::uint32_t physical_block_size = 4096;
  bool read_only = false;
  bool can_discard = false;
  bool can_write_zeroes = false;
  // A write-zeroes that may unmap only changes what is noted about the stretch, whatever its
  // length.
  bool zeroes_without_writing = false;
  std::string serial;  // at most 20 ASCII characters; empty: none
};

// A stretch of a disk of one kind ("block status").
struct BlockExtent {
  std::uint64_t length = 0;  // bytes; at least one
  bool allocated = false;    // has a place of its own here, rather than in what lies below
  bool zeroes = false;       // known to read as zeroes, without reading it
  std::optional<std::uint64_t> host_offset;  // in the file, where the bytes lie there as they are
};

class Blocks {
 public:
  using Completion = std::function<void(Result<>)>;
  using MapCompletion = std::function<void(Result<BlockExtent>)>;

  virtual ~Blocks() = default;

  virtual const BlockGeometry& geometry() const = 0;

  // Carries out a read at once if that takes no waiting (its data is in memory already), and says
  // whether it did; false says nothing about the request, which is then submitted. The caller's
  // thread does the copying, so this is for a few pages at a time (decision 4).
  virtual bool read_at_once(const BlockRequest& /*request*/) { return false; }

  // Starts a request; `completion` is called exactly once, later, on the I/O loop. A request
  // outside the disk, or a write to a read-only one, completes with an error.
  virtual void submit(BlockRequest request, Completion completion) = 0;

  // What begins at OFFSET, at most LENGTH bytes of it; answered as requests are. A disk that cannot
  // tell says "allocated" of everything.
  virtual void map(std::uint64_t offset, std::uint64_t length, MapCompletion completion) = 0;

  // A new size, a multiple of 512; what is new reads as zeroes, what is cut off is lost. No other
  // request may be in flight. geometry() has it from completion on.
  virtual void resize(Bytes size, Completion completion) = 0;
};

}  // namespace orrery::port
