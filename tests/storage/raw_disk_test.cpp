// Raw disks over files (storage/raw_disk.hpp), by both executors.
#include "storage/raw_disk.hpp"

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <optional>
#include <random>

#include <fcntl.h>
#include <gtest/gtest.h>

#include "base/files/file_descriptor.hpp"
#include "storage/io/disk_executor.hpp"
#include "storage/io/write_behind.hpp"

namespace orrery::storage {
namespace {

using port::BlockRequest;
using Kind = BlockRequest::Kind;

class TemporaryFile {
 public:
  explicit TemporaryFile(std::uint64_t size) {
    char name[] = "/tmp/orrery-disk-XXXXXX";
    const FileDescriptor file(::mkstemp(name));
    path_ = name;
    std::filesystem::resize_file(path_, size);
  }
  ~TemporaryFile() { std::filesystem::remove(path_); }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

class RawDiskTest : public ::testing::Test {
 protected:
  std::unique_ptr<port::Blocks> open(const RawDiskOptions& options) {
    auto disk = open_raw_disk(*loop_, options);
    EXPECT_TRUE(disk.has_value()) << disk.error().message();
    return disk ? std::move(*disk) : nullptr;
  }

  Result<> perform(port::Blocks& disk, BlockRequest request) {
    std::optional<Result<>> answer;
    disk.submit(std::move(request), [&](Result<> result) {
      answer = std::move(result);
      loop_->stop();
    });
    EXPECT_FALSE(answer.has_value()) << "completed before submit() returned";
    loop_->run();
    return *answer;
  }

  Result<> transfer(port::Blocks& disk, Kind kind, std::uint64_t offset,
                    std::vector<std::byte>& bytes) {
    return perform(disk, {.kind = kind,
                          .offset = offset,
                          .length = bytes.size(),
                          .may_unmap = false,
                          .buffers = {bytes}});
  }

  Result<> command(port::Blocks& disk, Kind kind, std::uint64_t offset, std::uint64_t length,
                   bool may_unmap = false) {
    return perform(
        disk,
        {.kind = kind, .offset = offset, .length = length, .may_unmap = may_unmap, .buffers = {}});
  }

  static std::vector<std::byte> pattern(std::size_t size, unsigned seed) {
    std::mt19937 random(seed);
    std::vector<std::byte> bytes(size);
    for (std::byte& byte : bytes) byte = static_cast<std::byte>(random());
    return bytes;
  }

