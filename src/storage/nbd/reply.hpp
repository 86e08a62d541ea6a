// The bytes of replies (doc/proto.md, "Simple reply message", "Structured reply chunk message",
// "Structured reply types").
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "base/bytes.hpp"
#include "storage/nbd/protocol.hpp"

namespace orrery::storage::nbd {

// Memory of a piece of a request, not zeroed.
class Buffer {
 public:
  Buffer() = default;
  explicit Buffer(std::size_t size)
      : bytes_(std::make_unique_for_overwrite<std::byte[]>(size)), size_(size) {}

  std::size_t size() const { return size_; }
  MutableByteSpan span() { return {bytes_.get(), size_}; }

 private:
  std::unique_ptr<std::byte[]> bytes_;
  std::size_t size_ = 0;
};

enum class Done : std::uint16_t { kNo = 0, kYes = kReplyFlagDone };

// What goes to the client in one go: a header, and what was read behind it.
struct Message {
  std::vector<std::byte> header;
  Buffer payload;

  std::size_t size() const { return header.size() + payload.size(); }
};

Message simple_reply(std::uint64_t handle, ErrorCode error, Buffer payload = {});
// Of a reply whose payload comes in more messages.
Message bare_message(Buffer payload);

Message done_chunk(std::uint64_t handle);
Message data_chunk(std::uint64_t handle, Done done, std::uint64_t offset, Buffer data);
Message hole_chunk(std::uint64_t handle, Done done, std::uint64_t offset, std::uint32_t length);
// MESSAGE is for people, at most kMostStringBytes.
Message error_chunk(std::uint64_t handle, ErrorCode error, std::string_view message);

struct StatusExtent {
  std::uint32_t length = 0;
  std::uint32_t flags = 0;  // allocation
};
Message status_chunk(std::uint64_t handle, const std::vector<StatusExtent>& extents);

// In words, for those who look at a structured error.
std::string_view describe(ErrorCode error);

}  // namespace orrery::storage::nbd
