// The block device's face (virtio 1.2, 5.2): features, configuration, requests.
#pragma once

#include <cstddef>
#include <cstdint>

#include "device/virtio/registers.hpp"

namespace orrery::device::virtio::block {

// 5.2.3 Feature bits
inline constexpr Features kSizeMax = feature(1);
inline constexpr Features kSegMax = feature(2);
inline constexpr Features kReadOnly = feature(5);
inline constexpr Features kBlkSize = feature(6);
inline constexpr Features kFlush = feature(9);
inline constexpr Features kTopology = feature(10);
inline constexpr Features kConfigWce = feature(11);
inline constexpr Features kMultiQueue = feature(12);
inline constexpr Features kDiscard = feature(13);
inline constexpr Features kWriteZeroes = feature(14);

inline constexpr std::uint64_t kSectorSize = 512;  // of all sector numbers (5.2.2)

// 5.2.4 struct virtio_blk_config
struct Config {
  std::uint64_t capacity;  // sectors
  std::uint32_t size_max;
  std::uint32_t seg_max;
  std::uint16_t cylinders;
  std::uint8_t heads;
  std::uint8_t sectors;
  std::uint32_t blk_size;
  std::uint8_t physical_block_exp;
  std::uint8_t alignment_offset;
  std::uint16_t min_io_size;  // in logical blocks, as opt_io_size
  std::uint32_t opt_io_size;
  std::uint8_t writeback;
  std::uint8_t unused0;
  std::uint16_t num_queues;
  std::uint32_t max_discard_sectors;
  std::uint32_t max_discard_seg;
  std::uint32_t discard_sector_alignment;
  std::uint32_t max_write_zeroes_sectors;
  std::uint32_t max_write_zeroes_seg;
  std::uint8_t write_zeroes_may_unmap;
  std::uint8_t unused1[3];
};
static_assert(sizeof(Config) == 64 && offsetof(Config, writeback) == 32);
static_assert(offsetof(Config, num_queues) == 34 && offsetof(Config, max_discard_sectors) == 36);

// 5.2.6 struct virtio_blk_req: this header, then data, then one status byte that the device writes.
enum RequestType : std::uint32_t {
  kIn = 0,
  kOut = 1,
  kFlushRequest = 4,
  kGetId = 8,
  kDiscardRequest = 11,
  kWriteZeroesRequest = 13,
};
struct RequestHeader {
  std::uint32_t type;
  std::uint32_t reserved;
  std::uint64_t sector;
};
static_assert(sizeof(RequestHeader) == 16);

enum class Status : std::uint8_t { kOk = 0, kIoError = 1, kUnsupported = 2 };

// struct virtio_blk_discard_write_zeroes
struct Range {
  std::uint64_t sector;
  std::uint32_t sectors;
  std::uint32_t flags;
};
static_assert(sizeof(Range) == 16);
inline constexpr std::uint32_t kRangeUnmap = 1u << 0;

inline constexpr std::size_t kIdLength = 20;  // of the string that GET_ID answers

}  // namespace orrery::device::virtio::block
