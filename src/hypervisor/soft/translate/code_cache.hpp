// Memory for host code. It is mapped twice, once for writing and once for executing, so that no
// page is ever both (W^X).
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

#include "base/error.hpp"

namespace orrery::hypervisor::soft::translate {

// Code is placed one piece behind the other and forgotten as a whole. Own thread of the vCPU that
// it belongs to.
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
  std::size_t room() const { return size_ - used_; }

  // Where to write the piece that will be executed at next_address(): all of the room.
  std::byte* writable() { return writable_ + used_; }
  // SIZE bytes have been written there. The piece after them starts at a multiple of 16.
  void commit(std::size_t size);

  // Overwrites the four bytes of a relative jump's distance, so that the jump whose distance is at
  // the executable address PLACE leads to TARGET.
  void link(std::uint64_t place, std::uint64_t target);

  // Overwrites what is at the executable address PLACE, five bytes, by a jump to TARGET.
  void redirect(std::uint64_t place, std::uint64_t target);

  // From here on clear() keeps what there is.
  void keep() { kept_ = used_; }
  void clear() { used_ = kept_; }

 private:
  CodeCache(std::byte* writable, std::byte* executable, std::size_t size)
      : writable_(writable), executable_(executable), size_(size) {}

  std::byte* writable_;
  std::byte* executable_;
  std::size_t size_;
  std::size_t used_ = 0;
  std::size_t kept_ = 0;
};

}  // namespace orrery::hypervisor::soft::translate
