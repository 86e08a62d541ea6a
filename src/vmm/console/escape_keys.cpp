#include "vmm/console/escape_keys.hpp"

namespace orrery::vmm {

std::vector<EscapeCommand> EscapeKeys::filter(std::vector<std::byte>& bytes) {
  constexpr std::byte kControlA{1};
  std::vector<EscapeCommand> commands;
  std::vector<std::byte> kept;
  for (const std::byte byte : bytes) {
    if (!escaped_) {
      escaped_ = byte == kControlA;
      if (!escaped_) kept.push_back(byte);
      continue;
    }
    escaped_ = false;
    switch (std::to_integer<char>(byte)) {
      case 'x': commands.push_back(EscapeCommand::kQuit); break;
      case 'h': commands.push_back(EscapeCommand::kHelp); break;
      case 1: kept.push_back(kControlA); break;
      default: kept.insert(kept.end(), {kControlA, byte}); break;
    }
  }
  bytes = std::move(kept);
  return commands;
}

}  // namespace orrery::vmm
