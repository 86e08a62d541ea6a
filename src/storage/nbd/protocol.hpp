// The NBD protocol's numbers, by its own names: github.com/NetworkBlockDevice/nbd, doc/proto.md,
// "Values". All fields are big-endian.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace orrery::storage::nbd {

// Handshake ("Fixed newstyle negotiation").
inline constexpr std::uint64_t kInitPasswd = 0x4E42444D41474943;   // "NBDMAGIC"
inline constexpr std::uint64_t kOptionMagic = 0x49484156454F5054;  // "IHAVEOPT"
inline constexpr std::uint64_t kOptionReplyMagic = 0x0003E889045565A9;

namespace handshake_flag {
inline constexpr std::uint16_t kFixedNewstyle = 1 << 0;
inline constexpr std::uint16_t kNoZeroes = 1 << 1;
}  // namespace handshake_flag

namespace client_flag {
inline constexpr std::uint32_t kFixedNewstyle = 1 << 0;
inline constexpr std::uint32_t kNoZeroes = 1 << 1;
}  // namespace client_flag

enum class Option : std::uint32_t {
  kExportName = 1,
  kAbort = 2,
  kList = 3,
  kStartTls = 5,
  kInfo = 6,
  kGo = 7,
  kStructuredReply = 8,
  kListMetaContext = 9,
  kSetMetaContext = 10,
};

enum class OptionReply : std::uint32_t {
  kAck = 1,
  kServer = 2,
  kInfo = 3,
  kMetaContext = 4,
  kErrorUnsupported = 0x8000'0001,
  kErrorPolicy = 0x8000'0002,
  kErrorInvalid = 0x8000'0003,
  kErrorUnknown = 0x8000'0006,
  kErrorTooBig = 0x8000'0009,
};

enum class Info : std::uint16_t { kExport = 0, kName = 1, kDescription = 2, kBlockSize = 3 };

namespace transmission_flag {
inline constexpr std::uint16_t kHasFlags = 1 << 0;
inline constexpr std::uint16_t kReadOnly = 1 << 1;
inline constexpr std::uint16_t kSendFlush = 1 << 2;
inline constexpr std::uint16_t kSendFua = 1 << 3;
inline constexpr std::uint16_t kSendTrim = 1 << 5;
inline constexpr std::uint16_t kSendWriteZeroes = 1 << 6;
inline constexpr std::uint16_t kSendDf = 1 << 7;
inline constexpr std::uint16_t kCanMultiConn = 1 << 8;
inline constexpr std::uint16_t kSendCache = 1 << 10;
inline constexpr std::uint16_t kSendFastZero = 1 << 11;
}  // namespace transmission_flag

// Strings "MUST be no longer than 4096 bytes" ("Conventions").
inline constexpr std::size_t kMostStringBytes = 4096;

// The one metadata context that the document itself defines, and the number that we give it.
inline constexpr std::string_view kBaseAllocation = "base:allocation";
inline constexpr std::uint32_t kBaseAllocationId = 1;

namespace allocation {
inline constexpr std::uint32_t kHole = 1 << 0;
inline constexpr std::uint32_t kZero = 1 << 1;
}  // namespace allocation

// Transmission.
inline constexpr std::uint32_t kRequestMagic = 0x25609513;
inline constexpr std::uint32_t kSimpleReplyMagic = 0x67446698;
inline constexpr std::uint32_t kStructuredReplyMagic = 0x668E33EF;

enum class Command : std::uint16_t {
  kRead = 0,
  kWrite = 1,
  kDisconnect = 2,
  kFlush = 3,
  kTrim = 4,
  kCache = 5,
  kWriteZeroes = 6,
  kBlockStatus = 7,
};

namespace command_flag {
inline constexpr std::uint16_t kFua = 1 << 0;
inline constexpr std::uint16_t kNoHole = 1 << 1;
inline constexpr std::uint16_t kDf = 1 << 2;
inline constexpr std::uint16_t kReqOne = 1 << 3;
inline constexpr std::uint16_t kFastZero = 1 << 4;
}  // namespace command_flag

inline constexpr std::uint16_t kReplyFlagDone = 1 << 0;

enum class Chunk : std::uint16_t {
  kNone = 0,
  kOffsetData = 1,
  kOffsetHole = 2,
  kBlockStatus = 5,
  kError = 0x8001,
};

enum class ErrorCode : std::uint32_t {
  kNone = 0,
  kNotPermitted = 1,   // NBD_EPERM
  kInputOutput = 5,    // NBD_EIO
  kInvalid = 22,       // NBD_EINVAL
  kNoSpace = 28,       // NBD_ENOSPC
  kOverflow = 75,      // NBD_EOVERFLOW
  kNotSupported = 95,  // NBD_ENOTSUP
};

}  // namespace orrery::storage::nbd
