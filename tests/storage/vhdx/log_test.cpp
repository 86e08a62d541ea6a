// Which entries of a VHDX's log are carried out ([MS-VHDX] 2.3.3).
#include "storage/vhdx/log.hpp"

#include <gtest/gtest.h>

#include "base/types.hpp"
#include "storage/io/crc32c.hpp"
#include "storage/vhdx/layout.hpp"

namespace orrery::storage::vhdx {
namespace {

constexpr std::uint64_t kFileSize = 8_MiB;
const Guid kOurs = make_guid(1, 2, 3, 4);

std::vector<std::byte> page_of(std::uint8_t value) {
  return std::vector<std::byte>(kLogSector, static_cast<std::byte>(value));
}

class VhdxLogTest : public ::testing::Test {
 protected:
  // One that writes a page of VALUE to VALUE * 4 KiB; its sequence begins with the entry at TAIL.
  void put(std::uint64_t at, std::uint64_t sequence, std::uint8_t value, std::uint64_t tail,
           const Guid& guid = kOurs) {
    const auto page = page_of(value);
    auto entry = make_entry({.guid = guid,
                             .sequence = sequence,
                             .place = static_cast<std::uint32_t>(tail),
                             .file_end = file_end_},
                            {{value * kLogSector, page}});
    put_bytes(at, entry);
  }
  void put_bytes(std::uint64_t at, ByteSpan entry) {
    for (std::size_t i = 0; i < entry.size(); ++i) log_[(at + i) % log_.size()] = entry[i];
  }
  // The values of the pages that are written, in order.
  std::vector<unsigned> found() const {
    const auto active = find_active_log(log_, kOurs, kFileSize);
    if (!active) return {};
    std::vector<unsigned> values;
    for (const LogUpdate& update : active->updates) {
      const auto value = static_cast<unsigned>(update.offset / kLogSector);
      EXPECT_EQ(update.page, page_of(static_cast<std::uint8_t>(value)));
      values.push_back(value);
    }
    return values;
  }
  std::string error() const {
    const auto active = find_active_log(log_, kOurs, kFileSize);
    return active ? "" : active.error().message();
  }

