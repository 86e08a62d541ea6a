// Fuzzes VHDX images: what is opened, for reading or writing, is made of the input's bytes
// (storage.hpp); then requests, flushes, and opening it again. Nothing may crash or hang, and an
// image that was opened for writing has to be whole afterwards, and open again.
//
// A VHDX begins with megabytes that are mostly zeroes, so the input has the parts that are not, one
// after the other, and checksums are set right unless byte 0 asks for those of the input:
//
//   4 KiB   either header
//   4 KiB   the region tables' start
//   12 KiB  the log's start
//   8 KiB   the metadata table's start, and its items
//   4 KiB   the table of blocks
#include "base/assert.hpp"
#include "base/log.hpp"
#include "storage.hpp"
#include "storage/io/crc32c.hpp"
#include "storage/vhdx/check.hpp"
#include "storage/vhdx/disk.hpp"
#include "storage/vhdx/layout.hpp"

namespace orrery::fuzz {
namespace {

using storage::vhdx::Access;
constexpr std::uint64_t kPage = 4096;

class Assembly {
 public:
  Assembly(ByteSpan parts, bool seals) : parts_(parts), file_(6_MiB), seals_(seals) {}

  std::vector<std::byte> make() {
    namespace vhdx = storage::vhdx;
    std::ranges::copy(as_bytes("vhdxfile", 8), file_.begin());
    const ByteSpan header = take(kPage);
    for (const std::uint64_t at : vhdx::kHeadersAt) put(at, header, vhdx::kHeaderLength);
    const ByteSpan regions = take(kPage);
    for (const std::uint64_t at : vhdx::kRegionTablesAt) put(at, regions, vhdx::kRegionTableLength);
    copy(1_MiB, take(kPage * 3));
    // Entries of the log that say a length that is there.
    for (std::uint64_t at = 1_MiB; seals_ && at < 1_MiB + 3 * kPage; at += kPage) seal_entry(at);
    copy(2_MiB, take(kPage));
    copy(2_MiB + 64_KiB, take(kPage));
    copy(3_MiB, take(kPage));
    return std::move(file_);
  }

 private:
  ByteSpan take(std::size_t count) {
    const ByteSpan part = parts_.first(std::min(count, parts_.size()));
    parts_ = parts_.subspan(part.size());
    return part;
  }
  void copy(std::uint64_t at, ByteSpan part) {
    std::ranges::copy(part, file_.begin() + static_cast<std::ptrdiff_t>(at));
  }
  void seal(std::uint64_t at, std::size_t length) {
    const ByteSpan bytes = ByteSpan(file_).subspan(at, length);
    store_le(&file_[at + 4], storage::crc32c(bytes, 4));
  }
  void put(std::uint64_t at, ByteSpan part, std::size_t length) {
    copy(at, part);
    if (seals_) seal(at, length);
  }
  void seal_entry(std::uint64_t at) {
    const auto length = load_le<std::uint32_t>(&file_[at + 8]);
    if (load_le<std::uint32_t>(&file_[at]) == storage::vhdx::log_field::kEntrySignature &&
        length >= kPage && length <= 16 * kPage) {
      seal(at, length);
    }
  }

  ByteSpan parts_;
  std::vector<std::byte> file_;
  const bool seals_;
};

void run(ImageRun input) {
  const std::vector<std::byte> parts = input.content();
  input.set_content(Assembly(parts, (input.how_opened() & 2) == 0).make());
  EventLoop& loop = input.loop();
  const Access access = (input.how_opened() & 1) != 0 ? Access::kWrite : Access::kRead;
  auto disk = storage::vhdx::Disk::open(loop, input.file(), {.access = access, .serial = {}});
  if (!disk) return;
  const bool done = input.perform_all(**disk);
  const bool flushed = storage::run_task(loop, (*disk)->image().flush()).has_value();
  if (access == Access::kRead || !done || !flushed) return;
  ORRERY_ASSERT(storage::vhdx::check((*disk)->image()).errors == 0 ||
                !(*disk)->image().headers_whole());
  disk->reset();
  disk = storage::vhdx::Disk::open(loop, input.file(), {.access = access, .serial = {}});
  ORRERY_ASSERT(disk.has_value());
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
