// Leases of disks: their bytes, and who gets one (storage/lease/).
#include "storage/lease/lease.hpp"

#include <filesystem>
#include <fstream>

#include <gtest/gtest.h>

#include "storage/disk_image.hpp"
#include "storage/lease/lease_keeper.hpp"
#include "storage/lease/memory_leases.hpp"
#include "support/format_page.hpp"
#include "support/temporary_folder.hpp"

namespace orrery::storage {
namespace {

using std::chrono::milliseconds;
using testing::lease_owner;

class LeaseTest : public ::testing::Test {
 protected:
  static constexpr milliseconds kDuration{8000};

  LeaseTaker taker(unsigned host) { return {folder_, clock_, lease_owner(host), kDuration}; }
  Lease taken(unsigned host) {
    LeaseTaker taker = this->taker(host);
    auto step = taker.step();
    EXPECT_TRUE(step && step->lease) << "host " << host;
    return std::move(*step->lease);
  }

  std::shared_ptr<testing::LeaseFiles> files_ = std::make_shared<testing::LeaseFiles>();
  testing::MemoryLeaseFolder folder_{files_};
  testing::MemoryLeaseFolder other_{files_};
  testing::SetClock clock_;
};

TEST(LeaseRecord, ExampleOfTheFormatPage) {
  auto bytes = format_example("disk-lease.md", "Example");
  ASSERT_EQ(bytes.size(), 144u + 4u);
  const std::vector<std::byte> checksum(bytes.end() - 4, bytes.end());
  bytes.resize(144);
  bytes.resize(508);
  bytes.insert(bytes.end(), checksum.begin(), checksum.end());
  const auto record = parse_lease(bytes);
  ASSERT_TRUE(record) << record.error().message();
  EXPECT_EQ(record->state, LeaseRecord::State::kHeld);
  EXPECT_EQ(record->token, 3u);
  EXPECT_EQ(record->beats, 17u);
  EXPECT_EQ(record->duration, std::chrono::seconds(60));
  EXPECT_EQ(record->process, 4711u);
  EXPECT_EQ(record->host, "host-7");
  EXPECT_EQ(describe(*record),
            "host-7 (process 4711), since 2023-11-14 22:13:20 UTC, renewed 2023-11-14 22:16:10 "
            "UTC, token 3");
  EXPECT_EQ(format_dump(to_bytes(*record)), format_dump(bytes));
}

TEST(LeaseRecord, DamageIsNoticed) {
  LeaseRecord record;
  record.token = 5;
  record.duration = kUsualLease;
  record.host = std::string(100, 'h');
  const LeaseBytes bytes = to_bytes(record);
  EXPECT_EQ(parse_lease(bytes)->host.size(), LeaseRecord::kMostHost);
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    LeaseBytes other = bytes;
    other[i] ^= std::byte{4};
    EXPECT_FALSE(parse_lease(other)) << "byte " << i;
  }
  EXPECT_FALSE(parse_lease(ByteSpan(bytes).first(511)));
}

TEST_F(LeaseTest, TheFirstOneGetsIt) {
  Lease lease = taken(1);
  EXPECT_EQ(lease.record().token, 1u);
  EXPECT_TRUE(lease.may_write());
  EXPECT_TRUE(lease.renew());
  EXPECT_EQ(newest_lease(folder_).value()->beats, 1u);
}

TEST_F(LeaseTest, AnOwnerThatIsHeardOfKeepsIt) {
  Lease lease = taken(1);
  LeaseTaker second(other_, clock_, lease_owner(2), kDuration);
  auto step = second.step();
  ASSERT_TRUE(step && step->ask_again);
  EXPECT_NE(step->owner.find("host-1"), std::string::npos) << step->owner;
  clock_.time += kDuration / 6;
  ASSERT_TRUE(lease.renew());
  step = second.step();
  ASSERT_TRUE(step && step->in_use);
  EXPECT_EQ(step->in_use->host, "host-1");
}

TEST_F(LeaseTest, OneThatIsSilentLosesItAfterALittleMoreThanItsDuration) {
  Lease lease = taken(1);
  const Moment began = clock_.time;
  LeaseTaker second(other_, clock_, lease_owner(2), kDuration);
  auto step = second.step();
  while (step && step->ask_again) {
    EXPECT_GT(*step->ask_again, clock_.time);
    clock_.time = *step->ask_again;
    EXPECT_TRUE(lease.may_write() || clock_.time >= began + kDuration * 2 / 3);
    step = second.step();
  }
  ASSERT_TRUE(step && step->lease);
  EXPECT_EQ(step->lease->record().token, 2u);
  EXPECT_EQ(clock_.time - began, kDuration + kDuration / 8);
  EXPECT_FALSE(lease.may_write());
  EXPECT_FALSE(lease.renew());
}

TEST_F(LeaseTest, NobodyWaitsForOneThatWasGivenBackOrForAProcessOfTheSameBoot) {
  Lease lease = taken(1);
  ASSERT_TRUE(lease.release());
  Lease second = taken(2);
  EXPECT_EQ(second.record().token, 2u);
  EXPECT_EQ(taken(2).record().token, 3u);
  // The one before stays for those who look just now, older ones go.
  EXPECT_EQ(files_->size(), 2u);
}

TEST_F(LeaseTest, ARenewalThatTookTooLongIsNone) {
  Lease lease = taken(1);
  folder_.before_write = [this] { clock_.time += kDuration; };
  EXPECT_FALSE(lease.renew());
  EXPECT_FALSE(lease.may_write());
}

TEST_F(LeaseTest, WhoSleptWhileOthersCameAndWentGetsNone) {
  ASSERT_TRUE(taken(1).release());
  // It has seen that token 1 is over, and makes token 2 after that was made and removed.
  other_.before_create = [this] {
    (*files_)[3] = (*files_)[4] = (*files_)[1];
    files_->erase(1);
  };
  LeaseTaker late(other_, clock_, lease_owner(2), kDuration);
  const auto step = late.step();
  ASSERT_TRUE(step);
  EXPECT_FALSE(step->lease);
  EXPECT_FALSE(files_->contains(2));
  EXPECT_TRUE(files_->contains(4));
}

TEST_F(LeaseTest, ADamagedOneIsWaitedForAsLongAsAnyMayLast) {
  (*files_)[7] = std::vector<std::byte>(100);
  LeaseTaker second = taker(2);
  ASSERT_TRUE(second.step()->ask_again);
  clock_.time += kLongestLease;
  EXPECT_FALSE(second.step()->lease);
  clock_.time += kLongestLease / 8;
  const auto step = second.step();
  ASSERT_TRUE(step && step->lease);
  EXPECT_EQ(step->lease->record().token, 8u);
}

TEST_F(LeaseTest, ABrokenOneIsFreeAndItsOwnerWritesNoMore) {
  Lease lease = taken(1);
  ASSERT_TRUE(break_lease(other_, clock_, lease_owner(5)));
  EXPECT_EQ(taken(2).record().token, 3u);
  EXPECT_FALSE(lease.renew());
  EXPECT_FALSE(lease.may_write());
}

// With files, threads and the kernel's timers.
class LeaseKeeperTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::ofstream(path_) << std::string(4096, 'x');
    ASSERT_TRUE(make_lease(path_, std::chrono::seconds(2)));
  }
  std::unique_ptr<LeaseKeeper> take() const {
    auto keeper = LeaseKeeper::take(path_);
    EXPECT_TRUE(keeper) << keeper.error().message();
    return std::move(*keeper);
  }
  LeaseRecord newest() const {
    return newest_lease(*open_lease_folder(path_).value()).value().value();
  }

  testing::TemporaryFolder folder_;
  const std::string path_ = folder_.path("disk");
};

