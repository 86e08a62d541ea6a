// Uploading images to a server over links that fail (store/remote/upload.hpp).
#include "store/remote/upload.hpp"

#include <future>

#include <gtest/gtest.h>

#include "storage/store/faulty_server.hpp"
#include "store/collect.hpp"
#include "store/disks.hpp"
#include "support/temporary_folder.hpp"

namespace orrery::store::remote {
namespace {

using testing::DiskBytes;
using testing::Fault;
using testing::FaultyServer;

constexpr std::string_view kToken = "0123456789abcdef0123";

std::unique_ptr<serve::Uploads> uploads_to(const std::string& folder) {
  auto tokens = serve::Tokens::parse(format("ann {}\nben {}x\n", kToken, kToken));
  EXPECT_TRUE(tokens) << tokens.error().message();
  return std::make_unique<serve::Uploads>(
      std::move(*tokens),
      serve::Uploads::Outside{.open = [folder] { return Store::open(host_files(folder)); }});
}

class UploadTest : public ::testing::Test {
 protected:
  void SetUp() override {
    here_ = Store::create(host_files(folder_.path("here"))).value();
    there_ = Store::create(host_files(folder_.path("there"))).value();
    disk_ = testing::make_disk(random_, 3000, 2000);
    add(*here_, "new", disk_);
    // Half of it is there already, in another image.
    const DiskBytes half(disk_.begin(), disk_.begin() + static_cast<std::ptrdiff_t>(1500 * kBlock));
    add(*there_, "old", half);
    start();
  }
  void start(bool takes = true) {
    server_.reset();
    server_ = std::make_unique<FaultyServer>(folder_.path("there"), 0,
                                             takes ? uploads_to(folder_.path("there")) : nullptr);
  }
  void add(Store& store, const std::string& name, const DiskBytes& disk) {
    const auto added = testing::add_disk(store, name, disk, random_);
    ASSERT_TRUE(added) << added.error().message();
  }

  static UploadOptions usual() {
    UploadOptions options;
    options.name = "new";
    options.token = kToken;
    options.times.silence = std::chrono::milliseconds(300);
    options.pause = std::chrono::milliseconds(1);
    return options;
  }
  Result<UploadReport> upload(const UploadOptions& options, const Progress& progress = {}) {
    const auto image = Image::open(*here_, "new", {}).value();
    const auto interrupt = Interrupt::create().value();
    const auto server = find_tcp_server("127.0.0.1", std::to_string(server_->port())).value();
    return upload_image(*image, server, *interrupt, options, progress);
  }
  void expect_there(const std::string& name) {
    const auto disk = testing::read_disk(*there_, name);
    ASSERT_TRUE(disk) << disk.error().message();
    EXPECT_EQ(*disk, disk_);
  }
  std::size_t incoming() { return there_->files().list(kIncoming)->size(); }

