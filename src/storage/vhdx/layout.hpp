// What is where in a VHDX file: [MS-VHDX], whose sections are named here. All numbers are
// little-endian; all that is in the file begins at a multiple of 1 MiB but the parts of the header
// section. Private to storage/.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/types.hpp"
#include "storage/vhdx/guid.hpp"

namespace orrery::storage::vhdx {

inline constexpr std::uint64_t kUnit = 1_MiB;      // 2.1: alignment of everything
inline constexpr std::uint64_t kLogSector = 4096;  // 2.3
inline constexpr std::uint64_t kMostDiskSize = 64ull << 40;
inline constexpr std::uint32_t kLeastBlock = 1u << 20;  // 2.6.2.1
inline constexpr std::uint32_t kMostBlock = 256u << 20;

// 2.2: the header section
inline constexpr std::string_view kFileSignature = "vhdxfile";
inline constexpr std::size_t kCreatorAt = 8;  // UTF-16, 512 bytes
inline constexpr std::array<std::uint64_t, 2> kHeadersAt{64_KiB, 128_KiB};
inline constexpr std::array<std::uint64_t, 2> kRegionTablesAt{192_KiB, 256_KiB};
inline constexpr std::size_t kHeaderLength = 4096;
inline constexpr std::size_t kRegionTableLength = 65536;

// 2.2.2
namespace header_field {
inline constexpr std::uint32_t kSignature = 0x6461'6568;  // "head"
inline constexpr std::size_t kChecksum = 4;               // u32
inline constexpr std::size_t kSequenceNumber = 8;         // u64
inline constexpr std::size_t kFileWriteGuid = 16;
inline constexpr std::size_t kDataWriteGuid = 32;
inline constexpr std::size_t kLogGuid = 48;
inline constexpr std::size_t kLogVersion = 64;  // u16, 0
inline constexpr std::size_t kVersion = 66;     // u16, 1
inline constexpr std::size_t kLogLength = 68;   // u32
inline constexpr std::size_t kLogOffset = 72;   // u64
}  // namespace header_field

// 2.2.3
namespace region_field {
inline constexpr std::uint32_t kSignature = 0x6967'6572;  // "regi"
inline constexpr std::size_t kChecksum = 4;               // u32
inline constexpr std::size_t kEntryCount = 8;             // u32
inline constexpr std::size_t kEntries = 16;
inline constexpr std::uint32_t kMostEntries = 2047;
// of an entry
inline constexpr std::size_t kGuid = 0;
inline constexpr std::size_t kFileOffset = 16;  // u64
inline constexpr std::size_t kLength = 24;      // u32
inline constexpr std::size_t kRequired = 28;    // u32
inline constexpr std::size_t kEntryLength = 32;
}  // namespace region_field
inline constexpr Guid kBatRegion = make_guid(0x2DC27766, 0xF623, 0x4200, 0x9D64'115E9BFD4A08);
inline constexpr Guid kMetadataRegion = make_guid(0x8B7CA206, 0x4790, 0x4B9A, 0xB8FE'575F050F886E);

// 2.3.1
namespace log_field {
inline constexpr std::uint32_t kEntrySignature = 0x6567'6F6C;  // "loge"
inline constexpr std::size_t kChecksum = 4;                    // u32
inline constexpr std::size_t kEntryLength = 8;                 // u32
inline constexpr std::size_t kTail = 12;                       // u32
inline constexpr std::size_t kSequenceNumber = 16;             // u64
inline constexpr std::size_t kDescriptorCount = 24;            // u32
inline constexpr std::size_t kLogGuid = 32;
inline constexpr std::size_t kFlushedFileOffset = 48;  // u64
inline constexpr std::size_t kLastFileOffset = 56;     // u64
inline constexpr std::size_t kDescriptors = 64;
// of a descriptor
inline constexpr std::uint32_t kZeroSignature = 0x6F72'657A;  // "zero"
inline constexpr std::uint32_t kDescSignature = 0x6373'6564;  // "desc"
inline constexpr std::size_t kTrailingBytes = 4;              // 4 bytes
inline constexpr std::size_t kLeadingBytes = 8;         // 8 bytes; of a zero descriptor u64 length
inline constexpr std::size_t kFileOffset = 16;          // u64
inline constexpr std::size_t kDescriptorSequence = 24;  // u64
inline constexpr std::size_t kDescriptorLength = 32;
// of a data sector
inline constexpr std::uint32_t kDataSignature = 0x6174'6164;  // "data"
inline constexpr std::size_t kSequenceHigh = 4;               // u32
inline constexpr std::size_t kData = 8;
inline constexpr std::size_t kSequenceLow = 4092;  // u32
}  // namespace log_field

// 2.5.1
//    63                                         20 19              3 2     0
//   +---------------------------------------------+-----------------+-------+
//   | place in the file, in units of 1 MiB        | 0               | state |
//   +---------------------------------------------+-----------------+-------+
enum class BlockState : std::uint8_t {
  kNotPresent = 0,
  kUndefined = 1,
  kZero = 2,
  kUnmapped = 3,
  kFullyPresent = 6,      // also of a sector bitmap that is there
  kPartiallyPresent = 7,  // differencing: the sector bitmap says which sectors
};
inline constexpr std::uint64_t kStateMask = 7;
inline constexpr std::uint64_t kReservedMask = 0xF'FFF8;
inline constexpr std::uint64_t kPlaceMask = ~std::uint64_t{0xF'FFFF};

// 2.6.1
namespace metadata_field {
inline constexpr std::string_view kSignature = "metadata";
inline constexpr std::size_t kEntryCount = 10;  // u16
inline constexpr std::size_t kEntries = 32;
inline constexpr std::uint16_t kMostEntries = 2047;
inline constexpr std::size_t kTableLength = 65536;
// of an entry
inline constexpr std::size_t kItemId = 0;
inline constexpr std::size_t kOffset = 16;  // u32, from the region's start
inline constexpr std::size_t kLength = 20;  // u32
inline constexpr std::size_t kFlags = 24;   // u32
inline constexpr std::size_t kEntryLength = 32;
inline constexpr std::uint32_t kIsUser = 1;
inline constexpr std::uint32_t kIsVirtualDisk = 2;
inline constexpr std::uint32_t kIsRequired = 4;
inline constexpr std::uint32_t kMostItem = 1u << 20;
// of the file parameters, 2.6.2.1
inline constexpr std::uint32_t kLeaveBlockAllocated = 1;
inline constexpr std::uint32_t kHasParent = 2;
}  // namespace metadata_field
inline constexpr Guid kFileParameters = make_guid(0xCAA16737, 0xFA36, 0x4D43, 0xB3B6'33F0AA44E76B);
inline constexpr Guid kVirtualDiskSize = make_guid(0x2FA54224, 0xCD1B, 0x4876, 0xB211'5DBED83BF4B8);
inline constexpr Guid kVirtualDiskId = make_guid(0xBECA12AB, 0xB2E6, 0x4523, 0x93EF'C309E000C746);
inline constexpr Guid kLogicalSectorSize =
    make_guid(0x8141BF1D, 0xA96F, 0x4709, 0xBA47'F233A8FAAB5F);
inline constexpr Guid kPhysicalSectorSize =
    make_guid(0xCDA348C7, 0x445D, 0x4471, 0x9CC9'E9885251C556);
inline constexpr Guid kParentLocator = make_guid(0xA8D35F2D, 0xB30B, 0x454D, 0xABF7'D3D84834AB0C);

// 2.6.2.6
namespace locator_field {
inline constexpr std::size_t kKeyValueCount = 18;  // u16
inline constexpr std::size_t kEntries = 20;
// of an entry
inline constexpr std::size_t kKeyOffset = 0;     // u32, from the item's start
inline constexpr std::size_t kValueOffset = 4;   // u32
inline constexpr std::size_t kKeyLength = 8;     // u16, bytes
inline constexpr std::size_t kValueLength = 10;  // u16, bytes
inline constexpr std::size_t kEntryLength = 12;
}  // namespace locator_field
inline constexpr Guid kVhdxLocator = make_guid(0xB04AEFB7, 0xD19E, 0x4A81, 0xB789'25B8E9445913);

}  // namespace orrery::storage::vhdx