TEST_F(LeaseKeeperTest, IsRenewedAndGivenBack) {
  auto keeper = take();
  EXPECT_TRUE(keeper->begin_write());
  keeper->end_write();
  while (newest().beats < 2) std::this_thread::yield();
  EXPECT_EQ(newest().state, LeaseRecord::State::kHeld);
  EXPECT_EQ(newest().token, 2u);
  keeper.reset();
  EXPECT_EQ(newest().state, LeaseRecord::State::kReleased);
}

TEST_F(LeaseKeeperTest, OneThatWasTakenOverWritesNoMore) {
  const auto first = take();
  const auto second = take();  // of the same boot, for which the file's lock speaks
  while (first->begin_write()) {
    first->end_write();
    std::this_thread::yield();
  }
  EXPECT_TRUE(second->begin_write());
  second->end_write();
  EXPECT_EQ(newest().token, 3u);
}

TEST_F(LeaseKeeperTest, ADiskIsWrittenOnlyWhileItsLeaseLasts) {
  const auto loop = EventLoop::create().value();
  DiskOptions options;
  options.path = path_;
  options.lease = true;
  options.lease_duration = std::chrono::seconds(2);
  auto disk = open_disk(*loop, options);
  ASSERT_TRUE(disk) << disk.error().message();
  std::vector<std::byte> sector(512, std::byte{'y'});
  const auto request = [&](port::BlockRequest::Kind kind) {
    port::BlockRequest request;
    request.kind = kind;
    request.length = sector.size();
    request.buffers = {sector};
    std::optional<Result<>> result;
    (*disk)->submit(std::move(request), [&](Result<> done) { result = std::move(done); });
    while (!result) loop->poll();
    return *result;
  };
  EXPECT_TRUE(request(port::BlockRequest::Kind::kWrite));
  const auto thief = take();
  while (request(port::BlockRequest::Kind::kWrite)) {
  }
  EXPECT_TRUE(request(port::BlockRequest::Kind::kRead));
  bool done = false;
  (*disk)->resize(Bytes(8192), [&](Result<> resized) {
    EXPECT_FALSE(resized);
    done = true;
  });
  while (!done) loop->poll();
  EXPECT_EQ(std::filesystem::file_size(path_), 4096u);
}

