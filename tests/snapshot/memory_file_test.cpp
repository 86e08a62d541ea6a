// Guest memory in a file, and back (snapshot/memory_file.hpp).
#include "snapshot/memory_file.hpp"

#include <cstdlib>
#include <cstring>

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/files/file_descriptor.hpp"
#include "memory/mapped_content.hpp"

namespace orrery::snapshot {
namespace {

constexpr GuestPhysical kHigh{4_GiB};

std::unique_ptr<memory::GuestMemory> make_memory() {
  return std::move(
      *memory::GuestMemory::create({{GuestPhysical(0), Bytes(8_MiB)}, {kHigh, Bytes(4_MiB)}}));
}

FileDescriptor new_file() {
  char name[] = "/tmp/orrery-memory-XXXXXX";
  FileDescriptor file(::mkstemp(name));
  ::unlink(name);
  return file;
}

void put(memory::GuestMemory& memory, GuestPhysical at, char letter, std::size_t size) {
  const std::vector<std::byte> bytes(size, static_cast<std::byte>(letter));
  ASSERT_TRUE(memory.write(at, bytes));
}
char letter_at(const memory::GuestMemory& memory, GuestPhysical at) {
  std::byte byte{};
  EXPECT_TRUE(memory.read(at, {&byte, 1}));
  return static_cast<char>(byte);
}

class MemoryFileTest : public ::testing::Test {
 protected:
  std::unique_ptr<memory::GuestMemory> memory = make_memory();
  FileDescriptor file = new_file();
  std::atomic<bool> cancelled = false;
};

TEST_F(MemoryFileTest, ComesBackPageForPage) {
  put(*memory, GuestPhysical(0x5000), 'a', 3 * kPageSize);
  put(*memory, kHigh + (4_MiB - 1), 'z', 1);
  ASSERT_TRUE(write_memory(file.get(), *memory, cancelled));
  struct stat status {};
  ASSERT_EQ(::fstat(file.get(), &status), 0);
  EXPECT_EQ(static_cast<std::uint64_t>(status.st_size), 12_MiB);
  EXPECT_LT(status.st_blocks * 512, 64 << 10) << "zeroes take space";

  const auto other = make_memory();
  ASSERT_TRUE(memory::map_content(*other, file.get()));
  EXPECT_EQ(letter_at(*other, GuestPhysical(0x4fff)), 0);
  EXPECT_EQ(letter_at(*other, GuestPhysical(0x5000)), 'a');
  EXPECT_EQ(letter_at(*other, GuestPhysical(0x7fff)), 'a');
  EXPECT_EQ(letter_at(*other, GuestPhysical(0x8000)), 0);
  EXPECT_EQ(letter_at(*other, kHigh + (4_MiB - 1)), 'z');
}

TEST_F(MemoryFileTest, WhatIsWrittenStaysWithWhoWrites) {
  put(*memory, GuestPhysical(0), 'a', 1);
  ASSERT_TRUE(write_memory(file.get(), *memory, cancelled));
  const auto one = make_memory();
  const auto other = make_memory();
  ASSERT_TRUE(memory::map_content(*one, file.get()));
  ASSERT_TRUE(memory::map_content(*other, file.get()));
  put(*one, GuestPhysical(0), 'b', 1);
  EXPECT_EQ(letter_at(*one, GuestPhysical(0)), 'b');
  EXPECT_EQ(letter_at(*other, GuestPhysical(0)), 'a');
}

TEST_F(MemoryFileTest, LaterPagesReplaceEarlierOnes) {
  put(*memory, GuestPhysical(0), 'a', 4 * kPageSize);
  ASSERT_TRUE(write_memory(file.get(), *memory, cancelled));
  static_cast<void>(memory->take_dirty_pages());
  put(*memory, GuestPhysical(kPageSize), 'b', kPageSize);
  put(*memory, kHigh, 'c', 1);
  PageCopy copy(1);
  copy.take(*memory, memory->take_dirty_pages());
  EXPECT_EQ(copy.pages(), 2U);
  put(*memory, kHigh, 'd', 1);  // after the instant
  ASSERT_TRUE(copy.write(file.get(), *memory));
  const auto other = make_memory();
  ASSERT_TRUE(memory::map_content(*other, file.get()));
  EXPECT_EQ(letter_at(*other, GuestPhysical(0)), 'a');
  EXPECT_EQ(letter_at(*other, GuestPhysical(kPageSize)), 'b');
  EXPECT_EQ(letter_at(*other, kHigh), 'c');
}

// A page that was zeroes no more.
TEST_F(MemoryFileTest, PagesMayBecomeZeroes) {
  put(*memory, GuestPhysical(0), 'a', kPageSize);
  ASSERT_TRUE(write_memory(file.get(), *memory, cancelled));
  static_cast<void>(memory->take_dirty_pages());
  put(*memory, GuestPhysical(0), 0, kPageSize);
  ASSERT_TRUE(write_pages(file.get(), *memory, memory->take_dirty_pages(), cancelled));
  const auto other = make_memory();
  ASSERT_TRUE(memory::map_content(*other, file.get()));
  EXPECT_EQ(letter_at(*other, GuestPhysical(0)), 0);
}

TEST_F(MemoryFileTest, IsGivenUpWhenAsked) {
  cancelled = true;
  EXPECT_FALSE(write_memory(file.get(), *memory, cancelled));
}

TEST_F(MemoryFileTest, SumsFindAChangedByte) {
  ASSERT_TRUE(store::load_hasher());
  put(*memory, GuestPhysical(3_MiB), 'a', 1);
  ASSERT_TRUE(write_memory(file.get(), *memory, cancelled));
  const auto before = sum_pieces(file.get(), 12_MiB);
  ASSERT_TRUE(before.has_value());
  EXPECT_EQ(before->size(), 12 * 32U);
  ASSERT_EQ(::pwrite(file.get(), "x", 1, 5_MiB), 1);
  const auto after = sum_pieces(file.get(), 12_MiB);
  EXPECT_NE(*before, *after);
  EXPECT_TRUE(std::equal(before->begin(), before->begin() + 5 * 32, after->begin()));
  EXPECT_FALSE(sum_pieces(file.get(), 13_MiB).has_value()) << "shorter than it should be";
}

}  // namespace
}  // namespace orrery::snapshot
