// Fuzzes qcow2 images: what is opened, for reading, writing or repair, is a file of the input's
// bytes (storage.hpp); then requests, a check, and a flush. Nothing may crash or hang, and an image
// that a check finds whole has to be whole after it was written to. Or it is a link of a chain, and
// what is read through the chain's index has to be what the image itself reads.
#include <optional>

#include "base/assert.hpp"
#include "base/log.hpp"
#include "storage.hpp"
#include "storage/qcow2/chain/chain.hpp"
#include "storage/qcow2/check.hpp"
#include "storage/qcow2/disk.hpp"

namespace orrery::fuzz {
namespace {

using storage::qcow2::Access;

bool whole(EventLoop& loop, storage::qcow2::Disk& disk) {
  const auto report = storage::run_task(loop, storage::qcow2::check(disk.image()));
  return report && report->errors == 0;
}

// The image twice over itself: so everything is found in the first link, or nowhere.
std::optional<storage::qcow2::Chain> make_chain(ImageRun& input) {
  constexpr std::size_t kPages = 2;
  std::vector<storage::qcow2::Layer> layers;
  for (int i = 0; i < 2; ++i) {
    auto header = storage::qcow2::parse_header(input.content(), input.content().size());
    if (!header) return std::nullopt;
    layers.push_back({.file = input.file(), .header = std::move(*header), .identities = {}});
  }
  return std::make_optional<storage::qcow2::Chain>(std::move(layers), nullptr, kPages);
}

void compare_chain(ImageRun& input, storage::qcow2::Disk& disk) {
  auto chain = make_chain(input);
  if (!chain) return;
  for (std::size_t i = 0; i < kRequests; ++i) {
    const auto [offset, length] = input.range(i, chain->size());
    std::vector<std::byte> through_index(length, std::byte{1});
    std::vector<std::byte> by_itself(length, std::byte{2});
    std::vector<MutableByteSpan> buffers{through_index};
    storage::BufferCursor cursor(buffers);
    const auto read = storage::run_task(input.loop(), chain->read(offset, length, cursor));
    buffers = {by_itself};
    storage::BufferCursor other(buffers);
    const auto expected = storage::run_task(input.loop(), disk.image().read(offset, length, other));
    ORRERY_ASSERT(read.has_value() == expected.has_value());
    if (read) ORRERY_ASSERT(through_index == by_itself);
  }
}

void run(ImageRun input) {
  constexpr std::array kAccesses{Access::kRead, Access::kWrite, Access::kRepair};
  const Access access = kAccesses[input.how_opened() % kAccesses.size()];
  EventLoop& loop = input.loop();
  auto disk = storage::qcow2::Disk::open(loop, input.file(),
                                         {.access = access, .serial = {}, .snapshot = {}});
  if (!disk) return;
  if (access == Access::kRead && input.how_opened() >= 128) return compare_chain(input, **disk);
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
