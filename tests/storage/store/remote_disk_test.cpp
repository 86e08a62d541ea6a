// A disk whose image is on a server: whatever server and link do, never wrong data.
#include "storage/store/remote_disk.hpp"

#include <cstdlib>
#include <filesystem>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.hpp"
#include "storage/store/faulty_server.hpp"
#include "store/disks.hpp"
#include "store/remote/access_record.hpp"

namespace orrery::storage {
namespace {

using namespace std::chrono_literals;
using testing::Fault;
using testing::FaultyServer;

class RemoteDiskTest : public ::testing::Test {
 protected:
  void SetUp() override {
    log::set_level(log::Level::kError);
    char name[] = "/tmp/orrery-remote-XXXXXX";
    ASSERT_NE(::mkdtemp(name), nullptr);
    folder_ = name;
    store_ = store::Store::create(store::host_files(folder_ + "/store")).value();
    content_ = testing::make_disk(random_, 4000, 1'000'000);  // 16 MiB, mostly of its own
    ASSERT_TRUE(testing::add_disk(*store_, "disk", content_, random_));
    server_ = std::make_unique<FaultyServer>(folder_ + "/store", 0);
    options_.cache.folder = folder_ + "/cache";
    options_.fetch.first_pause = 5ms;
    options_.fetch.longest_pause = 50ms;
    options_.fetch.times = {.connect = 1s, .silence = 200ms};
    options_.path = server_->name("disk");
  }
  void TearDown() override {
    disk_.reset();
    server_.reset();
    std::filesystem::remove_all(folder_);
  }

  void open() {
    disk_.reset();
    auto opened = open_remote_disk(*loop_, options_);
    ASSERT_TRUE(opened) << opened.error().message();
    disk_ = std::move(*opened);
  }
  struct Pending {
    std::uint64_t offset = 0;
    std::vector<std::byte> bytes;
    std::optional<Result<>> result;
  };
  std::shared_ptr<Pending> submit(std::uint64_t offset, std::uint64_t length) {
    auto pending = std::make_shared<Pending>();
    pending->offset = offset;
    pending->bytes.resize(length, std::byte{0xEE});
    port::BlockRequest request;
    request.offset = offset;
    request.length = length;
    request.buffers = {pending->bytes};
    disk_->submit(std::move(request), [pending](Result<> result) { pending->result = result; });
    return pending;
  }
  void wait_for(const Pending& pending) {
    const auto limit = std::chrono::steady_clock::now() + 30s;
    while (!pending.result) {
      if (loop_->poll() == 0) std::this_thread::sleep_for(100us);
      ASSERT_LT(std::chrono::steady_clock::now(), limit);
    }
  }
  bool is_right(const Pending& pending) const {
    return std::equal(pending.bytes.begin(), pending.bytes.end(),
                      content_.begin() + static_cast<std::ptrdiff_t>(pending.offset));
  }
  // Many at a time; all have to succeed and be right.
  void read_anywhere(int reads, std::uint64_t most = 300'000) {
    std::vector<std::shared_ptr<Pending>> all;
    for (int i = 0; i < reads; ++i) {
      const std::uint64_t offset = random_() % (content_.size() / 512) * 512;
      const std::uint64_t length = (1 + random_() % (most / 512)) * 512;
      all.push_back(submit(offset, std::min(length, content_.size() - offset)));
    }
    for (const auto& each : all) {
      wait_for(*each);
      ASSERT_TRUE(*each->result) << each->result->error().message();
      ASSERT_TRUE(is_right(*each)) << each->bytes.size() << " bytes at " << each->offset;
    }
  }
  void read_all() {
    const auto whole = submit(0, content_.size());
    wait_for(*whole);
    ASSERT_TRUE(*whole->result) << whole->result->error().message();
    ASSERT_TRUE(is_right(*whole));
  }
  std::uint64_t fetched() const { return counters_of_remote_disk(*disk_).groups; }
  std::uint64_t cached_bytes() const {
    std::uint64_t bytes = 0;
    for (const auto& each : std::filesystem::directory_iterator(folder_ + "/cache/packs")) {
      struct stat status {};
      EXPECT_EQ(::stat(each.path().c_str(), &status), 0);
      bytes += static_cast<std::uint64_t>(status.st_blocks) * 512;
    }
    return bytes;
  }
  std::string cached_pack() const {
    return std::filesystem::directory_iterator(folder_ + "/cache/packs")->path();
  }

