#include "storage/nbd/reply.hpp"

#include "storage/nbd/wire.hpp"

namespace orrery::storage::nbd {
namespace {

ByteWriter begin_chunk(std::uint64_t handle, Done done, Chunk type, std::size_t length) {
  ByteWriter header;
  write_be(header, kStructuredReplyMagic);
  write_be(header, static_cast<std::uint16_t>(done));
  write_be(header, static_cast<std::uint16_t>(type));
  write_be(header, handle);
  write_be(header, static_cast<std::uint32_t>(length));
  return header;
}

}  // namespace

Message simple_reply(std::uint64_t handle, ErrorCode error, Buffer payload) {
  ByteWriter header;
  write_be(header, kSimpleReplyMagic);
  write_be(header, static_cast<std::uint32_t>(error));
  write_be(header, handle);
  return {header.take(), std::move(payload)};
}

Message bare_message(Buffer payload) {
  return {{}, std::move(payload)};
}

Message done_chunk(std::uint64_t handle) {
  return {begin_chunk(handle, Done::kYes, Chunk::kNone, 0).take(), {}};
}

Message data_chunk(std::uint64_t handle, Done done, std::uint64_t offset, Buffer data) {
  ByteWriter header = begin_chunk(handle, done, Chunk::kOffsetData, sizeof offset + data.size());
  write_be(header, offset);
  return {header.take(), std::move(data)};
}

Message hole_chunk(std::uint64_t handle, Done done, std::uint64_t offset, std::uint32_t length) {
  ByteWriter header = begin_chunk(handle, done, Chunk::kOffsetHole, sizeof offset + sizeof length);
  write_be(header, offset);
  write_be(header, length);
  return {header.take(), {}};
}

Message error_chunk(std::uint64_t handle, ErrorCode error, std::string_view message) {
  ByteWriter header = begin_chunk(handle, Done::kYes, Chunk::kError,
                                  sizeof(std::uint32_t) + sizeof(std::uint16_t) + message.size());
  write_be(header, static_cast<std::uint32_t>(error));
  write_be(header, static_cast<std::uint16_t>(message.size()));
  write_text(header, message);
  return {header.take(), {}};
}

Message status_chunk(std::uint64_t handle, const std::vector<StatusExtent>& extents) {
  ByteWriter header = begin_chunk(handle, Done::kYes, Chunk::kBlockStatus,
                                  sizeof(std::uint32_t) + extents.size() * sizeof(StatusExtent));
  write_be(header, kBaseAllocationId);
  for (const StatusExtent& extent : extents) {
    write_be(header, extent.length);
    write_be(header, extent.flags);
  }
  return {header.take(), {}};
}

std::string_view describe(ErrorCode error) {
  switch (error) {
    case ErrorCode::kNone: return "done";
    case ErrorCode::kNotPermitted: return "the export is read-only";
    case ErrorCode::kInputOutput: return "the server's disk failed; its log says more";
    case ErrorCode::kInvalid:
      return "the request is none that this export takes: its command, flags, range or alignment";
    case ErrorCode::kNoSpace: return "the request goes beyond the end of the export";
    case ErrorCode::kOverflow: return "too long for an answer in one chunk";
    case ErrorCode::kNotSupported: return "would not be faster than writing zeroes";
  }
  return {};
}

}  // namespace orrery::storage::nbd