  std::unique_ptr<EventLoop> loop_ = EventLoop::create().value();
};

TEST_F(RawDiskTest, ReadsBackWhatWasWritten) {
  const TemporaryFile file(1_MiB);
  for (const bool direct : {false, true}) {
    const auto disk =
        open({.path = file.path(), .read_only = false, .direct = direct, .serial = "S1"});
    ASSERT_NE(disk, nullptr);
    EXPECT_EQ(disk->geometry().size.value(), 1_MiB);
    EXPECT_EQ(disk->geometry().serial, "S1");
    auto written = pattern(64_KiB, direct ? 1 : 2);
    ASSERT_TRUE(transfer(*disk, Kind::kWrite, 512, written).has_value());
    ASSERT_TRUE(command(*disk, Kind::kFlush, 0, 0).has_value());
    std::vector<std::byte> read(written.size());
    ASSERT_TRUE(transfer(*disk, Kind::kRead, 512, read).has_value());
    EXPECT_EQ(read, written);
  }
}

TEST_F(RawDiskTest, ReadsAtOnceWhatIsInThePageCache) {
  const TemporaryFile file(1_MiB);
  const auto disk = open({.path = file.path(), .serial = {}});
  std::vector<std::byte> bytes(8192, std::byte{0x77});
  ASSERT_TRUE(transfer(*disk, Kind::kWrite, 4096, bytes));
  std::vector<std::byte> read(8192);
  BlockRequest request{.kind = Kind::kRead, .offset = 4096, .length = 8192, .buffers = {}};
  request.buffers = {MutableByteSpan(read).first(512), MutableByteSpan(read).subspan(512)};
  ASSERT_TRUE(disk->read_at_once(request));
  EXPECT_EQ(read, bytes);
}

TEST_F(RawDiskTest, LeavesToSubmitWhatItCannotReadAtOnce) {
  const TemporaryFile file(64_KiB + 512);
  const auto disk = open({.path = file.path(), .serial = {}});
  std::vector<std::byte> bytes(4096);
  const BlockRequest outside{
      .kind = Kind::kRead, .offset = 128_KiB, .length = 4096, .buffers = {bytes}};
  EXPECT_FALSE(disk->read_at_once(outside));
  const BlockRequest write{.kind = Kind::kWrite, .offset = 0, .length = 4096, .buffers = {bytes}};
  EXPECT_FALSE(disk->read_at_once(write));
  BlockRequest scattered{.kind = Kind::kRead, .offset = 0, .length = 64 * 512, .buffers = {}};
  std::vector<std::byte> pieces(64 * 512);
  for (std::size_t at = 0; at < pieces.size(); at += 512) {
    scattered.buffers.push_back(MutableByteSpan(pieces).subspan(at, 512));
  }
  EXPECT_FALSE(disk->read_at_once(scattered));
}

TEST_F(RawDiskTest, GathersAndScattersManyBuffers) {
  const TemporaryFile file(4_MiB);
  const auto disk = open({.path = file.path(), .read_only = false, .direct = false, .serial = ""});
  // More buffers than one system call takes.
  auto content = pattern(3000 * 512, 3);
  BlockRequest request{.kind = Kind::kWrite,
                       .offset = 0,
                       .length = content.size(),
                       .may_unmap = false,
                       .buffers = {}};
  for (std::size_t at = 0; at < content.size(); at += 512) {
    request.buffers.push_back(MutableByteSpan(content).subspan(at, 512));
  }
  ASSERT_TRUE(perform(*disk, request).has_value());
  std::vector<std::byte> read(content.size());
  ASSERT_TRUE(transfer(*disk, Kind::kRead, 0, read).has_value());
  EXPECT_EQ(read, content);
}

TEST_F(RawDiskTest, ZeroesAndDiscards) {
  const TemporaryFile file(1_MiB);
  const auto disk = open({.path = file.path(), .read_only = false, .direct = false, .serial = ""});
  for (const Kind kind : {Kind::kWriteZeroes, Kind::kDiscard}) {
    for (const bool may_unmap : {false, true}) {
      auto content = pattern(128_KiB, 4);
      ASSERT_TRUE(transfer(*disk, Kind::kWrite, 0, content).has_value());
      ASSERT_TRUE(command(*disk, kind, 4096, 64_KiB, may_unmap).has_value());
      std::vector<std::byte> read(128_KiB);
      ASSERT_TRUE(transfer(*disk, Kind::kRead, 0, read).has_value());
      std::fill_n(content.begin() + 4096, 64_KiB, std::byte{0});
      EXPECT_EQ(read, content);
    }
  }
  EXPECT_EQ(std::filesystem::file_size(file.path()), 1_MiB);
}

TEST_F(RawDiskTest, LastSectorThatTheFileHasInPartReadsAsZeroes) {
  const TemporaryFile file(1000);
  const auto disk = open({.path = file.path(), .read_only = false, .direct = false, .serial = ""});
  EXPECT_EQ(disk->geometry().size.value(), 1024u);
  auto read = pattern(1024, 5);
  ASSERT_TRUE(transfer(*disk, Kind::kRead, 0, read).has_value());
  EXPECT_EQ(read, std::vector<std::byte>(1024));
}

TEST_F(RawDiskTest, RefusesWhatLiesOutside) {
  const TemporaryFile file(1_MiB);
  const auto disk = open({.path = file.path(), .read_only = false, .direct = false, .serial = ""});
  std::vector<std::byte> sector(512);
  EXPECT_FALSE(transfer(*disk, Kind::kRead, 1_MiB, sector).has_value());
  EXPECT_FALSE(transfer(*disk, Kind::kWrite, ~std::uint64_t{511}, sector).has_value());
  EXPECT_FALSE(transfer(*disk, Kind::kRead, 100, sector).has_value());
  EXPECT_FALSE(command(*disk, Kind::kDiscard, 512, ~std::uint64_t{511}).has_value());
  EXPECT_TRUE(transfer(*disk, Kind::kRead, 1_MiB - 512, sector).has_value());
}

TEST_F(RawDiskTest, ReadOnlyDisksAreNotWritten) {
  const TemporaryFile file(1_MiB);
  const auto disk = open({.path = file.path(), .read_only = true, .direct = false, .serial = ""});
  std::vector<std::byte> sector(512);
  EXPECT_FALSE(transfer(*disk, Kind::kWrite, 0, sector).has_value());
  EXPECT_TRUE(transfer(*disk, Kind::kRead, 0, sector).has_value());
}

TEST_F(RawDiskTest, LetsOneWriterOrManyReadersIn) {
  const TemporaryFile file(1_MiB);
  RawDiskOptions write{.path = file.path(), .read_only = false, .direct = false, .serial = ""};
  RawDiskOptions read = write;
  read.read_only = true;
  {
    const auto writer = open(write);
    const auto second = open_raw_disk(*loop_, write);
    ASSERT_FALSE(second.has_value());
    EXPECT_NE(second.error().message().find("in use"), std::string::npos);
    EXPECT_FALSE(open_raw_disk(*loop_, read).has_value());
  }
  const auto reader = open(read);
  EXPECT_NE(open(read), nullptr);
  EXPECT_FALSE(open_raw_disk(*loop_, write).has_value());
}

// By its time others tell whether it was written.
TEST_F(RawDiskTest, OpeningChangesNothing) {
  const TemporaryFile file(64_KiB);
  const auto before = std::filesystem::last_write_time(file.path());
  std::filesystem::last_write_time(file.path(), before - std::chrono::hours(1));
  open({.path = file.path(), .serial = {}});
  EXPECT_EQ(std::filesystem::last_write_time(file.path()), before - std::chrono::hours(1));
}

TEST_F(RawDiskTest, NamesWhatIsWrongWithTheFile) {
  const auto missing = open_raw_disk(
      *loop_, {.path = "/nonexistent", .read_only = false, .direct = false, .serial = ""});
  ASSERT_FALSE(missing.has_value());
  EXPECT_NE(missing.error().message().find("check the path"), std::string::npos);
  const TemporaryFile empty(0);
  const auto nothing = open_raw_disk(
      *loop_, {.path = empty.path(), .read_only = false, .direct = false, .serial = ""});
  ASSERT_FALSE(nothing.has_value());
  EXPECT_NE(nothing.error().message().find("truncate"), std::string::npos);
}

TEST_F(RawDiskTest, ServesManyRequestsAtOnce) {
  const TemporaryFile file(4_MiB);
  const auto disk = open({.path = file.path(), .read_only = false, .direct = false, .serial = ""});
  constexpr unsigned kRequests = 2000;  // several times the ring
  std::vector<std::vector<std::byte>> sectors(kRequests, std::vector<std::byte>(512));
  unsigned done = 0;
  for (unsigned i = 0; i < kRequests; ++i) {
    sectors[i][0] = static_cast<std::byte>(i);
    disk->submit({.kind = Kind::kWrite,
                  .offset = i * 512u,
                  .length = 512,
                  .may_unmap = false,
                  .buffers = {sectors[i]}},
                 [&](Result<> result) {
                   EXPECT_TRUE(result.has_value());
                   if (++done == kRequests) loop_->stop();
                 });
  }
  loop_->run();
  std::vector<std::byte> read(512);
  ASSERT_TRUE(transfer(*disk, Kind::kRead, 1999 * 512, read).has_value());
  EXPECT_EQ(read[0], static_cast<std::byte>(1999));
}

TEST_F(RawDiskTest, MayGoWithRequestsInFlight) {
  const TemporaryFile file(4_MiB);
  auto disk = open({.path = file.path(), .read_only = false, .direct = false, .serial = ""});
  std::vector<std::byte> bytes(1_MiB);
  for (int i = 0; i < 8; ++i) {
    disk->submit(
        {.kind = Kind::kRead, .offset = 0, .length = 1_MiB, .may_unmap = false, .buffers = {bytes}},
        [](Result<>) { FAIL() << "completed after the disk's end"; });
  }
  disk.reset();
  loop_->poll();
}

// The same system calls by a thread give the same answers.
TEST_F(RawDiskTest, AThreadAnswersLikeIoUring) {
  const TemporaryFile file(64_KiB);
  const FileDescriptor descriptor(::open(file.path().c_str(), O_RDWR | O_CLOEXEC));
  auto bytes = pattern(8192, 6);
  std::vector<std::byte> read(8192);
  std::vector<std::unique_ptr<DiskExecutor>> executors;
  executors.push_back(create_queued_executor(create_thread_queue(*loop_), descriptor.get()));
  const auto uring = create_uring_queue(*loop_);
  if (uring) executors.push_back(create_queued_executor(*uring, descriptor.get()));
  for (const auto& executor : executors) {
    std::int64_t result = -1;
    const auto call = [&](DiskOperation operation) {
      operation.done = [&](std::int64_t value) {
        result = value;
        loop_->stop();
      };
      executor->start(operation);
      loop_->run();
      return result;
    };
    using Call = DiskOperation::Call;
    DiskOperation operation;
    operation.call = Call::kWrite;
    operation.offset = 4096;
    operation.vectors = {{bytes.data(), bytes.size()}};
    EXPECT_EQ(call(operation), 8192);
    operation.call = Call::kRead;
    operation.vectors = {{read.data(), read.size()}};
    EXPECT_EQ(call(operation), 8192);
    EXPECT_EQ(read, bytes);
    operation.offset = 60_KiB;
    EXPECT_EQ(call(operation), 4096);
    operation.offset = 1_MiB;
    EXPECT_EQ(call(operation), 0);
    operation.call = Call::kWriteBack;
    operation.offset = 4096;
    operation.length = 8192;
    EXPECT_EQ(call(operation), 0);
    operation.call = Call::kDataSync;
    EXPECT_EQ(call(operation), 0);
    operation.call = Call::kFallocate;
    operation.mode = -1;
    operation.length = 4096;
    EXPECT_LT(call(operation), 0);
  }
}

// Notes what it is asked for; writing back takes until the test says that it is done.
class NotingExecutor final : public DiskExecutor {
 public:
  struct Note {
    DiskOperation::Call call = DiskOperation::Call::kRead;
    std::uint64_t offset = 0;
    std::uint64_t length = 0;
    bool operator==(const Note&) const = default;
  };
  explicit NotingExecutor(std::vector<Note>& notes, DiskOperation*& writeback)
      : notes_(notes), writeback_(writeback) {}
  void start(DiskOperation& operation) override {
    const bool back = operation.call == DiskOperation::Call::kWriteBack;
    if (back) writeback_ = &operation;
    notes_.push_back(
        {operation.call, operation.offset, back ? operation.length : length_of(operation.vectors)});
  }
  Result<> lock(FileLock /*kind*/) override { return fail("another one has it"); }

