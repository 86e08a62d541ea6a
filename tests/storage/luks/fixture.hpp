// Volumes on disks in memory.
#pragma once

#include <string_view>

#include <gtest/gtest.h>

#include "storage/luks/crypto.hpp"
#include "storage/luks/file_disk.hpp"
#include "storage/luks/volume.hpp"
#include "storage/request/run_task.hpp"
#include "storage/request/transfers.hpp"

namespace orrery::storage::luks {

inline ByteSpan text_bytes(std::string_view text) {
  return as_bytes(text.data(), text.size());
}

// What costs next to nothing.
inline constexpr DerivationCost kCheap{
    .kind = KeyDerivation::Kind::kPbkdf2, .iterations = 1000, .memory = 0, .lanes = 0};

class VolumeTest : public ::testing::Test {
 protected:
  static constexpr std::uint64_t kDataAt = 16_MiB;

  void SetUp() override {
    ASSERT_TRUE(load_crypto());
    file_->content.resize(kDataAt + 1_MiB);
  }

  std::unique_ptr<testing::FileDisk> disk() {
    return std::make_unique<testing::FileDisk>(*loop_, file_);
  }
  Result<Volume> open(port::Blocks& disk) { return run_task(*loop_, Volume::open(disk)); }
  Result<> create(std::string_view passphrase, std::uint32_t sector_size = 0,
                  bool allow_discards = false) {
    const auto outer = disk();
    const NewVolume options{
        .sector_size = sector_size, .allow_discards = allow_discards, .label = {}, .cost = kCheap};
    ORRERY_TRY(const Volume made,
               run_task(*loop_, Volume::create(*outer, options, text_bytes(passphrase))));
    return {};
  }
  // The slot that it opens, or what is wrong.
  Result<unsigned> opens(std::string_view passphrase) {
    const auto outer = disk();
    ORRERY_TRY(Volume volume, open(*outer));
    ORRERY_TRY(const auto unlocked, run_task(*loop_, volume.unlock(text_bytes(passphrase))));
    return unlocked.slot;
  }
  Result<unsigned> add(std::string_view passphrase, std::string_view added) {
    const auto outer = disk();
    ORRERY_TRY(Volume volume, open(*outer));
    ORRERY_TRY(const auto unlocked, run_task(*loop_, volume.unlock(text_bytes(passphrase))));
    return run_task(*loop_, volume.add_key(unlocked.key, text_bytes(added), kCheap));
  }
  Result<> remove(unsigned slot) {
    const auto outer = disk();
    ORRERY_TRY(Volume volume, open(*outer));
    return run_task(*loop_, volume.remove_slot(slot));
  }

  std::unique_ptr<EventLoop> loop_ = EventLoop::create().value();
  std::shared_ptr<testing::MemoryFile> file_ = std::make_shared<testing::MemoryFile>();
};

}  // namespace orrery::storage::luks
