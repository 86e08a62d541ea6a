// Fuzzes virtio-console and the virtqueues, with two ports that take and give as the input says.
#include "device/virtio/console/console.hpp"
#include "virtio.hpp"

namespace orrery::fuzz {
namespace {

class Terminals {
 public:
  std::unique_ptr<virtio::Model> model() {
    std::vector<virtio::ConsolePort> ports{{one_, virtio::ConsolePortKind::kTerminal, "one"},
                                           {two_, virtio::ConsolePortKind::kChannel, "two"}};
    auto console = std::make_unique<virtio::Console>(std::move(ports));
    console_ = console.get();
    return console;
  }
  void act(Input& input) {
    const auto what = input.take<std::uint8_t>();
    testing::FakeConsole& port = (what & 1) != 0 ? one_ : two_;
    const auto amount = input.take<std::uint8_t>();
    if ((what & 2) != 0) {
      port.drain(amount);
    } else if ((what & 4) != 0) {
      port.room = amount;
    } else if ((what & 8) != 0) {
      console_->resize(what, amount);
    } else {
      port.type(std::string(amount, 'x'));
    }
    one_.output.clear();
    two_.output.clear();
  }
  void settle() {
    one_.drain(SIZE_MAX);
    two_.drain(SIZE_MAX);
  }

 private:
  testing::FakeConsole one_;
  testing::FakeConsole two_;
  virtio::Console* console_ = nullptr;
};

}  // namespace
}  // namespace orrery::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  return orrery::fuzz::run<orrery::fuzz::Terminals>(data, size);
}
