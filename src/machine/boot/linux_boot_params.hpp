// The Linux/x86 boot protocol's structures (Linux: Documentation/arch/x86/boot.rst, "The Real-Mode
// Kernel Header", and zero-page.rst).
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace orrery::machine::boot {

// At file offset 1F1h of a bzImage, and at the same offset of the zero page.
struct [[gnu::packed]] SetupHeader {
  static constexpr std::size_t kOffset = 0x1f1;
  static constexpr std::uint16_t kBootFlag = 0xaa55;
  static constexpr std::uint32_t kMagic = 0x5372'6448;  // "HdrS"
  static constexpr std::uint8_t kLoadedHigh = 1u << 0;  // loadflags
  static constexpr std::uint8_t kCanUseHeap = 1u << 7;
  static constexpr std::uint16_t kKernel64 = 1u << 0;  // xloadflags: XLF_KERNEL_64

  std::uint8_t setup_sects;
  std::uint16_t root_flags;
  std::uint32_t syssize;
  std::uint16_t ram_size;
  std::uint16_t vid_mode;
  std::uint16_t root_dev;
  std::uint16_t boot_flag;
  std::uint16_t jump;
  std::uint32_t header;
  std::uint16_t version;
  std::uint32_t realmode_swtch;
  std::uint16_t start_sys_seg;
  std::uint16_t kernel_version;
  std::uint8_t type_of_loader;
  std::uint8_t loadflags;
  std::uint16_t setup_move_size;
  std::uint32_t code32_start;
  std::uint32_t ramdisk_image;
  std::uint32_t ramdisk_size;
  std::uint32_t bootsect_kludge;
  std::uint16_t heap_end_ptr;
  std::uint8_t ext_loader_ver;
  std::uint8_t ext_loader_type;
  std::uint32_t cmd_line_ptr;
  std::uint32_t initrd_addr_max;
  std::uint32_t kernel_alignment;
  std::uint8_t relocatable_kernel;
  std::uint8_t min_alignment;
  std::uint16_t xloadflags;
  std::uint32_t cmdline_size;
  std::uint32_t hardware_subarch;
  std::uint64_t hardware_subarch_data;
  std::uint32_t payload_offset;
  std::uint32_t payload_length;
  std::uint64_t setup_data;
  std::uint64_t pref_address;
  std::uint32_t init_size;
  std::uint32_t handover_offset;
  std::uint32_t kernel_info_offset;
};
static_assert(offsetof(SetupHeader, header) + SetupHeader::kOffset == 0x202);
static_assert(offsetof(SetupHeader, cmd_line_ptr) + SetupHeader::kOffset == 0x228);
static_assert(offsetof(SetupHeader, init_size) + SetupHeader::kOffset == 0x260);
static_assert(sizeof(SetupHeader) + SetupHeader::kOffset == 0x26c);

struct [[gnu::packed]] E820Entry {
  std::uint64_t address;
  std::uint64_t size;
  std::uint32_t type;
};
static_assert(sizeof(E820Entry) == 20);

// The zero page: struct boot_params, 4096 bytes. Fields that Orrery does not set are padding here.
struct [[gnu::packed]] BootParams {
  std::array<std::uint8_t, 0x70> screen_info_and_bios;
  std::uint64_t acpi_rsdp_addr;  // 070h
  std::array<std::uint8_t, 0x170> unused_078;
  std::uint8_t e820_entries;  // 1E8h
  std::array<std::uint8_t, 8> unused_1e9;
  SetupHeader hdr;  // 1F1h
  std::array<std::uint8_t, 0x64> unused_26c;
  std::array<E820Entry, 128> e820_table;  // 2D0h
  std::array<std::uint8_t, 0x330> unused_cd0;
};
static_assert(offsetof(BootParams, acpi_rsdp_addr) == 0x70);
static_assert(offsetof(BootParams, e820_entries) == 0x1e8);
static_assert(offsetof(BootParams, hdr) == 0x1f1);
static_assert(offsetof(BootParams, e820_table) == 0x2d0);
static_assert(sizeof(BootParams) == 4096);

}  // namespace orrery::machine::boot
