// Requests of one size over a disk image, several in flight, each a step behind the one before, as
// `qemu-img bench` makes them:
//
//   disk_requests FILE read|write COUNT DEPTH SIZE STEP
//   disk_requests FILE open COUNT
//
// FILE's format is what it looks like; a write ends with a flush. Opening is not counted by the
// seconds that are printed; with `open` nothing else is, for one of COUNT times.
#include <chrono>
#include <cstdlib>
#include <string>
#include <vector>

#include "base/format.hpp"
#include "base/loop/event_loop.hpp"
#include "storage/disk_image.hpp"

namespace orrery {
namespace {

struct Load {
  port::BlockRequest::Kind kind = port::BlockRequest::Kind::kRead;
  std::uint64_t count = 0;
  std::uint64_t depth = 0;
  std::uint64_t size = 0;
  std::uint64_t step = 0;
};

class Requests {
 public:
  Requests(EventLoop& loop, port::Blocks& disk, const Load& load)
      : loop_(loop), disk_(disk), load_(load), buffers_(load.depth) {
    for (auto& buffer : buffers_) buffer.assign(load.size, std::byte{0x5A});
  }

  Result<> run() {
    for (std::uint64_t slot = 0; slot < load_.depth; ++slot) submit(slot);
    while (done_ < load_.count && result_) loop_.run();
    return result_;
  }

 private:
  void submit(std::uint64_t slot) {
    if (started_ == load_.count) return;
    ++started_;
    port::BlockRequest request;
    request.kind = load_.kind;
    request.offset = offset_;
    request.length = load_.size;
    request.buffers = {buffers_[slot]};
    offset_ += load_.step;
    const std::uint64_t end = disk_.geometry().size.value() - load_.size;
    if (offset_ > end) offset_ %= end / load_.size * load_.size;
    disk_.submit(std::move(request), [this, slot](Result<> result) {
      ++done_;
      if (!result) result_ = std::move(result);
      if (done_ == load_.count || !result_) return loop_.stop();
      submit(slot);
    });
  }

  EventLoop& loop_;
  port::Blocks& disk_;
  const Load load_;
  std::vector<std::vector<std::byte>> buffers_;
  std::uint64_t offset_ = 0;
  std::uint64_t started_ = 0;
  std::uint64_t done_ = 0;
  Result<> result_;
};

Result<double> measure(const std::string& path, const Load& load) {
  ORRERY_TRY(const auto loop, EventLoop::create());
  storage::DiskOptions options;
  options.path = path;
  options.read_only = load.kind == port::BlockRequest::Kind::kRead;
  ORRERY_TRY(const auto disk, storage::open_disk(*loop, options));
  const auto begin = std::chrono::steady_clock::now();
  Requests requests(*loop, *disk, load);
  ORRERY_CHECK(requests.run());
  if (!options.read_only) ORRERY_CHECK(storage::flush_disk(*loop, *disk));
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

// For reading, with all that lies below.
Result<double> measure_opening(const std::string& path, std::uint64_t count) {
  ORRERY_TRY(const auto loop, EventLoop::create());
  storage::DiskOptions options;
  options.path = path;
  options.read_only = true;
  std::chrono::duration<double> all{};
  for (std::uint64_t i = 0; i < count; ++i) {
    const auto begin = std::chrono::steady_clock::now();
    ORRERY_TRY(const auto disk, storage::open_disk(*loop, options));
    all += std::chrono::steady_clock::now() - begin;
  }
  return all.count() / static_cast<double>(count);
}

}  // namespace
}  // namespace orrery

int main(int argc, char** argv) {
  using namespace orrery;
  const std::string kind = argc > 2 ? argv[2] : "";
  const bool opening = kind == "open";
  if (argc != (opening ? 4 : 7)) {
    fmt::print(stderr,
               "usage: disk_requests FILE read|write COUNT DEPTH SIZE STEP\n"
               "       disk_requests FILE open COUNT\n");
    return 1;
  }
  const auto number = [&](int index) {
    return index < argc ? std::strtoull(argv[index], nullptr, 10) : 0;
  };
  Load load{.count = number(3), .depth = number(4), .size = number(5), .step = number(6)};
  if (kind == "write") load.kind = port::BlockRequest::Kind::kWrite;
  const auto seconds = opening ? measure_opening(argv[1], load.count) : measure(argv[1], load);
  if (!seconds) {
    fmt::print(stderr, "disk_requests: {}\n", seconds.error().message());
    return 1;
  }
  fmt::print("{:.6f}\n", *seconds);
  return 0;
}
