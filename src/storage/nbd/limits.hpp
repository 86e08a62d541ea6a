// How much one client may take. Together they bound what a server holds for it, whatever it sends
// and however slowly it reads.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>

#include "base/types.hpp"

namespace orrery::storage::nbd {

// An option's data: the longest sensible one names an export and asks for a dozen metadata
// contexts, each at most 4 KiB. What is longer is skipped and refused.
inline constexpr std::uint32_t kMostOptionBytes = 64_KiB;
// What is skipped at most; a longer option ends the connection.
inline constexpr std::uint32_t kMostSkippedBytes = 1_MiB;
// Clients need about ten options; `nbdinfo --list` needs a few for each export.
inline constexpr std::size_t kMostOptions = 4096;
// For all of the handshake: ten times what a slow link needs.
inline constexpr std::chrono::seconds kHandshakeTime{30};

// The payload of one read or write. 32 MiB is what clients may take for granted where nothing is
// said ("Block size constraints").
inline constexpr std::uint32_t kMostPayload = 32_MiB;
// Payloads go to and from the disk in pieces of this size, so that a large request does not have to
// be in memory as a whole. Enough that a request's own cost does not count.
inline constexpr std::uint64_t kPiece = 1_MiB;
// Bytes of pieces and replies that are in memory: deep queues of usual sizes (64 times 256 KiB)
// go at full speed with half of it on the way.
inline constexpr std::uint64_t kMostBytes = 8_MiB;
// Requests that are worked on. Linux asks for 128 at once.
inline constexpr std::size_t kMostRequests = 128;
// Stretches in one answer to NBD_CMD_BLOCK_STATUS.
inline constexpr std::size_t kMostExtents = 1024;

// Between the last request and the last byte of replies, for a client that does not read.
inline constexpr std::chrono::seconds kFarewellTime{10};
// For a client of a server that ends, to close its side.
inline constexpr std::chrono::seconds kLingerTime{1};

}  // namespace orrery::storage::nbd
