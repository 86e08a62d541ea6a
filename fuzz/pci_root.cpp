// Fuzzes PCI bus 0: configuration mechanism #1, BARs that move, address resolution, MSI-X and INTx.
//
// An input: actions of one byte and their operands.
#include <cstdlib>
#include <memory>

#include <nlohmann/json.hpp>

#include "device/pci/host_bridge.hpp"
#include "device/pci/interrupt_router.hpp"
#include "device/pci/isa_bridge.hpp"
#include "device/pci/root.hpp"
#include "device/pci/sample.hpp"
#include "input.hpp"
#include "support/fake_host.hpp"

namespace orrery::fuzz {
namespace {

using namespace device::pci;

void require(bool condition) {
  if (!condition) std::abort();
}

struct Bus {
  Bus() {
    require(root.attach({0, 0}, bridge).has_value());
    require(root.attach({1, 0}, isa).has_value());
    require(root.attach({2, 0}, one).has_value());
    require(root.attach({2, 1}, two).has_value());
  }

  testing::FakeHost hosts[5];
  unsigned levels = 0;
  InterruptRouter router{[this](unsigned irq, bool asserted) {
    require(irq < 16 && ((levels >> irq) & 1) != static_cast<unsigned>(asserted));
    levels ^= 1u << irq;
  }};
  Root root{hosts[0]};
  HostBridge bridge{hosts[1]};
  IsaBridge isa{hosts[2], router};
  testing::SampleFunction one{hosts[3]};
  testing::SampleFunction two{hosts[4]};
};

Width take_width(Input& input) {
  return static_cast<Width>(1 << (input.take<std::uint8_t>() % 4));
}

// Every window that answers resolves to itself, or to one that lies over it.
void check_windows(const Root& root) {
  for (const MappedWindow& mapped : root.windows()) {
    const Window& window = mapped.window;
    const bool io = window.space == Space::kIo;
    const auto found = io ? root.find_port(static_cast<std::uint16_t>(window.last()))
                          : root.find_memory(GuestPhysical(window.last()));
    require(found.has_value());
    require(found->offset < found->function->bars()[found->region].size);
    found->function->read(found->region, found->offset, Width::k8);
  }
}

void save_and_restore(const Bus& bus) {
  Bus other;
  require(other.root.restore(bus.root.save()).has_value());
  require(other.isa.restore(bus.isa.save()).has_value());
  require(other.one.restore(bus.one.save()).has_value());
  require(other.one.windows() == bus.one.windows());
}

class Session {
 public:
  explicit Session(Input& input) : input_(input), states_allowed_(most_states(input)) {}

  void run() {
    for (unsigned n = 0; n < kMostActions && !input_.empty(); ++n) {
      act();
      check_windows(bus_.root);
    }
  }

 private:
  static constexpr unsigned kMostActions = 128;

  void act() {
    testing::SampleFunction& function =
        (input_.take<std::uint8_t>() & 1) != 0 ? bus_.one : bus_.two;
    switch (input_.take<std::uint8_t>() % 8) {
      case 0: bus_.root.write(0, 0, Width::k32, input_.take<std::uint32_t>()); break;
      case 1: {
        const unsigned slot = input_.take<std::uint8_t>() % 4u;
        const unsigned offset = input_.take<std::uint8_t>() & 0xFCu;
        bus_.root.write(0, 0, Width::k32, kConfigEnable | slot << 11 | offset);
        break;
      }
      case 2: {
        const auto offset = input_.take<std::uint8_t>();
        bus_.root.read(0, offset, take_width(input_));
        break;
      }
      case 3: {
        const auto offset = input_.take<std::uint8_t>();
        const Width width = take_width(input_);
        bus_.root.write(0, offset % 16, width, input_.take<std::uint64_t>());
        break;
      }
      case 4: {
        const auto offset = input_.take<std::uint16_t>();
        const Width width = take_width(input_);
        function.write(0, offset, width, input_.take<std::uint64_t>());
        break;
      }
      case 5: function.notify_msix(input_.take<std::uint8_t>()); break;
      case 6: {
        const auto what = input_.take<std::uint8_t>();
        function.set_intx((what & 1) != 0);
        bus_.router.set_pin((what >> 1) & 31, static_cast<Pin>((what & 7) % 5), (what & 8) != 0);
        break;
      }
      default:
        if (states_++ < states_allowed_) save_and_restore(bus_);
    }
  }

  Input& input_;
  Bus bus_;
  const unsigned states_allowed_;
  unsigned states_ = 0;
};

}  // namespace
}  // namespace orrery::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  orrery::fuzz::Input input(data, size);
  orrery::fuzz::Session(input).run();
  return 0;
}
