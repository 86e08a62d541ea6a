// Fuzzes qcow2 images: what is opened, for reading, writing or repair, is a file of the input's
// bytes; then requests, a check, and a flush. Nothing may crash or hang, and an image that a check
// finds whole has to be whole after it was written to.
//
//   byte 0       how it is opened
//   bytes 1..48  16 requests: kind, sector (in 128ths of 256 KiB), length in sectors
//   the rest     the file
#include <array>
#include <memory>

#include "base/assert.hpp"
#include "base/log.hpp"
#include "storage/memory_file.hpp"
#include "storage/qcow2/check.hpp"
#include "storage/qcow2/disk.hpp"
#include "storage/request/run_task.hpp"
#include "storage/request/submitted.hpp"

namespace orrery::fuzz {
namespace {

using storage::qcow2::Access;
using Kind = port::BlockRequest::Kind;

constexpr std::size_t kRequests = 16;
constexpr std::size_t kPrelude = 1 + kRequests * 3;

Task<Result<>> perform(port::Blocks& disk, port::BlockRequest request) {
  co_return co_await storage::Submitted(disk, std::move(request));
}

class Run {
 public:
  Run(EventLoop& loop, ByteSpan input) : loop_(loop), input_(input) {
    file_->content.assign(input.begin() + kPrelude, input.end());
    file_->keeps_changes = false;
    file_->most_bytes = 8_MiB;
  }

  void run() {
    constexpr std::array kAccesses{Access::kRead, Access::kWrite, Access::kRepair};
    const Access access = kAccesses[static_cast<std::size_t>(input_[0]) % kAccesses.size()];
    auto executor = std::make_unique<testing::MemoryExecutor>(loop_, file_, 1);
    auto disk = storage::qcow2::Disk::open(
        loop_,
        std::make_unique<storage::ImageFile>(std::move(executor), "fuzz", file_->content.size()),
        {.access = access, .serial = {}, .snapshot = {}});
    if (!disk) return;
    const bool was_whole = whole(**disk);
    bool failed = false;
    for (std::size_t i = 0; i < kRequests; ++i)
      failed |= !request(**disk, input_.subspan(1 + i * 3, 3));
    if (access == Access::kRead) return;
    failed |= !storage::run_task(loop_, (*disk)->image().flush());
    if (was_whole && !failed) ORRERY_ASSERT(whole(**disk));
    if (access == Access::kRepair)
      (void)storage::run_task(loop_, storage::qcow2::repair((*disk)->image()));
  }

 private:
  bool whole(storage::qcow2::Disk& disk) {
    const auto report = storage::run_task(loop_, storage::qcow2::check(disk.image()));
    return report && report->errors == 0;
  }
  bool request(port::Blocks& disk, ByteSpan from) {
    constexpr std::array kKinds{Kind::kRead, Kind::kWrite, Kind::kFlush, Kind::kDiscard,
                                Kind::kWriteZeroes};
    const auto chosen = static_cast<std::size_t>(from[0]);
    port::BlockRequest request;
    request.kind = kKinds[chosen % kKinds.size()];
    request.may_unmap = chosen >= 128;
    request.offset = static_cast<std::uint64_t>(from[1]) * 1024;
    const std::uint64_t size = disk.geometry().size.value();
    if (request.kind == Kind::kFlush) return perform_now(disk, request);
    if (request.offset >= size) return true;
    request.length =
        std::min((static_cast<std::uint64_t>(from[2]) + 1) * 512, size - request.offset);
    std::vector<std::byte> bytes(request.length, std::byte{0x5A});
    if (request.kind <= Kind::kWrite) request.buffers = {bytes};
    return perform_now(disk, std::move(request));
  }
  bool perform_now(port::Blocks& disk, port::BlockRequest request) {
    return storage::run_task(loop_, perform(disk, std::move(request))).has_value();
  }

  EventLoop& loop_;
  ByteSpan input_;
  std::shared_ptr<testing::MemoryFile> file_ = std::make_shared<testing::MemoryFile>();
};

}  // namespace
}  // namespace orrery::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace orrery;
  static const std::unique_ptr<EventLoop> kLoop = EventLoop::create().value();
  if (size < fuzz::kPrelude) return 0;
  log::set_level(log::Level::kError);
  fuzz::Run(*kLoop, as_bytes(data, size)).run();
  return 0;
}
