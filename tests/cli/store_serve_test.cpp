// `orrery store serve` as curl and other commands of ours meet it.
#include <cstdlib>
#include <filesystem>

#include <gtest/gtest.h>

#include "cli/command.hpp"
#include "cli/server_process.hpp"

namespace orrery::cli {
namespace {

class StoreServeTest : public ::testing::Test {
 protected:
  void SetUp() override {
    char name[] = "/tmp/orrery-serve-cli-XXXXXX";
    ASSERT_NE(::mkdtemp(name), nullptr);
    folder_ = name;
    ASSERT_EQ(::setenv("XDG_CACHE_HOME", (folder_ + "/cache").c_str(), 1), 0);
    shell("seq 1 1200000 | head -c 8M > @one.raw && truncate -s 64M @one.raw");
    shell(std::string(ORRERY_BINARY) + " store add @store @one.raw --tag base");
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  // '@' is the folder, '%' the server's HOST:PORT.
  std::string here(std::string text) const {
    const auto replace = [&](char sign, const std::string& by) {
      for (std::size_t at = text.find(sign); at != std::string::npos; at = text.find(sign)) {
        text.replace(at, 1, by);
      }
    };
    replace('@', folder_ + "/");
    replace('%', address_);
    return text;
  }
  void shell(const std::string& command) const {
    ASSERT_EQ(std::system(("(set -e; " + here(command) + ") >/dev/null 2>&1").c_str()), 0)
        << here(command);
  }
  Outcome run(const std::string& arguments) const { return orrery(here(arguments)); }
  std::unique_ptr<ServerProcess> serve(const std::string& listen = "127.0.0.1:0") {
    auto server = std::make_unique<ServerProcess>(here("@store --listen " + listen), "store serve",
                                                  "store://");
    address_ = server->plain_uri();
    address_ = address_.substr(8, address_.size() - 9);
    return server;
  }

  std::string folder_;
  std::string address_;
};

TEST_F(StoreServeTest, CurlGetsWhatTheStoreHas) {
  const auto server = serve();
  shell("curl -sf http://%/images | grep -q '\"name\": \"one\"'");
  shell("curl -sf http://%/images/one/content | cmp - @one.raw");
  shell("tail -c +1001 @one.raw | head -c 9000 > @range");
  shell("curl -sf -r 1000-9999 http://%/images/one/content | cmp - @range");
  shell("curl -sf http://%/images/one | cmp - @store/images/one");
  shell(
      "for pack in @store/packs/*; do curl -sf http://%/packs/$(basename $pack) | cmp - $pack; "
      "done");
  shell("curl -sfI http://%/images/one/content | grep -qi 'content-length: 67108864'");
  // Broken off and taken up again.
  shell(
      "head -c 5000000 @one.raw > @part; curl -sf -C - -o @part http://%/images/one/content; cmp "
      "@part @one.raw");
  // One connection, and several at a time.
  shell(
      "curl -sf --parallel --remove-on-error $(for i in 1 2 3 4 5 6 7 8; do echo -o @many$i "
      "http://%/images/one/content; done); cmp @many8 @one.raw");
  shell("curl -s http://%/images/two | grep -q 'no such thing'; ! curl -sf http://%/images/two");
  EXPECT_EQ(server->stop(SIGTERM), 0);
}

TEST_F(StoreServeTest, CommandsReadItsImagesAsDisks) {
  auto server = serve();
  EXPECT_EQ(run("disk compare store://%/one @one.raw").output, "equal\n");
  EXPECT_EQ(run("disk create @over.qcow2 --backing store://%/one").status, 0);
  EXPECT_EQ(run("disk compare @over.qcow2 @one.raw").output, "equal\n");
  // Another content of that name is not taken for the one that the qcow2 was made over.
  shell("seq 5 100000 | dd of=@one.raw conv=notrunc");
  shell(std::string(ORRERY_BINARY) + " store add @store @one.raw --replace");
  const Outcome changed = run("disk compare @over.qcow2 @one.raw");
  EXPECT_NE(changed.status, 0);
  EXPECT_NE(changed.output.find("is not what it was"), std::string::npos) << changed.output;
  EXPECT_EQ(run("disk compare store://%/one @one.raw").output, "equal\n");
  EXPECT_EQ(server->stop(SIGINT), 0);
  const Outcome away = run("disk compare store://%/one @one.raw");
  EXPECT_NE(away.output.find("is `orrery store serve` running there?"), std::string::npos)
      << away.output;
}

TEST_F(StoreServeTest, IsOnlyForThisHostUnlessItIsTold) {
  EXPECT_TRUE(serve()->plain_uri().starts_with("store://127.0.0.1:"));
  EXPECT_NE(orrery(here("store serve @nothing")).status, 0);
  const auto server = serve();
  const Outcome taken = run("store serve @store --listen %");
  EXPECT_EQ(taken.status, 1);
  EXPECT_NE(taken.output.find("cannot bind"), std::string::npos) << taken.output;
}

}  // namespace
}  // namespace orrery::cli
