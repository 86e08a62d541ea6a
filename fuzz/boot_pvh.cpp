// The loader of machine/boot/pvh.hpp.
#include "boot.hpp"
#include "machine/boot/pvh.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  return orrery::fuzz::load_kernel<orrery::machine::boot::load_pvh>(data, size);
}