  std::mt19937_64 random_{3};
  const std::unique_ptr<EventLoop> loop_ = EventLoop::create().value();
  std::string folder_;
  std::unique_ptr<store::Store> store_;
  testing::DiskBytes content_;
  std::unique_ptr<FaultyServer> server_;
  RemoteDiskOptions options_;
  std::unique_ptr<port::Blocks> disk_;
};

TEST_F(RemoteDiskTest, ReadsWhatTheImageHasAndFetchesOnlyThat) {
  open();
  EXPECT_EQ(disk_->geometry().size.value(), content_.size());
  EXPECT_TRUE(disk_->geometry().read_only);
  const auto first = submit(4096, 512);
  wait_for(*first);
  EXPECT_TRUE(is_right(*first));
  EXPECT_LE(fetched(), 1u);
  read_anywhere(300);
  read_all();
}

TEST_F(RemoteDiskTest, AHostFetchesOnce) {
  open();
  read_all();
  EXPECT_NE(fetched(), 0u);
  auto first = std::move(disk_);
  open();  // while the first is open
  read_all();
  EXPECT_EQ(fetched(), 0u);
}

TEST_F(RemoteDiskTest, ANextStartIsAheadOfItsGuest) {
  options_.fetch.times.silence = 20s;  // no group is fetched twice because the host is busy
  open();
  read_anywhere(20, 4096);
  const std::uint64_t groups = fetched();
  disk_.reset();
  std::filesystem::remove_all(folder_ + "/cache/packs");
  open();
  for (int i = 0; i < 2000 && fetched() < groups; ++i) std::this_thread::sleep_for(5ms);
  EXPECT_EQ(fetched(), groups);
}

TEST_F(RemoteDiskTest, FaultsOfTheLinkAreNeverWrongData) {
  options_.fetch.patience = 25s;
  for (const Fault fault : {Fault::kCut, Fault::kTruncated, Fault::kOtherRange, Fault::kNonsense,
                            Fault::kBusy, Fault::kSilent}) {
    std::filesystem::remove_all(folder_ + "/cache");
    open();
    server_->set_fault(fault, 3);
    read_anywhere(40);
    EXPECT_NE(server_->faults(), 0u);
    server_->set_fault(Fault::kNone, 1);
  }
}

TEST_F(RemoteDiskTest, BytesThatAreWrongOnceAreFetchedAgain) {
  open();
  server_->set_fault(Fault::kFlipped, 2, 2);  // the third time that one is wrong is an error
  read_anywhere(30, 4096);
  EXPECT_GE(server_->faults(), 2u);
}

TEST_F(RemoteDiskTest, BytesThatStayWrongAreAnError) {
  open();
  server_->set_fault(Fault::kFlipped, 1);
  for (int i = 0; i < 20; ++i) {
    const auto read = submit(random_() % 4000 * 4096, 4096);
    wait_for(*read);
    if (*read->result) {
      EXPECT_TRUE(is_right(*read));  // zeroes, which are in no segment
    } else {
      EXPECT_NE(read->result->error().message().find("scrub"), std::string::npos);
    }
  }
}

TEST_F(RemoteDiskTest, AServerThatComesBackIsWaitedFor) {
  open();
  const std::uint16_t port = server_->port();
  server_.reset();
  const auto read = submit(0, content_.size());
  for (int i = 0; i < 100; ++i) {
    loop_->poll();
    std::this_thread::sleep_for(5ms);
  }
  EXPECT_FALSE(read->result);
  server_ = std::make_unique<FaultyServer>(folder_ + "/store", port);
  wait_for(*read);
  ASSERT_TRUE(*read->result) << read->result->error().message();
  EXPECT_TRUE(is_right(*read));
}

TEST_F(RemoteDiskTest, AServerThatStaysAwayIsAnErrorInTheEnd) {
  options_.fetch.patience = 300ms;
  open();
  server_.reset();
  const auto read = submit(0, content_.size());
  wait_for(*read);
  ASSERT_FALSE(*read->result);
  EXPECT_NE(read->result->error().message().find("has been away for"), std::string::npos)
      << read->result->error().message();
}

TEST_F(RemoteDiskTest, EndsWhileItWaitsForItsServer) {
  open();
  server_->set_fault(Fault::kSilent, 1);
  for (int i = 0; i < 20; ++i) submit(random_() % 4000 * 4096, 4096);
  std::this_thread::sleep_for(20ms);
  const auto begun = std::chrono::steady_clock::now();
  disk_.reset();
  EXPECT_LT(std::chrono::steady_clock::now() - begun, 150ms);
}

TEST_F(RemoteDiskTest, TheCacheIsBounded) {
  options_.cache.size = Bytes(3_MiB);
  open();
  for (int i = 0; i < 10; ++i) read_anywhere(20);
  EXPECT_LE(cached_bytes(), 3_MiB + 1_MiB);
  disk_.reset();
  options_.cache.size = Bytes(64_KiB);
  open();  // another image's start makes room
  EXPECT_LE(cached_bytes(), 512_KiB);
}

TEST_F(RemoteDiskTest, DamageInTheCacheIsFetchedAgain) {
  open();
  read_all();
  disk_.reset();
  const FileDescriptor pack(::open(cached_pack().c_str(), O_RDWR | O_CLOEXEC));
  for (off_t at = 1000; at < 4'000'000; at += 300'000) {
    ASSERT_EQ(::pwrite(pack.get(), "damage", 6, at), 6);
  }
  open();
  read_all();
  EXPECT_NE(fetched(), 0u);
  // Also while it is in use: what it has found whole may be a hole the next time.
  ASSERT_EQ(::fallocate(pack.get(), FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, 4'000'000), 0);
  open();
  read_all();
}

TEST_F(RemoteDiskTest, AReplacedImageIsSeenAtTheNextStart) {
  open();
  read_anywhere(5);
  content_ = testing::make_disk(random_, 3000, 1'000'000);
  ASSERT_TRUE(testing::add_disk(*store_, "disk", content_, random_));
  open();
  read_all();
}

// docs/formats/store-cache.md.
TEST(AccessRecord, DecodesThePagesExample) {
  const std::vector<std::uint64_t> words{0x31445244524F524F, 2, 0, 1_MiB};
  const auto bytes = as_bytes(words.data(), words.size() * sizeof words[0]);
  EXPECT_EQ(store::remote::parse_order(bytes), (std::vector<std::uint64_t>{0, 1_MiB}));
  EXPECT_EQ(bytes[0], std::byte{'O'});
  EXPECT_EQ(store::remote::parse_order(bytes.first(30)), (std::vector<std::uint64_t>{0}));
  EXPECT_TRUE(store::remote::parse_order(bytes.first(7)).empty());
}

TEST_F(RemoteDiskTest, TellsWhatIsWrongWithAName) {
  const auto expect = [&](const std::string& path, const std::string& part) {
    options_.path = path;
    const auto opened = open_remote_disk(*loop_, options_);
    ASSERT_FALSE(opened) << path;
    EXPECT_NE(opened.error().message().find(part), std::string::npos) << opened.error().message();
  };
  expect(server_->name("other"), "has no image \"other\"");
  expect("store://127.0.0.1:1/disk", "orrery store serve");
  expect("store:///disk", "write store://HOST:PORT/NAME");
  expect("store://host:port/disk", "write store://HOST:PORT/NAME");
  expect("store://[::1/disk", "write store://HOST:PORT/NAME");
  expect("store://host", "write store://HOST:PORT/NAME");
  expect("store://host/a/b", "is no name here");
}

}  // namespace
}  // namespace orrery::storage