  std::mt19937_64 random_{3};
  testing::TemporaryFolder folder_;
  std::unique_ptr<Store> here_;
  std::unique_ptr<Store> there_;
  DiskBytes disk_;
  std::unique_ptr<FaultyServer> server_;
};

TEST_F(UploadTest, SendsWhatIsNotThereYet) {
  const auto first = upload(usual());
  ASSERT_TRUE(first) << first.error().message();
  expect_there("new");
  EXPECT_EQ(first->size, disk_.size());
  EXPECT_GT(first->sent_segments, 0u);
  EXPECT_LT(first->sent_segments, first->segments * 3 / 4);
  UploadOptions again = usual();
  again.name = "again";
  again.tags = {"base"};
  const auto second = upload(again);
  ASSERT_TRUE(second) << second.error().message();
  EXPECT_EQ(second->sent_segments, 0u);
  EXPECT_LT(second->sent, first->sent / 4);
  expect_there("again");
  EXPECT_EQ(there_->read_manifest("again")->tags, std::vector<std::string>{"base"});
  EXPECT_EQ(there_->read_manifest("again")->content, here_->read_manifest("new")->content);
  EXPECT_EQ(incoming(), 0u);
}

TEST_F(UploadTest, ReplacesOnlyWhereThatIsMeant) {
  UploadOptions options = usual();
  options.name = "old";
  auto done = upload(options);
  ASSERT_FALSE(done);
  EXPECT_NE(done.error().message().find("there is an image \"old\" already"), std::string::npos)
      << done.error().message();
  options.replace = true;
  done = upload(options);
  ASSERT_TRUE(done) << done.error().message();
  expect_there("old");
}

TEST_F(UploadTest, GoesOnWhereItWasInterrupted) {
  const auto whole = [&] {
    UploadOptions options = usual();
    options.name = "whole";
    return upload(options);
  };
  std::uint64_t left = 2;  // reports of progress
  const auto first = upload(usual(), [&](std::uint64_t, std::uint64_t) { return left-- != 0; });
  ASSERT_FALSE(first);
  EXPECT_GT(incoming(), 0u) << "the server keeps what it has";
  const auto second = upload(usual());
  ASSERT_TRUE(second) << second.error().message();
  expect_there("new");
  EXPECT_EQ(incoming(), 0u);
  // All that was not there: what an upload in one go would have sent, without what the first one
  // did.
  EXPECT_LT(second->sent, std::uint64_t{1} << 30);
  EXPECT_EQ(whole()->sent_segments, 0u);
}

TEST_F(UploadTest, GetsThroughALinkThatFails) {
  for (const Fault fault : {Fault::kCut, Fault::kNonsense, Fault::kBusy, Fault::kSilent}) {
    SCOPED_TRACE(static_cast<int>(fault));
    start();
    const unsigned most = fault == Fault::kSilent ? 2 : 6;
    server_->set_fault(fault, 2, most);
    UploadOptions options = usual();
    options.name = format("new-{}", static_cast<int>(fault));
    const auto done = upload(options);
    ASSERT_TRUE(done) << done.error().message();
    EXPECT_GT(server_->faults(), 0u);
    expect_there(options.name);
    EXPECT_EQ(incoming(), 0u);
  }
}

TEST_F(UploadTest, GivesUpOnAServerThatStaysAway) {
  UploadOptions options = usual();
  options.patience = std::chrono::milliseconds(50);
  const std::uint16_t port = server_->port();
  server_.reset();
  const auto image = Image::open(*here_, "new", {}).value();
  const auto interrupt = Interrupt::create().value();
  const auto server = find_tcp_server("127.0.0.1", std::to_string(port)).value();
  const auto done = upload_image(*image, server, *interrupt, options, {});
  ASSERT_FALSE(done);
  EXPECT_NE(done.error().message().find("the same command goes on"), std::string::npos)
      << done.error().message();
}

TEST_F(UploadTest, NeedsATokenThatTheServerKnows) {
  UploadOptions options = usual();
  options.token = "another one";
  auto done = upload(options);
  ASSERT_FALSE(done);
  EXPECT_NE(done.error().message().find("a token of this server is needed"), std::string::npos)
      << done.error().message();
  start(false);
  done = upload(usual());
  ASSERT_FALSE(done);
  EXPECT_NE(done.error().message().find("--upload-tokens"), std::string::npos)
      << done.error().message();
}

// Several at a time, of the same segments, while the store is collected.
TEST_F(UploadTest, SeveralAtOnceWithCollections) {
  std::vector<std::future<Result<UploadReport>>> uploads;
  for (int i = 0; i < 4; ++i) {
    uploads.push_back(std::async(std::launch::async, [this, i] {
      UploadOptions options = usual();
      options.times.silence = std::chrono::seconds(30);
      options.name = format("new-{}", i);
      return upload(options);
    }));
  }
  ASSERT_TRUE(there_->remove("old"));
  for (int i = 0; i < 5; ++i) {
    const auto store = Store::open(host_files(folder_.path("there"))).value();
    const auto collected = collect(*store, {}, {});
    ASSERT_TRUE(collected) << collected.error().message();
  }
  for (auto& each : uploads) {
    const auto done = each.get();
    EXPECT_TRUE(done) << done.error().message();
  }
  for (int i = 0; i < 4; ++i) expect_there(format("new-{}", i));
}

}  // namespace
}  // namespace orrery::store::remote