  std::uint64_t file_end_ = kFileSize;
  std::vector<std::byte> log_ = std::vector<std::byte>(1_MiB);
};

using Values = std::vector<unsigned>;
constexpr std::uint64_t kEntry = 2 * kLogSector;  // of one page

TEST_F(VhdxLogTest, TakesTheNewestSequence) {
  put(0, 5, 50, 0);
  put(512_KiB, 6, 60, 512_KiB);
  EXPECT_EQ(found(), (Values{60}));
  put(0, 7, 70, 0);
  EXPECT_EQ(found(), (Values{70}));
}

TEST_F(VhdxLogTest, TakesAllEntriesOfASequenceInOrder) {
  for (std::uint8_t i = 0; i < 3; ++i) put(64_KiB + i * kEntry, 10 + i, 20 + i, 64_KiB);
  EXPECT_EQ(found(), (Values{20, 21, 22}));
  // Without the last: the sequence as it was before that was written.
  log_[64_KiB + 2 * kEntry + 100] ^= std::byte{1};
  EXPECT_EQ(found(), (Values{20, 21}));
}

TEST_F(VhdxLogTest, LeavesOutWhatLiesBeforeTheTail) {
  put(0, 1, 1, 0);
  put(kEntry, 2, 2, kEntry);
  put(2 * kEntry, 3, 3, kEntry);
  EXPECT_EQ(found(), (Values{2, 3}));
}

TEST_F(VhdxLogTest, GoesOverTheEndOfTheRing) {
  const std::uint64_t first = 1_MiB - kEntry - kLogSector;
  put(first, 1, 1, first);
  put(first + kEntry, 2, 2, first);  // its second page is the ring's first
  put(kLogSector, 3, 3, first);
  EXPECT_EQ(found(), (Values{1, 2, 3}));
}

TEST_F(VhdxLogTest, AGapEndsASequence) {
  put(0, 1, 1, 0);
  put(kEntry, 3, 3, 0);  // 2 is missing, so this is no sequence that is whole
  EXPECT_EQ(found(), (Values{1}));
}

TEST_F(VhdxLogTest, KnowsOnlyItsOwnEntries) {
  put(0, 9, 9, 0, make_guid(9, 9, 9, 9));
  EXPECT_NE(error().find("none that are whole"), std::string::npos) << error();
  put(kEntry, 2, 2, kEntry);
  EXPECT_EQ(found(), (Values{2}));
}

TEST_F(VhdxLogTest, NoticesAFileThatWasCutOff) {
  file_end_ = kFileSize + 1_MiB;
  put(0, 1, 1, 0);
  EXPECT_NE(error().find("cut off"), std::string::npos) << error();
}

TEST_F(VhdxLogTest, FindsEveryFlippedBit) {
  put(0, 1, 1, 0);
  for (std::uint64_t at = 0; at < kEntry; at += 37) {
    // What is reserved in a descriptor sector counts, too: the checksum is over all of it.
    log_[at] ^= std::byte{0x10};
    EXPECT_NE(error(), "") << "byte " << at;
    log_[at] ^= std::byte{0x10};
  }
  EXPECT_EQ(found(), (Values{1}));
}

TEST_F(VhdxLogTest, ReadsZeroDescriptors) {
  auto entry = make_entry({.guid = kOurs, .sequence = 1, .place = 0, .file_end = kFileSize}, {});
  std::byte* const descriptor = &entry[log_field::kDescriptors];
  store_le(&entry[log_field::kDescriptorCount], std::uint32_t{1});
  store_le(descriptor, log_field::kZeroSignature);
  store_le(descriptor + log_field::kLeadingBytes, std::uint64_t{64_KiB});
  store_le(descriptor + log_field::kFileOffset, std::uint64_t{3_MiB});
  store_le(descriptor + log_field::kDescriptorSequence, std::uint64_t{1});
  store_le(&entry[log_field::kChecksum], crc32c(entry, log_field::kChecksum));
  put_bytes(0, entry);
  const auto active = find_active_log(log_, kOurs, kFileSize);
  ASSERT_TRUE(active) << active.error().message();
  ASSERT_EQ(active->updates.size(), 1u);
  EXPECT_EQ(active->updates[0].offset, 3_MiB);
  EXPECT_EQ(active->updates[0].zero_length, 64_KiB);
  EXPECT_TRUE(active->updates[0].page.empty());
}

// RFC 3720, B.4: 32 bytes of zeroes, and of 0, 1, 2...
TEST(VhdxChecksumTest, IsCrc32c) {
  std::vector<std::byte> bytes(32);
  EXPECT_EQ(crc32c(bytes, 0), 0x8A9136AAu);
  for (std::size_t i = 4; i < bytes.size(); ++i) bytes[i] = static_cast<std::byte>(i);
  // Those at 0..3 count as zeroes whatever they are.
  const std::uint32_t sum = crc32c(bytes, 0);
  bytes[1] = std::byte{77};
  EXPECT_EQ(crc32c(bytes, 0), sum);
  bytes[9] ^= std::byte{1};
  EXPECT_NE(crc32c(bytes, 0), sum);
}

TEST(VhdxGuidTest, IsWrittenAsWindowsWritesIt) {
  EXPECT_EQ(to_text(kBatRegion), "{2dc27766-f623-4200-9d64-115e9bfd4a08}");
  EXPECT_EQ(parse_guid("{2DC27766-F623-4200-9D64-115E9BFD4A08}"), kBatRegion);
  EXPECT_EQ(parse_guid("2dc27766-f623-4200-9d64-115e9bfd4a08"), kBatRegion);
  for (const char* wrong :
       {"", "{}", "2dc27766", "{2dc27766-f623-4200-9d64-115e9bfd4a0}",
        "2dc27766af623-4200-9d64-115e9bfd4a08", "2dc27766-f623-4200-9d64-115e9bfd4a0g"}) {
    EXPECT_FALSE(parse_guid(wrong)) << wrong;
  }
}

}  // namespace
}  // namespace orrery::storage::vhdx
