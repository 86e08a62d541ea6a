// What a loader is given, and where it puts it. A loader parses untrusted bytes: it reads nothing
// outside its spans, writes nothing outside the guest's usable memory, and refuses with an error
// that names the file, the offset and the reason.
#pragma once

#include <string>
#include <vector>

#include "base/bytes.hpp"
#include "base/types.hpp"
#include "machine/memory_map.hpp"
#include "memory/guest_memory.hpp"

namespace orrery::machine::boot {

// A file's content; the bytes outlive the call only.
struct Image {
  std::string name;  // as the user wrote it
  ByteSpan bytes;
};

struct Payload {
  Image kernel;
  std::vector<Image> modules;  // for Linux at most one: the initrd
  std::string command_line;
};

struct Destination {
  memory::GuestMemory& memory;
  const MemoryMap& map;
  GuestPhysical rsdp;  // root of the ACPI tables; 0: none
};

}  // namespace orrery::machine::boot
