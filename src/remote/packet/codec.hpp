// Packets to bytes and back. Bytes come from other hosts: everything is checked here, once.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "base/bytes.hpp"
#include "base/error.hpp"
#include "remote/packet/packet.hpp"

namespace orrery::remote {

// The whole packet; its data has kMostData bytes at most, which is the caller's to see to.
// SEQUENCE is 0 for types that have none.
std::vector<std::byte> encode(const Body& body, std::uint64_t sequence, std::uint64_t acknowledged);

// Changes `acknowledged` of an encoded packet, which may have waited.
void set_acknowledged(MutableByteSpan packet, std::uint64_t acknowledged);

// The length of the packet that BYTES begin with; nothing where they are too few to tell. An error:
// what begins there can not be a packet of this version.
Result<std::optional<std::size_t>> packet_length(ByteSpan bytes);

// One whole packet. Its data lies in BYTES.
Result<Packet> decode(ByteSpan bytes);

}  // namespace orrery::remote
