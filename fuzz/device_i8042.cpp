// Fuzzes the keyboard controller, with keys and movements.
#include "device.hpp"
#include "device/i8042/i8042.hpp"

namespace {
struct Keys : orrery::port::Input {
  Receiver offer;
  void set_receiver(Receiver receive) override { offer = std::move(receive); }
  void resume() override {}
};
}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace orrery;
  fuzz::Input input(data, size);
  testing::FakeHost host;
  device::i8042::I8042 model(host);
  Keys keys;
  model.attach(keys);
  fuzz::drive(model, host, {.regions = 2, .region_size = 1}, input, [&](fuzz::Input& more) {
    const auto what = more.take<std::uint8_t>();
    if (what % 4 == 1) {
      static_cast<void>(keys.offer(orrery::port::KeyEvent{
          orrery::port::Key{more.take<std::uint8_t>()}, orrery::port::KeyMotion{what > 127}}));
    } else if (what % 2 == 0) {
      const std::byte code[] = {std::byte{0xe0}, std::byte{more.take<std::uint8_t>()}};
      model.type(code);
    } else {
      model.move({more.take<std::int32_t>(), more.take<std::int32_t>(), what, what});
    }
  });
  return 0;
}
