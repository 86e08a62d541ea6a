#include "vmm/snapshot/stored_memory.hpp"

#include "base/format.hpp"
#include "base/loop/event_loop.hpp"
#include "port/blocks.hpp"
#include "storage/request/run_task.hpp"
#include "storage/request/transfers.hpp"

namespace orrery::vmm {
namespace {

class StoredMemory final : public memory::PageSource {
 public:
  StoredMemory(std::unique_ptr<EventLoop> loop, std::unique_ptr<port::Blocks> disk)
      : loop_(std::move(loop)), disk_(std::move(disk)) {}

  Result<> read(std::uint64_t offset, MutableByteSpan to) override {
    return storage::run_task(*loop_, storage::read_all(*disk_, offset, to));
  }

 private:
  const std::unique_ptr<EventLoop> loop_;
  const std::unique_ptr<port::Blocks> disk_;
};

}  // namespace

Result<std::unique_ptr<memory::PageSource>> open_stored_memory(const std::string& path, Bytes bytes,
                                                               storage::OpenReport& report) {
  ORRERY_TRY(auto loop, EventLoop::create());
  storage::DiskOptions options;
  options.path = path;
  options.read_only = true;
  ORRERY_TRY(auto disk, storage::open_disk(*loop, options, &report));
  if (disk->geometry().size < bytes) {
    return fail(format("{}: damaged: it has {} bytes, and the memory {}", path,
                       disk->geometry().size.value(), bytes.value()));
  }
  return std::make_unique<StoredMemory>(std::move(loop), std::move(disk));
}

}  // namespace orrery::vmm