TEST_F(LeaseKeeperTest, IsTheDisksWhateverOpensIt) {
  const auto loop = EventLoop::create().value();
  DiskOptions options;
  options.path = path_;
  // Somebody of another host, who is gone.
  const auto folder = open_lease_folder(path_).value();
  testing::SetClock clock;
  LeaseTaker foreign(*folder, clock, lease_owner(77));
  ASSERT_TRUE(foreign.step()->lease);
  options.read_only = true;
  const auto reading = open_disk(*loop, options);
  ASSERT_FALSE(reading);
  EXPECT_NE(reading.error().message().find("host-77"), std::string::npos)
      << reading.error().message();
  options.read_only = false;
  auto writing = open_disk(*loop, options);  // waits for 2.25 s
  ASSERT_TRUE(writing) << writing.error().message();
  EXPECT_EQ(newest().token, 3u);
  writing->reset();
  options.read_only = true;
  EXPECT_TRUE(open_disk(*loop, options));
}

TEST_F(LeaseKeeperTest, ErrorsSayWhatToDo) {
  const auto other = make_lease(path_, std::chrono::seconds(3));
  ASSERT_FALSE(other);
  EXPECT_NE(other.error().message().find("of 2 s already"), std::string::npos)
      << other.error().message();
  EXPECT_TRUE(make_lease(path_, {}));
  const auto loop = EventLoop::create().value();
  DiskOptions options;
  options.path = path_;
  options.lease = options.read_only = true;
  const auto reading = open_disk(*loop, options);
  ASSERT_FALSE(reading);
  EXPECT_NE(reading.error().message().find("leave it away"), std::string::npos)
      << reading.error().message();
}

}  // namespace
}  // namespace orrery::storage
