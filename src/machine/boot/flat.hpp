// Files that are nothing but code: a boot sector, as a BIOS would start it from a disk, and a
// firmware image, which starts at the processor's reset vector.
#pragma once

#include "base/error.hpp"
#include "machine/boot/payload.hpp"
#include "x86/state.hpp"

namespace orrery::machine::boot {

// True when bytes 510 and 511 are 55h AAh.
bool is_boot_sector(ByteSpan kernel);

// The whole file goes to 7C00h and is entered there in real mode (IBM PC convention), with DL 80h,
// the number of the first hard disk.
Result<x86::CpuState> load_boot_sector(const Destination& destination, const Payload& payload);

// Refuses what cannot be a firmware image: its size has to be a multiple of 4096, at most
// kLargestFirmware.
Result<> check_firmware(const Image& firmware);

// Puts the image where the memory map has its flash, and its last 128 KiB below 1 MiB as well,
// where 16-bit code expects a BIOS. The first vCPU then starts at the reset vector.
Result<> load_firmware(const Destination& destination, const Image& firmware);

}  // namespace orrery::machine::boot
