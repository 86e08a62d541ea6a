// Memory for host code. It is mapped twice, once for writing and once for executing, so that no
// page is ever both (W^X).
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>

#include "base/bytes.hpp"
#include "base/error.hpp"
#include "base/guarded.hpp"

namespace orrery::hypervisor::soft::translate {

// Code is placed one piece behind the other and forgotten as a whole; what of it is hardly ever
// executed is placed from the other end on, so that what is shares fewer cache lines and pages with
// it. Own thread of the vCPU that it belongs to, but for reserve() and write().
class CodeCache {
 public:
  // SIZE bytes, a multiple of a page.
  static Result<std::unique_ptr<CodeCache>> create(std::size_t size);
  ~CodeCache();
  CodeCache(const CodeCache&) = delete;
  CodeCache& operator=(const CodeCache&) = delete;

  // Where a piece of code will be executed, and what of it is hardly ever executed.
  struct Place {
    std::uint64_t hot;  // a multiple of 16
    std::uint64_t cold;
  };
  // Room for a piece of so many bytes, until clear(); nothing where there is not enough.
  std::optional<Place> reserve(std::size_t hot, std::size_t cold = 0);
  // CODE will be executed at the reserved place AT.
  void write(std::uint64_t at, ByteSpan code);

  // Bytes, of hot and cold pieces together.
  std::size_t room();

  // Overwrites the four bytes of a relative jump's distance, so that the jump whose distance is at
  // the executable address PLACE leads to TARGET.
  void link(std::uint64_t place, std::uint64_t target);

  // Overwrites what is at the executable address PLACE, five bytes, by a jump to TARGET.
  void redirect(std::uint64_t place, std::uint64_t target);

  // From here on clear() keeps what there is.
  void keep() { kept_ = ends_.lock()->hot; }
  // No other thread may be about to write.
  void clear();

 private:
  // Offsets. Pages are there up to one `committed` and from the other on: the host brings in many
  // at once, as each would be an exception of its own.
  struct Ends {
    std::size_t hot = 0;  // of the last piece
    std::size_t cold;     // where the last piece begins
    std::size_t committed_hot = 0;
    std::size_t committed_cold;
  };

  CodeCache(std::byte* writable, std::byte* executable, std::size_t size)
      : writable_(writable),
        executable_(executable),
        size_(size),
        ends_(Ends{.cold = size, .committed_cold = size}) {}

  std::uint64_t address(std::size_t offset) const {
    return reinterpret_cast<std::uint64_t>(executable_) + offset;
  }
  // Of SIZE bytes at the executable address PLACE, to be written to.
  std::byte* writable(std::uint64_t place, std::size_t size);
  void commit(Ends& ends);
  void commit(std::size_t begin, std::size_t end);

  std::byte* writable_;
  std::byte* executable_;
  std::size_t size_;
  Guarded<Ends> ends_;
  std::size_t kept_ = 0;
};

}  // namespace orrery::hypervisor::soft::translate
