// The keys that a person at the terminal types to speak to the VMM instead of the guest: Ctrl-A,
// then x (quit), h (help) or Ctrl-A (the guest gets one Ctrl-A). Anything else after Ctrl-A goes to
// the guest with it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace orrery::vmm {

enum class EscapeCommand : std::uint8_t { kQuit, kHelp };

inline constexpr const char* kEscapeHelp =
    "\r\norrery: Ctrl-A x  quit (powers the machine off at once)\r\n"
    "        Ctrl-A h  this help\r\n"
    "        Ctrl-A Ctrl-A  send Ctrl-A to the guest\r\n";

class EscapeKeys {
 public:
  // Removes escape sequences from BYTES, and returns the commands among them in order.
  std::vector<EscapeCommand> filter(std::vector<std::byte>& bytes);

 private:
  bool escaped_ = false;  // the last byte was Ctrl-A
};

}  // namespace orrery::vmm
