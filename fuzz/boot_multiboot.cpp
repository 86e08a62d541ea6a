// The loader of machine/boot/multiboot.hpp.
#include "boot.hpp"

#include "machine/boot/multiboot.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  return orrery::fuzz::load_kernel<orrery::machine::boot::load_multiboot>(data, size);
}
