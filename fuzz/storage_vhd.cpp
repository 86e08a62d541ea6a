// Fuzzes VHD images: what is opened is a file of the input's bytes (storage.hpp); then requests,
// of which those that write are refused, and a map of the disk. Nothing may crash or hang.
#include "base/log.hpp"
#include "storage.hpp"
#include "storage/vhd/image.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace orrery;
  static const std::unique_ptr<EventLoop> kLoop = EventLoop::create().value();
  if (size < fuzz::kPrelude) return 0;
  log::set_level(log::Level::kError);
  fuzz::ImageRun input(*kLoop, as_bytes(data, size));
  auto disk =
      storage::ReadDisk::open(*kLoop, std::make_unique<storage::vhd::Image>(input.file()), "");
  if (!disk) return 0;
  input.perform_all(**disk);
  storage::ReadImage& image = (*disk)->image();
  std::uint64_t offset = 0;
  for (int i = 0; i < 100 && offset < image.size(); ++i) {
    const auto stretch = storage::run_task(*kLoop, image.map(offset, image.size() - offset));
    if (!stretch) break;
    offset += stretch->length;
  }
  return 0;
}
