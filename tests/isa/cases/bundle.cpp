#include "isa/cases/bundle.hpp"

#include <fstream>
#include <sstream>

#include "base/format.hpp"

namespace orrery::isa {

Mode mode_named(std::string_view name) {
  return name == "32" ? Mode::kUser32 : name == "ring0" ? Mode::kSupervisor64 : Mode::kUser64;
}

Result<std::vector<Slot>> read_index(const std::string& path) {
  std::ifstream stream(path);
  std::vector<Slot> slots;
  std::string mode;
  for (Slot slot; stream >> slot.path >> mode >> slot.offset >> slot.length;) {
    slot.mode = mode_named(mode);
    slots.push_back(slot);
  }
  if (slots.empty()) return fail(format("{} lists no tests", path));
  return slots;
}

Result<std::vector<std::byte>> read_image(const std::string& path) {
  std::ifstream stream(path, std::ios::binary);
  std::ostringstream content;
  content << stream.rdbuf();
  const std::string text = content.str();
  const auto* bytes = reinterpret_cast<const std::byte*>(text.data());
  if (text.empty()) return fail(format("cannot read {}", path));
  return std::vector<std::byte>(bytes, bytes + text.size());
}

}  // namespace orrery::isa
