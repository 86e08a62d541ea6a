// How fast one processor encrypts and decrypts a disk's sectors:
//
//   disk_encryption [SECONDS]
//
// `cipher`: SectorCipher over 64 KiB in the cache, as the port uses it. `port`: requests of 16 KiB,
// which the port works on in the loop's thread, and of 256 KiB, which its threads do, on a disk
// that transfers nothing; all that a request costs is in it. GB (10^9 bytes) for each second of
// processor time of all threads, as `openssl speed -evp aes-256-xts -bytes 4096` counts.
#include <cstdlib>
#include <ctime>
#include <string>
#include <vector>

#include "base/format.hpp"
#include "base/loop/event_loop.hpp"
#include "storage/luks/disk.hpp"
#include "storage/luks/volume.hpp"
#include "storage/request/run_task.hpp"
#include "storage/request/transfers.hpp"

namespace orrery {
namespace {

using namespace storage::luks;
using port::BlockRequest;

// Keeps the first 17 MiB that are written to it while it records, and answers at once.
class MemoryDisk final : public port::Blocks {
 public:
  explicit MemoryDisk(EventLoop& loop) : loop_(loop), content_(17_MiB) {
    geometry_.size = Bytes(content_.size());
  }
  const port::BlockGeometry& geometry() const override { return geometry_; }
  void submit(BlockRequest request, Completion completion) override {
    std::uint64_t at = request.offset;
    for (const MutableByteSpan buffer : request.buffers) {
      if (!*records_) break;
      auto* const place = &content_[at];
      if (request.kind == BlockRequest::Kind::kRead)
        std::copy_n(place, buffer.size(), buffer.data());
      if (request.kind == BlockRequest::Kind::kWrite) std::ranges::copy(buffer, place);
      at += buffer.size();
    }
    loop_.post([completion = std::move(completion)] { completion({}); });
  }
  void map(std::uint64_t /*offset*/, std::uint64_t length, MapCompletion completion) override {
    loop_.post([=] { completion(port::BlockExtent{.length = length, .host_offset = {}}); });
  }
  void resize(Bytes /*size*/, Completion completion) override {
    loop_.post([=] { completion(fail("not in a benchmark")); });
  }
  std::shared_ptr<bool> records() { return records_; }

 private:
  EventLoop& loop_;
  port::BlockGeometry geometry_;
  std::vector<std::byte> content_;
  std::shared_ptr<bool> records_ = std::make_shared<bool>(true);
};

double processor_seconds() {
  timespec now{};
  ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) / 1e9;
}

// GB for each second of processor time of WORK, which does SIZE bytes.
double speed(double seconds, std::uint64_t size, const std::function<void()>& work) {
  const double begin = processor_seconds();
  std::uint64_t done = 0;
  double taken = 0;
  while (taken < seconds) {
    for (unsigned i = 0; i < 16; ++i) work();
    done += 16 * size;
    taken = processor_seconds() - begin;
  }
  return static_cast<double>(done) / taken / 1e9;
}

Result<> measure_cipher(double seconds, std::uint32_t sector_size) {
  SecretBytes key(64);
  draw_random(key.bytes());
  Segment segment;
  segment.sector_size = sector_size;
  ORRERY_TRY(const auto cipher, SectorCipher::create(key.bytes(), segment, 1));
  std::vector<std::byte> bytes(64_KiB);
  const SectorCipher::Buffers buffers{bytes};
  const double encrypts = speed(seconds, bytes.size(), [&] { cipher->encrypt(0, buffers, bytes); });
  const double decrypts = speed(seconds, bytes.size(), [&] { cipher->decrypt(0, buffers); });
  fmt::print("cipher, sectors of {}: encrypts {:.2f} GB/s, decrypts {:.2f} GB/s\n", sector_size,
             encrypts, decrypts);
  return {};
}

Result<> measure_port(double seconds, std::uint32_t sector_size) {
  ORRERY_TRY(const auto loop, EventLoop::create());
  auto memory = std::make_unique<MemoryDisk>(*loop);
  const auto records = memory->records();
  NewVolume options;
  options.sector_size = sector_size;
  options.cost.kind = KeyDerivation::Kind::kPbkdf2;
  options.cost.iterations = 1000;
  const ByteSpan key = as_bytes("key", 3);
  ORRERY_TRY(const Volume made, storage::run_task(*loop, Volume::create(*memory, options, key)));
  ORRERY_TRY(const auto disk, Disk::open(*loop, std::move(memory), "memory", key));
  *records = false;
  for (const std::uint64_t size : {16_KiB, 256_KiB}) {
    std::vector<std::byte> bytes(size);
    const double writes = speed(seconds, size, [&] {
      (void)storage::run_task(*loop, storage::write_all(*disk, 0, bytes));
    });
    const double reads = speed(
        seconds, size, [&] { (void)storage::run_task(*loop, storage::read_all(*disk, 0, bytes)); });
    fmt::print("port, sectors of {}, requests of {} KiB: writes {:.2f} GB/s, reads {:.2f} GB/s\n",
               sector_size, size / 1024, writes, reads);
  }
  return {};
}

Result<> measure_all(double seconds) {
  ORRERY_CHECK(load_crypto());
  for (const std::uint32_t size : {4096u, 512u}) {
    ORRERY_CHECK(measure_cipher(seconds, size));
    ORRERY_CHECK(measure_port(seconds, size));
  }
  return {};
}

}  // namespace
}  // namespace orrery

int main(int argc, char** argv) {
  const auto done = orrery::measure_all(argc > 1 ? std::strtod(argv[1], nullptr) : 1.0);
  if (!done) fmt::print(stderr, "disk_encryption: {}\n", done.error().message());
  return done ? 0 : 1;
}
