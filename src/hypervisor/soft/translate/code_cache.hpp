// Memory for host code. It is mapped twice, once for writing and once for executing, so that no
// page is ever both (W^X).
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

#include "base/bytes.hpp"
#include "base/error.hpp"

namespace orrery::hypervisor::soft::translate {

// Code is placed one piece behind the other and forgotten as a whole; what of it is hardly ever
// executed is placed from the other end on, so that what is shares fewer cache lines and pages with
// it. Own thread of the vCPU that it belongs to.
class CodeCache {
 public:
  // SIZE bytes, a multiple of a page.
  static Result<std::unique_ptr<CodeCache>> create(std::size_t size);
  ~CodeCache();
  CodeCache(const CodeCache&) = delete;
  CodeCache& operator=(const CodeCache&) = delete;

  // Where the next piece of code will be executed.
  std::uint64_t next_address() const {
    return reinterpret_cast<std::uint64_t>(executable_) + used_;
  }
  // Where the next piece of SIZE bytes that is hardly ever executed will be.
  std::uint64_t next_cold_address(std::size_t size) const {
    return reinterpret_cast<std::uint64_t>(executable_) + cold_ - size;
  }
  // Of both together.
  std::size_t room() const { return cold_ - used_; }

  // Places HOT at next_address() and COLD at next_cold_address(), as much as there is room for. The
  // piece after HOT starts at a multiple of 16.
  void place(ByteSpan hot, ByteSpan cold = {});

  // Overwrites the four bytes of a relative jump's distance, so that the jump whose distance is at
  // the executable address PLACE leads to TARGET.
  void link(std::uint64_t place, std::uint64_t target);

  // Overwrites what is at the executable address PLACE, five bytes, by a jump to TARGET.
  void redirect(std::uint64_t place, std::uint64_t target);

  // From here on clear() keeps what there is.
  void keep() { kept_ = used_; }
  void clear() {
    used_ = kept_;
    cold_ = size_;
  }

 private:
  CodeCache(std::byte* writable, std::byte* executable, std::size_t size)
      : writable_(writable), executable_(executable), size_(size), cold_(size) {}

  std::byte* writable_;
  std::byte* executable_;
  std::size_t size_;
  std::size_t used_ = 0;
  std::size_t cold_;  // where the last piece that is hardly ever executed begins
  std::size_t kept_ = 0;
};

}  // namespace orrery::hypervisor::soft::translate
