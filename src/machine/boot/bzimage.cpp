#include "machine/boot/bzimage.hpp"

#include <algorithm>
#include <limits>
#include <optional>

#include "base/bits.hpp"
#include "base/format.hpp"
#include "machine/boot/layout.hpp"
#include "machine/boot/linux_boot_params.hpp"
#include "machine/boot/start_state.hpp"

namespace orrery::machine::boot {
namespace {

constexpr std::uint64_t kSectorSize = 512;
constexpr std::uint64_t kEntry64 = 0x200;           // from the load address
constexpr std::uint16_t kOldestVersion = 0x020c;    // 2.12: xloadflags
constexpr std::uint8_t kUnknownLoader = 0xff;       // type_of_loader without an assigned number
constexpr std::uint16_t kHeapEnd = 0xe000 - 0x200;  // as boot.rst's sample configuration has it
constexpr GuestPhysical kLowStructuresEnd{0x9'0000};

struct Kernel {
  SetupHeader header;
  ByteSpan protected_mode_part;
  std::uint64_t part_offset = 0;  // in the file
};

std::optional<SetupHeader> read_header(ByteSpan kernel) {
  ByteReader reader(kernel);
  if (!reader.seek(SetupHeader::kOffset)) return std::nullopt;
  return reader.read<SetupHeader>();
}

Result<Kernel> parse(ByteSpan file) {
  const auto header = read_header(file);
  if (!header || header->boot_flag != SetupHeader::kBootFlag ||
      header->header != SetupHeader::kMagic) {
    return fail("no \"HdrS\" at file offset 0x202: not a bzImage, or cut short");
  }
  if (header->version < kOldestVersion) {
    return fail(
        format("boot protocol {}.{} at file offset 0x206 is older than 2.12; use Linux 3.8 "
               "or newer",
               header->version >> 8, header->version & 0xff));
  }
  if ((header->loadflags & SetupHeader::kLoadedHigh) == 0) {
    return fail("a zImage (LOADED_HIGH is clear at file offset 0x211); build a bzImage");
  }
  if ((header->xloadflags & SetupHeader::kKernel64) == 0) {
    return fail(
        "no 64-bit entry (XLF_KERNEL_64 is clear at file offset 0x236); only x86-64 kernels "
        "are supported");
  }
  const std::uint64_t setup_sectors = header->setup_sects == 0 ? 4 : header->setup_sects;
  const std::uint64_t offset = (setup_sectors + 1) * kSectorSize;
  const std::uint64_t size = std::uint64_t{header->syssize} * 16;
  // The signature appended for secure boot, or padding, may follow; the last paragraph of the
  // kernel may be cut.
  if (file.size() < offset || file.size() - offset + 15 < size || size <= kEntry64) {
    return fail(
        format("cut short: the kernel needs {} bytes from file offset {:#x}, the file ends at "
               "{:#x}",
               size, offset, file.size()));
  }
  return Kernel{*header, file.subspan(offset, std::min<std::uint64_t>(size, file.size() - offset)),
                offset};
}

Result<GuestPhysical> place_kernel(Layout& layout, const Kernel& kernel) {
  const SetupHeader& header = kernel.header;
  const std::uint64_t size =
      std::max<std::uint64_t>(header.init_size, kernel.protected_mode_part.size());
  const GuestPhysical preferred(header.pref_address);
  Result<> claimed = layout.claim(preferred, size, "the kernel");
  if (claimed && preferred.value() % kPageSize == 0) return preferred;
  const std::uint64_t alignment = header.kernel_alignment;
  if (header.relocatable_kernel == 0 || !std::has_single_bit(alignment)) {
    return fail(claimed ? Error("pref_address at file offset 0x258 is not page-aligned")
                        : std::move(claimed).error());
  }
  const GuestPhysical start(align_up(kHighMemory.value(), alignment));
  ORRERY_CHECK(layout.claim(start, size, "the kernel"));
  return start;
}

Result<> place_initrd(Layout& layout, const Payload& payload, SetupHeader& header) {
  if (payload.modules.empty()) return {};
  if (payload.modules.size() > 1) {
    return fail("Linux takes one initrd; join several into one file (cat a.cpio b.cpio)");
  }
  const Image& initrd = payload.modules.front();
  const GuestPhysical bound(std::min(std::uint64_t{header.initrd_addr_max} + 1,
                                     layout.destination().map.usable_low_end().value()));
  ORRERY_TRY(const GuestPhysical place,
             layout.place_below(bound, initrd.bytes.size(), "the initrd " + initrd.name));
  layout.copy(place, initrd.bytes);
  header.ramdisk_image = static_cast<std::uint32_t>(place.value());
  header.ramdisk_size = static_cast<std::uint32_t>(initrd.bytes.size());
  return {};
}

Result<> place_command_line(Layout& layout, const std::string& text, SetupHeader& header) {
  if (text.size() > header.cmdline_size) {
    return fail(format("the command line has {} characters, this kernel takes {}; shorten --append",
                       text.size(), std::uint32_t{header.cmdline_size}));
  }
  ORRERY_TRY(const GuestPhysical place,
             layout.place_below(kLowStructuresEnd, text.size() + 1, "the command line"));
  layout.copy(place, as_bytes(text.c_str(), text.size() + 1));
  header.cmd_line_ptr = static_cast<std::uint32_t>(place.value());
  return {};
}

BootParams make_boot_params(const Destination& destination, const SetupHeader& header) {
  BootParams params{};
  params.hdr = header;
  params.hdr.type_of_loader = kUnknownLoader;
  params.hdr.loadflags |= SetupHeader::kCanUseHeap;
  params.hdr.heap_end_ptr = kHeapEnd;
  params.hdr.setup_data = 0;
  params.acpi_rsdp_addr = destination.rsdp.value();
  const auto& ranges = destination.map.ranges();
  const std::size_t count = std::min(ranges.size(), params.e820_table.size());
  for (std::size_t i = 0; i < count; ++i) {
    params.e820_table[i] = {ranges[i].start.value(), ranges[i].size.value(),
                            static_cast<std::uint32_t>(ranges[i].kind)};
  }
  params.e820_entries = static_cast<std::uint8_t>(count);
  return params;
}

}  // namespace

bool is_bzimage(ByteSpan kernel) {
  const auto header = read_header(kernel);
  return header && header->boot_flag == SetupHeader::kBootFlag &&
         header->header == SetupHeader::kMagic;
}

Result<x86::CpuState> load_bzimage(const Destination& destination, const Payload& payload) {
  ORRERY_TRY(Kernel kernel, parse(payload.kernel.bytes));
  Layout layout(destination);
  ORRERY_TRY(const GuestPhysical start, place_kernel(layout, kernel));
  layout.copy(start, kernel.protected_mode_part);
  ORRERY_CHECK(place_initrd(layout, payload, kernel.header));
  ORRERY_CHECK(place_command_line(layout, payload.command_line, kernel.header));
  kernel.header.code32_start = static_cast<std::uint32_t>(start.value());

  const BootParams params = make_boot_params(destination, kernel.header);
  ORRERY_TRY(const GuestPhysical zero_page,
             layout.place_below(kLowStructuresEnd, sizeof params, "the zero page"));
  layout.copy(zero_page, as_bytes(&params, sizeof params));

  ORRERY_TRY(x86::CpuState state, long_mode_state(layout, start + kEntry64));
  state[x86::Gpr::kRsi] = zero_page.value();
  return state;
}

}  // namespace orrery::machine::boot
