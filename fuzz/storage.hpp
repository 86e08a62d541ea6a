// Requests on a disk image whose file is a fuzzer's input, in memory.
//
//   byte 0       how it is opened
//   bytes 1..48  16 requests: kind, sector (in 128ths of 256 KiB), length in sectors
//   the rest     the file
#pragma once

#include <array>
#include <memory>

#include "storage/io/image_file.hpp"
#include "storage/memory_file.hpp"
#include "storage/request/run_task.hpp"
#include "storage/request/submitted.hpp"

namespace orrery::fuzz {

inline constexpr std::size_t kRequests = 16;
inline constexpr std::size_t kPrelude = 1 + kRequests * 3;

class ImageRun {
 public:
  ImageRun(EventLoop& loop, ByteSpan input) : loop_(loop), input_(input) {
    file_->keeps_changes = false;
    set_content({input.begin() + kPrelude, input.end()});
  }

  EventLoop& loop() { return loop_; }
  unsigned how_opened() const { return static_cast<unsigned>(input_[0]); }
  const std::vector<std::byte>& content() const { return file_->content; }
  void set_content(std::vector<std::byte> content) {
    file_->content = std::move(content);
    file_->most_bytes = file_->content.size() + 8_MiB;
  }

  std::unique_ptr<storage::ImageFile> file() {
    auto executor = std::make_unique<testing::MemoryExecutor>(loop_, file_, 1);
    return std::make_unique<storage::ImageFile>(std::move(executor), "fuzz", file_->content.size());
  }

  // Of a request, within a disk of SIZE bytes; a length of 0: outside.
  struct Range {
    std::uint64_t offset = 0;
    std::uint64_t length = 0;
  };
  Range range(std::size_t request, std::uint64_t size) const {
    const ByteSpan from = input_.subspan(1 + request * 3, 3);
    const std::uint64_t offset = static_cast<std::uint64_t>(from[1]) * 1024;
    if (offset >= size) return {offset, 0};
    return {offset, std::min((static_cast<std::uint64_t>(from[2]) + 1) * 512, size - offset)};
  }

  // Whether all went well.
  bool perform_all(port::Blocks& disk) {
    bool done = true;
    for (std::size_t i = 0; i < kRequests; ++i) done &= perform(disk, i);
    return done;
  }

 private:
  bool perform(port::Blocks& disk, std::size_t number) {
    using Kind = port::BlockRequest::Kind;
    constexpr std::array kKinds{Kind::kRead, Kind::kWrite, Kind::kFlush, Kind::kDiscard,
                                Kind::kWriteZeroes};
    const auto chosen = static_cast<std::size_t>(input_[1 + number * 3]);
    port::BlockRequest request;
    request.kind = kKinds[chosen % kKinds.size()];
    request.may_unmap = chosen >= 128;
    const Range where = range(number, disk.geometry().size.value());
    request.offset = where.offset;
    if (request.kind == Kind::kFlush) return perform_now(disk, request);
    if (where.length == 0) return true;
    request.length = where.length;
    std::vector<std::byte> bytes(request.length, std::byte{0x5A});
    if (request.kind <= Kind::kWrite) request.buffers = {bytes};
    return perform_now(disk, std::move(request));
  }
  static Task<Result<>> submitted(port::Blocks& disk, port::BlockRequest request) {
    co_return co_await storage::Submitted(disk, std::move(request));
  }
  bool perform_now(port::Blocks& disk, port::BlockRequest request) {
    return storage::run_task(loop_, submitted(disk, std::move(request))).has_value();
  }

  EventLoop& loop_;
  ByteSpan input_;
  std::shared_ptr<testing::MemoryFile> file_ = std::make_shared<testing::MemoryFile>();
};

}  // namespace orrery::fuzz
