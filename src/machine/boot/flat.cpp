#include "machine/boot/flat.hpp"

#include <algorithm>

#include "base/bits.hpp"
#include "base/format.hpp"
#include "base/units.hpp"
#include "machine/boot/layout.hpp"
#include "machine/boot/start_state.hpp"

namespace orrery::machine::boot {
namespace {

constexpr std::uint16_t kBootSectorAddress = 0x7c00;
constexpr std::size_t kSignatureOffset = 510;
constexpr std::uint16_t kSignature = 0xaa55;
constexpr std::uint64_t kFirstHardDisk = 0x80;

constexpr std::uint64_t kLegacyBiosSize = 128_KiB;  // E0000h to FFFFFh

}  // namespace

bool is_boot_sector(ByteSpan kernel) {
  return kernel.size() >= kSignatureOffset + sizeof kSignature &&
         load_le<std::uint16_t>(kernel.data() + kSignatureOffset) == kSignature;
}

Result<x86::CpuState> load_boot_sector(const Destination& destination, const Payload& payload) {
  if (!is_boot_sector(payload.kernel.bytes)) {
    return fail("no boot sector: bytes 510 and 511 are not 55h AAh");
  }
  if (!payload.modules.empty()) return fail("a boot sector takes no --initrd");
  Layout layout(destination);
  const GuestPhysical address(kBootSectorAddress);
  ORRERY_CHECK(layout.claim(address, payload.kernel.bytes.size(), "the boot sector"));
  layout.copy(address, payload.kernel.bytes);
  x86::CpuState state = real_mode_state(kBootSectorAddress);
  state[x86::Gpr::kRdx] = kFirstHardDisk;
  return state;
}

Result<> check_firmware(const Image& firmware) {
  const std::uint64_t size = firmware.bytes.size();
  if (size != 0 && size <= kLargestFirmware.value() && is_aligned(size, kPageSize)) return {};
  return fail(format("{}: {} bytes are no firmware image; one has a multiple of 4096, at most {}",
                     firmware.name, size, to_string(kLargestFirmware)));
}

Result<> load_firmware(const Destination& destination, const Image& firmware) {
  ORRERY_CHECK(check_firmware(firmware));
  const Range flash = destination.map.firmware();
  const std::uint64_t size = firmware.bytes.size();
  const std::uint64_t legacy_size = std::min(size, kLegacyBiosSize);
  if (size != flash.size.value() || !destination.memory.load(flash.start, firmware.bytes) ||
      !destination.memory.load(kHighMemory - legacy_size, firmware.bytes.last(legacy_size))) {
    return fail(format("{}: the machine has a flash of {} bytes for {} bytes", firmware.name,
                       flash.size.value(), size));
  }
  return {};
}

}  // namespace orrery::machine::boot
