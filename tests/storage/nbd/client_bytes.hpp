// What an NBD client sends, and what it is answered, as bytes.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "storage/nbd/negotiation.hpp"
#include "storage/nbd/protocol.hpp"
#include "storage/nbd/request.hpp"
#include "storage/nbd/wire.hpp"

namespace orrery::testing {

using storage::nbd::write_be;

inline void write_string(ByteWriter& to, std::string_view text) {
  write_be(to, static_cast<std::uint32_t>(text.size()));
  storage::nbd::write_text(to, text);
}

inline std::vector<std::byte> client_flags(std::uint32_t flags) {
  ByteWriter to;
  write_be(to, flags);
  return to.take();
}

inline std::vector<std::byte> option(storage::nbd::Option type, ByteSpan data = {}) {
  ByteWriter to;
  write_be(to, storage::nbd::kOptionMagic);
  write_be(to, static_cast<std::uint32_t>(type));
  write_be(to, static_cast<std::uint32_t>(data.size()));
  to.write_bytes(data);
  return to.take();
}

// The data of NBD_OPT_INFO and NBD_OPT_GO.
inline std::vector<std::byte> about(std::string_view name, bool sizes = false) {
  ByteWriter to;
  write_string(to, name);
  write_be(to, static_cast<std::uint16_t>(sizes ? 1 : 0));
  if (sizes) write_be(to, static_cast<std::uint16_t>(storage::nbd::Info::kBlockSize));
  return to.take();
}

inline std::vector<std::byte> contexts(std::string_view name,
                                       const std::vector<std::string>& queries) {
  ByteWriter to;
  write_string(to, name);
  write_be(to, static_cast<std::uint32_t>(queries.size()));
  for (const std::string& query : queries) write_string(to, query);
  return to.take();
}

inline std::vector<std::byte> request(const storage::nbd::Request& request) {
  ByteWriter to;
  write_be(to, storage::nbd::kRequestMagic);
  write_be(to, request.flags);
  write_be(to, static_cast<std::uint16_t>(request.command));
  write_be(to, request.handle);
  write_be(to, request.offset);
  write_be(to, request.length);
  return to.take();
}

struct OptionAnswer {
  storage::nbd::OptionReply type{};
  std::string payload;
};
// Nothing: they are none.
inline std::optional<std::vector<OptionAnswer>> parse_answers(ByteSpan bytes) {
  std::vector<OptionAnswer> answers;
  ByteReader reader(bytes);
  while (reader.remaining() != 0) {
    const auto magic = storage::nbd::read_be<std::uint64_t>(reader);
    const auto option = storage::nbd::read_be<std::uint32_t>(reader);
    const auto type = storage::nbd::read_be<std::uint32_t>(reader);
    const auto payload = storage::nbd::read_string(reader);
    if (magic != storage::nbd::kOptionReplyMagic || !option || !type || !payload) {
      return std::nullopt;
    }
    answers.push_back({static_cast<storage::nbd::OptionReply>(*type), std::string(*payload)});
  }
  return answers;
}

struct Reply {
  bool structured = false;
  bool done = true;
  storage::nbd::Chunk chunk{};
  std::uint32_t error = 0;
  std::uint64_t handle = 0;
  std::string payload;
};

// The next reply; nothing: it is none. READ_BYTES: what follows a good simple reply.
inline std::optional<Reply> parse_reply(ByteReader& reader, std::size_t read_bytes = 0) {
  using storage::nbd::read_be;
  const auto text = [](ByteSpan bytes) {
    return std::string(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  };
  Reply reply;
  const auto magic = read_be<std::uint32_t>(reader);
  reply.structured = magic == storage::nbd::kStructuredReplyMagic;
  if (!reply.structured) {
    const auto error = read_be<std::uint32_t>(reader);
    const auto handle = read_be<std::uint64_t>(reader);
    if (magic != storage::nbd::kSimpleReplyMagic || !handle) return std::nullopt;
    const auto payload = reader.read_bytes(*error == 0 ? read_bytes : 0);
    if (!payload) return std::nullopt;
    reply.error = *error;
    reply.handle = *handle;
    reply.payload = text(*payload);
    return reply;
  }
  const auto flags = read_be<std::uint16_t>(reader);
  const auto type = read_be<std::uint16_t>(reader);
  const auto handle = read_be<std::uint64_t>(reader);
  const auto payload = storage::nbd::read_string(reader);
  if (!payload) return std::nullopt;
  reply.done = *flags == storage::nbd::kReplyFlagDone;
  reply.chunk = static_cast<storage::nbd::Chunk>(*type);
  reply.handle = *handle;
  reply.payload = std::string(*payload);
  if (reply.chunk == storage::nbd::Chunk::kError) {
    if (payload->size() < 6) return std::nullopt;
    reply.error = load_be<std::uint32_t>(payload->data());
  }
  return reply;
}

}  // namespace orrery::testing
