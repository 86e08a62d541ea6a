#include "machine/boot/load.hpp"

#include <array>

#include "machine/boot/bzimage.hpp"
#include "machine/boot/elf.hpp"
#include "machine/boot/flat.hpp"
#include "machine/boot/multiboot.hpp"
#include "machine/boot/pvh.hpp"

namespace orrery::machine::boot {
namespace {

bool is_pvh_file(ByteSpan kernel) {
  if (!is_elf(kernel)) return false;
  const auto file = parse_elf(kernel);
  return file && is_pvh(*file);
}

struct Format {
  std::string_view name;
  bool (*matches)(ByteSpan);
  Result<x86::CpuState> (*load)(const Destination&, const Payload&);
};

// In this order: a bzImage also looks like a boot sector, and a kernel may offer both PVH and
// multiboot, of which PVH says more about the machine.
constexpr std::array<Format, 4> kFormats{{
    {"Linux bzImage", is_bzimage, load_bzimage},
    {"PVH ELF kernel", is_pvh_file, load_pvh},
    {"multiboot kernel", is_multiboot, load_multiboot},
    {"boot sector", is_boot_sector, load_boot_sector},
}};

Result<const Format*> find_format(ByteSpan kernel) {
  for (const Format& format : kFormats) {
    if (format.matches(kernel)) return &format;
  }
  if (is_elf(kernel)) {
    ORRERY_CHECK(parse_elf(kernel));
    return fail(
        "an ELF file without a PVH note or a multiboot header; for Linux, give its bzImage "
        "or build it with CONFIG_PVH");
  }
  return fail(
      "not a kernel: neither a bzImage, a PVH or multiboot ELF, a file with a multiboot "
      "header, nor a boot sector (or it is cut short)");
}

}  // namespace

Result<std::string_view> recognize(ByteSpan kernel) {
  ORRERY_TRY(const Format* format, find_format(kernel));
  return format->name;
}

Result<x86::CpuState> load(const Destination& destination, const Payload& payload) {
  const auto in_file = [&](const Error& error) { return fail(error.context(payload.kernel.name)); };
  const auto format = find_format(payload.kernel.bytes);
  if (!format) return in_file(format.error());
  auto state = (*format)->load(destination, payload);
  if (!state) return in_file(state.error());
  return state;
}

}  // namespace orrery::machine::boot
