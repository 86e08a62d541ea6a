// Guest memory whose content is elsewhere and comes page by page: what is touched first comes
// first, and whoever touches it waits (userfaultfd(2)); the rest comes meanwhile.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <thread>
#include <vector>

#include "base/bytes.hpp"
#include "base/error.hpp"
#include "base/files/file_descriptor.hpp"
#include "memory/guest_memory.hpp"

namespace orrery::memory {

// On the supply's thread.
class PageSource {
 public:
  virtual ~PageSource() = default;
  // Fills TO with what is at OFFSET of the content, in which the memory's regions follow each
  // other in ascending order. May block.
  virtual Result<> read(std::uint64_t offset, MutableByteSpan to) = 0;
};

class PageSupply {
 public:
  // What is read at a time: a store unpacks about so much at once anyway, and copying it takes
  // some 30 us, so that a page which is touched does not wait for its neighbours.
  static constexpr std::uint64_t kChunk = 256_KiB;

  // Before anybody uses the memory, which outlives this. FAILED is called, on a thread of this,
  // when something cannot be read; whoever touches it waits for ever, so the process has to end.
  // An error: the host lets this user catch no faults.
  static Result<std::unique_ptr<PageSupply>> create(const GuestMemory& memory,
                                                    std::unique_ptr<PageSource> source,
                                                    std::function<void(const Error&)> failed);
  // What has not come by then reads as zeroes.
  ~PageSupply();

 private:
  // A part of the content that lies in one region.
  struct Chunk {
    std::uint64_t offset = 0;
    std::byte* host = nullptr;
    std::uint64_t length = 0;
    bool supplied = false;
  };

  PageSupply(const GuestMemory& memory, std::unique_ptr<PageSource> source,
             std::function<void(const Error&)> failed);
  Result<> catch_faults();
  void release_faults() const;
  void serve();
  Result<bool> serve_fault();
  Result<> supply(Chunk& chunk);
  void place(std::byte* to, std::uint64_t length) const;
  void place_zeroes(std::byte* to, std::uint64_t length) const;
  Chunk& chunk_of(const std::byte* address);

  const GuestMemory& memory_;
  const std::unique_ptr<PageSource> source_;
  const std::function<void(const Error&)> failed_;
  std::vector<Chunk> chunks_;  // in the order of the content
  std::vector<std::byte> buffer_ = std::vector<std::byte>(kChunk);
  FileDescriptor faults_;
  FileDescriptor stop_;  // an eventfd
  std::thread thread_;
};

}  // namespace orrery::memory
