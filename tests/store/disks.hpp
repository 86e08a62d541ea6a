// Made-up disks for a store's tests, and how they go in and come out.
#pragma once

#include <random>
#include <string>
#include <vector>

#include "store/image.hpp"
#include "store/writer.hpp"

namespace orrery::testing {

using DiskBytes = std::vector<std::byte>;

// Blocks of 4 KiB of few kinds, so that disks share many: zeroes, repetitions, and what does not
// compress.
inline DiskBytes make_disk(std::mt19937_64& random, std::size_t blocks, std::uint64_t kinds) {
  DiskBytes disk(blocks * store::kBlock);
  for (std::size_t block = 0; block < blocks; ++block) {
    std::mt19937_64 content(random() % kinds);
    if (content() % 4 == 0) continue;
    const std::uint64_t mask = content() % 2 == 0 ? UINT64_MAX : 0x0101;
    const std::size_t ends_before = content() % 3 == 0 ? 512 : 0;  // as a file's last block
    for (std::size_t at = 0; at < store::kBlock - ends_before; at += 8) {
      store_le(disk.data() + block * store::kBlock + at, content() & mask);
    }
  }
  return disk;
}

// Adds the next bytes of a disk, in pieces of odd lengths; what is zeroes sometimes as such.
inline Result<> add_bytes(store::Writer& writer, ByteSpan disk, std::mt19937_64& random) {
  while (!disk.empty()) {
    const std::size_t length =
        std::min<std::size_t>(disk.size(), store::kBlock * (1 + random() % 40));
    const ByteSpan part = disk.first(length);
    const bool zeroes =
        std::all_of(part.begin(), part.end(), [](std::byte each) { return each == std::byte{0}; });
    if (zeroes && random() % 2 == 0) {
      ORRERY_CHECK(writer.add_zeroes(length));
    } else {
      store::Piece piece(length);
      std::copy(part.begin(), part.end(), piece.data().begin());
      ORRERY_CHECK(writer.add(std::move(piece)));
    }
    disk = disk.subspan(length);
  }
  return {};
}

inline Result<store::WriteReport> add_disk(store::Store& store, const std::string& name,
                                           ByteSpan disk, std::mt19937_64& random) {
  ORRERY_TRY(const auto writer, store::Writer::create(store, {.threads = 2}));
  ORRERY_CHECK(add_bytes(*writer, disk, random));
  return writer->publish(name, {}, 0, store::Writer::Existing::kReplace);
}

inline Result<DiskBytes> read_disk(const store::Store& store, const std::string& name) {
  ORRERY_TRY(const auto image, store::Image::open(store, name, {}));
  DiskBytes disk(image->size());
  ORRERY_CHECK(image->read(0, disk));
  ORRERY_CHECK(image->check_content());
  return disk;
}

}  // namespace orrery::testing