 private:
  std::vector<Note>& notes_;
  DiskOperation*& writeback_;
};

TEST(WriteBehind, BeginsToWriteOutWhatIsAWindowBehind) {
  using Call = DiskOperation::Call;
  std::vector<NotingExecutor::Note> notes;
  DiskOperation* writeback = nullptr;
  WriteBehind behind(std::make_unique<NotingExecutor>(notes, writeback));
  std::vector<std::byte> bytes(WriteBehind::kWindow / 2);
  const auto start = [&](Call call, std::uint64_t half) {
    DiskOperation operation;
    operation.call = call;
    operation.offset = half * bytes.size();
    operation.vectors = {{bytes.data(), bytes.size()}};
    notes.clear();
    behind.start(operation);
    EXPECT_EQ(notes.back(), (NotingExecutor::Note{call, operation.offset, bytes.size()}));
    notes.pop_back();
    return notes;
  };
  const auto back = [&](std::uint64_t from, std::uint64_t to) {
    return std::vector<NotingExecutor::Note>{
        {Call::kWriteBack, from * bytes.size(), (to - from) * bytes.size()}};
  };
  EXPECT_TRUE(start(Call::kWrite, 1).empty());
  EXPECT_TRUE(start(Call::kWrite, 0).empty()) << "the first window may be on its way to memory";
  EXPECT_TRUE(start(Call::kRead, 9).empty());
  EXPECT_TRUE(start(Call::kWrite, 2).empty());
  EXPECT_EQ(start(Call::kWrite, 3), back(0, 2));
  EXPECT_TRUE(start(Call::kWrite, 4).empty());
  EXPECT_TRUE(start(Call::kWrite, 5).empty()) << "one at a time";
  EXPECT_TRUE(start(Call::kWrite, 6).empty());
  writeback->done(-EOPNOTSUPP);  // a file system that cannot: nothing comes of it
  EXPECT_EQ(start(Call::kWrite, 7), back(2, 4));
  writeback->done(0);
  EXPECT_TRUE(start(Call::kWrite, 8).empty());
  EXPECT_EQ(start(Call::kWrite, 9), back(4, 8)) << "what was filled while the disk was busy";
}

TEST(WriteBehind, LocksTheFileBelow) {
  std::vector<NotingExecutor::Note> notes;
  DiskOperation* writeback = nullptr;
  WriteBehind behind(std::make_unique<NotingExecutor>(notes, writeback));
  EXPECT_FALSE(behind.lock(FileLock{})) << "what is below said no";
}

// The bytes are there, and a flush still says whether they are durable.
TEST_F(RawDiskTest, WritesBehindWhatItIsGiven) {
  const TemporaryFile file(80_MiB);
  const auto disk = open({.path = file.path(), .write_behind = true, .serial = ""});
  for (std::uint64_t at = 0; at < 80_MiB; at += 8_MiB) {
    auto bytes = pattern(8_MiB, static_cast<unsigned>(at >> 20));
    ASSERT_TRUE(transfer(*disk, Kind::kWrite, at, bytes).has_value());
  }
  std::vector<std::byte> none;
  ASSERT_TRUE(transfer(*disk, Kind::kFlush, 0, none).has_value());
  for (std::uint64_t at = 0; at < 80_MiB; at += 8_MiB) {
    std::vector<std::byte> read(8_MiB);
    ASSERT_TRUE(transfer(*disk, Kind::kRead, at, read).has_value());
    EXPECT_EQ(read, pattern(8_MiB, static_cast<unsigned>(at >> 20))) << "at " << at;
  }
}

}  // namespace
}  // namespace orrery::storage
