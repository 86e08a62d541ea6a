// A volume's cipher over the buffers of requests: aes-xts-plain64. Private to storage/.
//
// Requests are in sectors of 512 bytes, and a data unit may be larger. XTS works on blocks of 16
// bytes that know their place, so a part of a unit is encrypted and decrypted without the rest of
// it: nothing has to be read before it is written, and a torn write harms nothing but itself.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <vector>

#include "base/bytes.hpp"
#include "base/error.hpp"
#include "storage/io/buffer_cursor.hpp"
#include "storage/luks/crypto.hpp"
#include "storage/luks/metadata.hpp"

namespace orrery::storage::luks {

class SectorCipher {
 public:
  // The key is not kept, but as the cipher's schedule. PARALLEL: how many threads may use it at the
  // same time; more wait for each other.
  static Result<std::unique_ptr<SectorCipher>> create(ByteSpan key, const Segment& segment,
                                                      unsigned parallel);

  // OFFSET on the disk that is in the volume; it and the sum of the buffers are whole sectors of
  // 512 bytes, and each buffer has any size. Any thread.
  using Buffers = std::vector<MutableByteSpan>;
  void decrypt(std::uint64_t offset, const Buffers& buffers);  // in place
  void encrypt(std::uint64_t offset, const Buffers& from, MutableByteSpan out);

  std::uint32_t sector_size() const { return sector_size_; }

 private:
  // For one thread at a time.
  struct Lane {
    AesXts decrypt;
    AesXts encrypt;
    std::mutex mutex;
  };

  explicit SectorCipher(const Segment& segment)
      : sector_size_(segment.sector_size), first_unit_(segment.first_unit) {}

  class Hold;
  bool has_whole_units(std::uint64_t offset, const Buffers& buffers) const;
  void transform(AesXts& cipher, std::uint64_t offset, const std::byte* from, std::byte* to,
                 std::size_t size) const;

  const std::uint32_t sector_size_;
  const std::uint64_t first_unit_;
  std::vector<std::unique_ptr<Lane>> lanes_;
};

}  // namespace orrery::storage::luks
