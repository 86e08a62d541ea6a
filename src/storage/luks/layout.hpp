// Where what is in a LUKS2 header: "LUKS2 On-Disk Format Specification" 1.1.3 (gitlab.com,
// cryptsetup/LUKS2-docs), section 2. Numbers are big-endian. Private to storage/.
//
//   0                   binary header, 4 KiB     } the first copy, of "header size"
//   4 KiB               JSON, zeroes behind it   }
//   header size         the second copy, alike
//   2 * header size     key slots: a piece each
//   segment's offset    the disk, encrypted
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/types.hpp"

namespace orrery::storage::luks {

using namespace std::string_view_literals;

inline constexpr std::size_t kMagicLength = 6;
inline constexpr std::array kMagics{"LUKS\xba\xbe"sv, "SKUL\xba\xbe"sv};  // by copy
inline constexpr std::uint64_t kBinaryLength = 4096;
inline constexpr std::uint64_t kLeastHeader = 16_KiB;
inline constexpr std::uint64_t kMostHeader = 4_MiB;  // powers of two between them

namespace field {
inline constexpr std::size_t kVersion = 6;        // u16
inline constexpr std::size_t kHeaderSize = 8;     // u64: with the JSON
inline constexpr std::size_t kSequence = 16;      // u64: "epoch", the larger is the newer
inline constexpr std::size_t kLabel = 24;         // text
inline constexpr std::size_t kChecksumName = 72;  // text: of the hash
inline constexpr std::size_t kSalt = 104;         // drawn anew with each writing
inline constexpr std::size_t kUuid = 168;         // text
inline constexpr std::size_t kSubsystem = 208;    // text
inline constexpr std::size_t kOffset = 256;       // u64: of this copy
inline constexpr std::size_t kChecksum = 448;     // of the copy, with zeroes here

inline constexpr std::size_t kLabelLength = 48;
inline constexpr std::size_t kChecksumNameLength = 32;
inline constexpr std::size_t kSaltLength = 64;
inline constexpr std::size_t kUuidLength = 40;
inline constexpr std::size_t kSubsystemLength = 48;
inline constexpr std::size_t kChecksumLength = 64;
}  // namespace field
static_assert(field::kSubsystem + field::kSubsystemLength == field::kOffset);
static_assert(field::kSalt + field::kSaltLength == field::kUuid);

// Of what is new, as cryptsetup makes it: the disk begins at 16 MiB.
inline constexpr std::uint64_t kNewHeader = 16_KiB;
inline constexpr std::uint64_t kNewDataAt = 16_MiB;
inline constexpr std::uint64_t kNewKeyslotsSize = kNewDataAt - 2 * kNewHeader;
inline constexpr std::uint32_t kStripes = 4000;
inline constexpr std::uint64_t kAreaAlignment = 4096;
inline constexpr unsigned kMostSlots = 32;

}  // namespace orrery::storage::luks
