// The loaders of machine/boot/flat.hpp, and the recognition of files in machine/boot/load.hpp: the
// input is the kernel's file, or a firmware image.
#include <array>

#include "boot.hpp"
#include "machine/boot/flat.hpp"
#include "machine/boot/load.hpp"

namespace {

using namespace orrery;

void load_as_firmware(const machine::boot::Image& firmware) {
  constexpr Bytes kFlash(8_KiB);
  static const machine::MemoryMap map(Bytes(32_MiB), kFlash);
  static const auto memory = memory::GuestMemory::create(map.regions()).value();
  (void)machine::boot::load_firmware({*memory, map, GuestPhysical(0)}, firmware);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const machine::MemoryMap map(Bytes(32_MiB));
  static const auto memory = memory::GuestMemory::create(map.regions()).value();
  const machine::boot::Destination destination{*memory, map, GuestPhysical(0xe'0000)};
  const machine::boot::Image file{"file", as_bytes(data, size)};
  const machine::boot::Payload payload{.kernel = file, .modules = {}, .command_line = "quiet"};
  (void)machine::boot::load_boot_sector(destination, payload);
  // load() takes what recognize() names; it may still refuse it.
  const bool recognized = machine::boot::recognize(file.bytes).has_value();
  if (!recognized && machine::boot::load(destination, payload)) std::abort();
  load_as_firmware(file);
  return 0;
}
