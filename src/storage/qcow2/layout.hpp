// qcow2 as it lies in a file: QEMU's docs/interop/qcow2.txt ("the specification" in this folder).
// All numbers are big-endian.
#pragma once

#include <cstddef>
#include <cstdint>

namespace orrery::storage::qcow2 {

inline constexpr std::uint32_t kMagic = 0x514649FB;  // "QFI\xfb"

// Header, offsets in bytes ("Header"). Version 2 ends before kIncompatible.
namespace field {
inline constexpr std::size_t kMagicAt = 0;             // u32
inline constexpr std::size_t kVersion = 4;             // u32
inline constexpr std::size_t kBackingNameOffset = 8;   // u64
inline constexpr std::size_t kBackingNameLength = 16;  // u32
inline constexpr std::size_t kClusterBits = 20;        // u32
inline constexpr std::size_t kSize = 24;               // u64, bytes
inline constexpr std::size_t kCryptMethod = 32;        // u32
inline constexpr std::size_t kL1Size = 36;             // u32, entries
inline constexpr std::size_t kL1Offset = 40;           // u64
inline constexpr std::size_t kRefcountOffset = 48;     // u64
inline constexpr std::size_t kRefcountClusters = 56;   // u32
inline constexpr std::size_t kSnapshotCount = 60;      // u32
inline constexpr std::size_t kSnapshotsOffset = 64;    // u64
inline constexpr std::size_t kIncompatible = 72;       // u64
inline constexpr std::size_t kCompatible = 80;         // u64
inline constexpr std::size_t kAutoclear = 88;          // u64
inline constexpr std::size_t kRefcountOrder = 96;      // u32
inline constexpr std::size_t kHeaderLength = 100;      // u32
inline constexpr std::size_t kCompressionType = 104;   // u8
}  // namespace field
inline constexpr std::size_t kVersion2Length = 72;
inline constexpr std::size_t kVersion3Length = 104;
inline constexpr std::size_t kOurLength = 112;  // what we write: with the compression type

// "incompatible_features"
inline constexpr std::uint64_t kDirty = 1u << 0;
inline constexpr std::uint64_t kCorrupt = 1u << 1;
inline constexpr std::uint64_t kExternalData = 1u << 2;
inline constexpr std::uint64_t kCompressionTypeSet = 1u << 3;
inline constexpr std::uint64_t kExtendedL2 = 1u << 4;
inline constexpr std::uint64_t kKnownIncompatible =
    kDirty | kCorrupt | kCompressionTypeSet | kExtendedL2;
// "compatible_features"
inline constexpr std::uint64_t kLazyRefcounts = 1u << 0;

// "autoclear_features" that we keep up. The specification has bits 0 and 1; ours is far from them.
inline constexpr std::uint64_t kIdentityKept = 1ull << 56;
inline constexpr std::uint64_t kOurAutoclear = kIdentityKept;

// "Header extensions": u32 type, u32 length, data padded to 8 bytes.
inline constexpr std::uint32_t kExtensionEnd = 0;
inline constexpr std::uint32_t kExtensionBackingFormat = 0xE2792ACA;
inline constexpr std::uint32_t kExtensionFeatureNames = 0x6803F857;  // entries of 48 bytes
inline constexpr std::uint32_t kExtensionIdentity = 0x4F525259;      // ours: identity.hpp
inline constexpr std::uint32_t kExtensionContentRoots = 0x4F525248;  // ours: content_record.hpp

inline constexpr std::uint32_t kLeastClusterBits = 9;
inline constexpr std::uint32_t kMostClusterBits = 21;
inline constexpr std::uint32_t kLongestBackingName = 1023;
inline constexpr std::uint32_t kMostRefcountOrder = 6;
// Bounds of ours on what a header may make us allocate, the same as QEMU's: 32 MiB of L1 table
// reach 2 EiB with the largest clusters, 8 MiB of refcount table describe 2 PiB of 64 KiB clusters.
inline constexpr std::uint64_t kLargestL1 = 32u << 20;
inline constexpr std::uint64_t kLargestRefcountTable = 8u << 20;
inline constexpr std::uint32_t kMostSnapshots = 65536;

// L1 and L2 entries ("L1 table entry", "L2 table entry").
//   63      62          61..56 55                 9 8..1  0
//   copied  compressed  0      host offset          0     zero (L2, standard, version 3)
inline constexpr std::uint64_t kCopiedFlag = 1ull << 63;  // the refcount is exactly one
inline constexpr std::uint64_t kCompressedFlag = 1ull << 62;
inline constexpr std::uint64_t kOffsetMask = 0x00FFFFFFFFFFFE00ull;
inline constexpr std::uint64_t kReservedMask = 0x3F000000000001FEull;
inline constexpr std::uint64_t kZeroFlag = 1ull << 0;

// "Extended L2 entries": a second word, bit x: subcluster x allocated, bit 32 + x: reads as zeroes.
inline constexpr unsigned kSubclusters = 32;

// "Snapshots": offsets within a snapshot table entry; extra data, id and name follow.
namespace snapshot_field {
inline constexpr std::size_t kL1Offset = 0;      // u64
inline constexpr std::size_t kL1Size = 8;        // u32
inline constexpr std::size_t kIdLength = 12;     // u16
inline constexpr std::size_t kNameLength = 14;   // u16
inline constexpr std::size_t kSeconds = 16;      // u32
inline constexpr std::size_t kNanoseconds = 20;  // u32
inline constexpr std::size_t kGuestClock = 24;   // u64
inline constexpr std::size_t kStateSize = 32;    // u32
inline constexpr std::size_t kExtraLength = 36;  // u32
inline constexpr std::size_t kEntryLength = 40;
inline constexpr std::size_t kExtraDiskSize = 8;  // u64 within the extra data, from 16 bytes on
}  // namespace snapshot_field

}  // namespace orrery::storage::qcow2
