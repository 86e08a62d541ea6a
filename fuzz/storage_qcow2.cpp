// Fuzzes qcow2 images: what is opened, for reading, writing or repair, is a file of the input's
// bytes (storage.hpp); then requests, a check, and a flush. Nothing may crash or hang, and an image
// that a check finds whole has to be whole after it was written to.
#include "base/assert.hpp"
#include "base/log.hpp"
#include "storage.hpp"
#include "storage/qcow2/check.hpp"
#include "storage/qcow2/disk.hpp"

namespace orrery::fuzz {
namespace {

using storage::qcow2::Access;

bool whole(EventLoop& loop, storage::qcow2::Disk& disk) {
  const auto report = storage::run_task(loop, storage::qcow2::check(disk.image()));
  return report && report->errors == 0;
}

void run(ImageRun input) {
  constexpr std::array kAccesses{Access::kRead, Access::kWrite, Access::kRepair};
  const Access access = kAccesses[input.how_opened() % kAccesses.size()];
  EventLoop& loop = input.loop();
  auto disk = storage::qcow2::Disk::open(loop, input.file(),
                                         {.access = access, .serial = {}, .snapshot = {}});
  if (!disk) return;
  const bool was_whole = whole(loop, **disk);
  const bool done = input.perform_all(**disk);
  if (access == Access::kRead) return;
  const bool flushed = storage::run_task(loop, (*disk)->image().flush()).has_value();
  if (was_whole && done && flushed) ORRERY_ASSERT(whole(loop, **disk));
  if (access == Access::kRepair)
    (void)storage::run_task(loop, storage::qcow2::repair((*disk)->image()));
}

}  // namespace
}  // namespace orrery::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace orrery;
  static const std::unique_ptr<EventLoop> kLoop = EventLoop::create().value();
  if (size < fuzz::kPrelude) return 0;
  log::set_level(log::Level::kError);
  fuzz::run(fuzz::ImageRun(*kLoop, as_bytes(data, size)));
  return 0;
}
