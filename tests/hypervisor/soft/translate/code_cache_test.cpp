#include "hypervisor/soft/translate/code_cache.hpp"

#include <array>
#include <fstream>
#include <span>
#include <string>

#include <gtest/gtest.h>

namespace orrery::hypervisor::soft::translate {
namespace {

constexpr std::size_t kSize = std::size_t{64} << 10;

std::uint64_t place(CodeCache& cache, std::initializer_list<unsigned char> code) {
  const std::uint64_t address = cache.reserve(code.size()).value().hot;
  cache.write(address, std::as_bytes(std::span(code)));
  return address;
}

int call(std::uint64_t address) {
  // NOLINTNEXTLINE(performance-no-int-to-ptr): code has an address only
  return reinterpret_cast<int (*)()>(address)();
}

TEST(CodeCache, ExecutesWhatIsWrittenElsewhere) {
  const auto cache = CodeCache::create(kSize);
  ASSERT_TRUE(cache);
  EXPECT_EQ(call(place(**cache, {0xb8, 7, 0, 0, 0, 0xc3})), 7);  // mov eax, 7; ret
  EXPECT_EQ(place(**cache, {0xc3}) % 16, 0u);
}

TEST(CodeCache, PlacesWhatIsHardlyExecutedFromTheOtherEndOn) {
  const auto cache = CodeCache::create(kSize);
  ASSERT_TRUE(cache);
  constexpr std::array<unsigned char, 6> kCold = {0xb8, 9, 0, 0, 0, 0xc3};
  const std::uint64_t address = (*cache)->reserve(0, kCold.size()).value().cold;
  (*cache)->write(address, std::as_bytes(std::span(kCold)));
  EXPECT_EQ(call(address), 9);
  EXPECT_EQ((*cache)->room(), kSize - kCold.size());
  EXPECT_EQ((*cache)->reserve(0, 1).value().cold, address - 1);
}

TEST(CodeCache, ReservesNoMoreThanThereIs) {
  const auto cache = CodeCache::create(kSize);
  ASSERT_TRUE(cache);
  EXPECT_FALSE((*cache)->reserve(kSize, 1));
  EXPECT_TRUE((*cache)->reserve(kSize - 8, 8));
  EXPECT_FALSE((*cache)->reserve(0, 1));
  EXPECT_FALSE((*cache)->reserve(1));
}

TEST(CodeCache, LinksJumps) {
  const auto cache = CodeCache::create(kSize);
  ASSERT_TRUE(cache);
  const std::uint64_t jump = place(**cache, {0xe9, 0, 0, 0, 0, 0xb8, 1, 0, 0, 0, 0xc3});
  const std::uint64_t target = place(**cache, {0xb8, 2, 0, 0, 0, 0xc3});
  (*cache)->link(jump + 1, jump + 5);
  EXPECT_EQ(call(jump), 1);
  (*cache)->link(jump + 1, target);
  EXPECT_EQ(call(jump), 2);
}

TEST(CodeCache, ForgetsAllButWhatIsKept) {
  const auto cache = CodeCache::create(kSize);
  ASSERT_TRUE(cache);
  const std::uint64_t kept = place(**cache, {0xb8, 3, 0, 0, 0, 0xc3});
  (*cache)->keep();
  const std::uint64_t first = place(**cache, {0x90});
  (*cache)->clear();
  EXPECT_EQ(place(**cache, {0x90}), first);
  EXPECT_EQ(call(kept), 3);
}

// No page of this process may be both writable and executable.
TEST(CodeCache, IsNeverWritableAndExecutable) {
  const auto cache = CodeCache::create(kSize);
  ASSERT_TRUE(cache);
  std::ifstream maps("/proc/self/maps");
  for (std::string line; std::getline(maps, line);) {
    EXPECT_EQ(line.find(" rwx"), std::string::npos) << line;
    EXPECT_EQ(line.find("wxp"), std::string::npos) << line;
  }
}

}  // namespace
}  // namespace orrery::hypervisor::soft::translate
