// One request of an NBD client: its header, and whether it may be carried out (doc/proto.md,
// "Request message", "Request types", "Error values").
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>

#include "base/bytes.hpp"
#include "port/blocks.hpp"
#include "storage/nbd/negotiation.hpp"
#include "storage/nbd/protocol.hpp"

namespace orrery::storage::nbd {

struct Request {
  static constexpr std::size_t kHeaderBytes = 28;

  std::uint16_t flags = 0;  // command_flag
  Command command = Command::kRead;
  std::uint64_t handle = 0;  // the client's; comes back in the reply
  std::uint64_t offset = 0;
  std::uint32_t length = 0;

  bool has(std::uint16_t flag) const { return (flags & flag) != 0; }
  // How many bytes follow the header.
  std::uint32_t payload() const { return command == Command::kWrite ? length : 0; }
};

// Nothing: no request at all, so that nobody knows where the next one would begin.
std::optional<Request> parse_request(std::span<const std::byte, Request::kHeaderBytes> header);

// kNone: it may.
ErrorCode check(const Request& request, const Agreement& agreement,
                const port::BlockGeometry& geometry);

}  // namespace orrery::storage::nbd
