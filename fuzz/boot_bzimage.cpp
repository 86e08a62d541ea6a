// The loader of machine/boot/bzimage.hpp.
#include "boot.hpp"
#include "machine/boot/bzimage.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  return orrery::fuzz::load_kernel<orrery::machine::boot::load_bzimage>(data, size);
}
