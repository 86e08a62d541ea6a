// The memory that the guests of soft_engine.cpp and soft_translate.cpp start with.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

#include "base/assert.hpp"
#include "input.hpp"
#include "memory/guest_memory.hpp"
#include "soft_state.hpp"

namespace orrery::fuzz {

// What a byte of an input says about the tables, beside the gates' order.
inline constexpr std::uint8_t kCode64Gates = 0x10;
inline constexpr std::uint8_t kWideGates = 0x20;
inline constexpr std::uint8_t kLegacyPointers = 0x40;

class Image {
 public:
  static constexpr std::uint64_t kMappedForUsers = 7;

  void put(std::uint64_t address, std::uint64_t value) {
    std::memcpy(bytes_.data() + address, &value, sizeof value);
  }
  void put(std::uint64_t address, std::span<const std::uint8_t> bytes) {
    std::copy(bytes.begin(), bytes.end(), bytes_.begin() + static_cast<std::ptrdiff_t>(address));
  }

  // Everything anew: HLT where code lies, and the tables.
  void put_tables(std::uint8_t kind) {
    constexpr std::uint8_t kHalt = 0xf4;
    constexpr std::uint64_t kLargePage = 0x80;
    bytes_.fill(0);
    std::fill_n(bytes_.begin() + kCode, kStack - kCode, kHalt);
    std::memcpy(bytes_.data() + kGdt, kDescriptors.data(), sizeof kDescriptors);
    for (std::uint64_t vector = 0; vector < 128; ++vector) put_gates(vector, kind);
    put(kTss + 4, (kind & kWideGates) != 0 ? kStack : std::uint64_t{kData} << 32 | kStack);
    put(kPml4, kPdpt | kMappedForUsers);
    put(kPdpt, kDirectory | ((kind & kLegacyPointers) != 0 ? 1 : kMappedForUsers));
    put(kDirectory, kMappedForUsers | kLargePage);
  }

  // Any bytes from the GDT to the page tables.
  void change_tables(Input& input) {
    for (unsigned changes = input.take<std::uint8_t>() % 16; changes > 0; --changes) {
      const std::uint64_t address = kGdt + input.take<std::uint16_t>() % (kDirectory + 8 - kGdt);
      put(address, input.take_bytes(1 + input.take<std::uint8_t>() % 8u));
    }
  }

  // Writes only what differs, which leaves decoded blocks of other pages alone.
  void load_into(memory::GuestMemory& memory) const {
    const auto image = std::as_bytes(std::span(bytes_));
    for (std::uint64_t page = 0; page < kMemory; page += kPageSize) {
      const auto wanted = image.subspan(page, kPageSize);
      if (std::memcmp(memory.host_page(GuestPhysical(page)), wanted.data(), kPageSize) == 0) {
        continue;
      }
      ORRERY_ASSERT(memory.load(GuestPhysical(page), wanted));
    }
  }

 private:
  // Types 5 to 7, C, E and F with several privileges, into the code; some for real mode as well.
  void put_gates(std::uint64_t vector, std::uint8_t kind) {
    constexpr std::uint64_t kTypes[] = {0x8e, 0x8f, 0xee, 0xef, 0x86, 0x87, 0xe5, 0x8c};
    const std::uint64_t type = kTypes[(vector + kind) & 7];
    const std::uint64_t selector = (kind & kCode64Gates) != 0 ? kCode64 : kCode32;
    put(kIdt + vector * ((kind & kWideGates) != 0 ? 16 : 8),
        (kCode + vector * 8) | selector << 16 | type << 40);
    put(vector * 8, 0x0000'8100'0000'8000);
  }

  std::array<std::uint8_t, kMemory> bytes_{};
};

}  // namespace orrery::fuzz
