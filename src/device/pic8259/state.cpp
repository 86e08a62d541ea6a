#include "device/fields.hpp"
#include "device/pic8259/pic8259.hpp"

namespace orrery::device::pic8259 {
namespace {

constexpr unsigned kVersion = 1;

struct Registers {
  std::array<Chip, 2> chips;

  template <typename Archive, typename Self>
  static void fields(Archive& archive, Self& self) {
    archive("chips", self.chips);
  }
};

}  // namespace

State Pic8259::save() const {
  return save_fields(name(), kVersion, Registers{chips_});
}

Result<> Pic8259::restore(const State& state) {
  Registers registers{chips_};
  ORRERY_CHECK(restore_fields(name(), kVersion, state, registers));
  chips_ = registers.chips;
  update();
  return {};
}

}  // namespace orrery::device::pic8259
