// `orrery store` as a user meets it.
#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <fstream>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "cli/command.hpp"

namespace orrery::cli {
namespace {

class StoreTest : public ::testing::Test {
 protected:
  void SetUp() override {
    char name[] = "/tmp/orrery-store-cli-XXXXXX";
    ASSERT_NE(::mkdtemp(name), nullptr);
    folder_ = name;
    // 8 MiB of text that does not repeat, with holes, and one that shares most of it.
    shell("seq 1 1200000 | head -c 8M > @one.raw && truncate -s 64M @one.raw");
    shell("cp @one.raw @two.raw && seq 7 100000 | dd of=@two.raw bs=4k seek=512 conv=notrunc");
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  std::string here(std::string text) const {
    for (std::size_t at = text.find('@'); at != std::string::npos; at = text.find('@')) {
      text.replace(at, 1, folder_ + "/");
    }
    return text;
  }
  Outcome run(const std::string& arguments) const { return orrery(here(arguments)); }
  std::string expect_done(const std::string& arguments) const {
    const Outcome outcome = run(arguments);
    EXPECT_EQ(outcome.status, 0) << arguments << ": " << outcome.output;
    return outcome.output;
  }
  void expect_refused(const std::string& arguments, const std::string& part) const {
    const Outcome outcome = run(arguments);
    EXPECT_EQ(outcome.status, 1) << arguments;
    EXPECT_NE(outcome.output.find(part), std::string::npos) << outcome.output;
  }
  void shell(const std::string& command) const {
    ASSERT_EQ(std::system(("(" + here(command) + ") >/dev/null 2>&1").c_str()), 0) << command;
  }
  std::string any_pack() const {
    return std::filesystem::directory_iterator(folder_ + "/store/packs")->path().string();
  }

  std::string folder_;
};

TEST_F(StoreTest, KeepsRawAndQcow2AndGivesThemBack) {
  expect_done("store add @store @one.raw --tag base");
  expect_done("disk create @over.qcow2 --backing one.raw --backing-format raw");
  shell("qemu-io -f qcow2 -c 'write -P 7 3M 1M' @over.qcow2");
  expect_done("store add @store @over.qcow2 --name changed");
  expect_done("store extract @store one @back.raw");
  expect_done("store extract @store changed @back.qcow2");
  shell("cmp @one.raw @back.raw");
  shell("qemu-img compare @over.qcow2 @back.qcow2");
  expect_refused("store extract @store one @back.raw", "--replace");
  expect_refused("store add @store @one.raw", "has an image \"one\" already");
}

TEST_F(StoreTest, SharesWhatIsEqualAndTellsSo) {
  expect_done("store add @store @one.raw");
  const auto added = nlohmann::json::parse(expect_done("store add @store @two.raw --json"));
  EXPECT_LT(added["new_data"], 1 << 20);
  EXPECT_EQ(added["size"], 64 << 20);
  const auto all = nlohmann::json::parse(expect_done("store list @store --json"));
  ASSERT_EQ(all.size(), 2u);
  EXPECT_EQ(all[0]["name"], "one");
  EXPECT_EQ(all[0]["data"], 8 << 20);
}

TEST_F(StoreTest, TagsShowAndRemove) {
  expect_done("store add @store @one.raw --tag base --tag old");
  expect_done("store tag @store one new --remove old");
  const auto shown = nlohmann::json::parse(expect_done("store show @store one --json"));
  EXPECT_EQ(shown["tags"], (nlohmann::json{"base", "new"}));
  EXPECT_EQ(expect_done("store list @store --tag old"), "");
  expect_done("store remove @store one");
  expect_refused("store show @store one", "has no image \"one\"");
  expect_done("store gc @store");
  EXPECT_TRUE(std::filesystem::is_empty(folder_ + "/store/packs"));
}

TEST_F(StoreTest, IsADiskWhereverDisksAreNamed) {
  expect_done("store add @store @one.raw");
  expect_done("disk compare store:@store/one @one.raw");
  expect_done("disk create @over.qcow2 --backing store:store/one");
  expect_done("disk compare @over.qcow2 @one.raw");
  expect_done("disk convert @over.qcow2 @copy.raw");
  shell("cmp @copy.raw @one.raw");
  expect_refused("disk resize store:@store/one 1G", "is only read");
  // The same content added again is the same disk, other content is not.
  expect_done("store add @store @one.raw --replace");
  expect_done("disk compare @over.qcow2 @one.raw");
  expect_done("store add @store @two.raw --name one --replace");
  expect_refused("disk convert @over.qcow2 @copy2.raw", "is not what it was");
}

TEST_F(StoreTest, FindsAndNamesDamage) {
  expect_done("store add @store @one.raw");
  expect_done("store scrub @store");
  shell("printf X | dd of=" + any_pack() + " bs=1 seek=5000 conv=notrunc");
  for (const std::string command : {"store scrub @store", "store verify @store one"}) {
    const Outcome found = run(command);
    EXPECT_EQ(found.status, 2) << command;
    EXPECT_NE(found.output.find("image one, offset "), std::string::npos) << found.output;
  }
  expect_refused("store extract @store one @back.raw", "image one, offset ");
  EXPECT_FALSE(std::filesystem::exists(folder_ + "/back.raw"));
}

TEST_F(StoreTest, CancelLeavesNothingHalfDone) {
  shell("head -c 300M /dev/urandom > @large.raw");
  // Once the first pack is being written, so in the midst of it.
  shell(std::string(ORRERY_BINARY) +
        " store add @store @large.raw & "
        "until [ -e @store/incoming/*.0 ]; do kill -0 $! || exit 9; done; "
        "kill -TERM $!; wait $!; [ $? = 1 ]");
  EXPECT_EQ(expect_done("store list @store"), "");
  expect_done("store gc @store");
  EXPECT_TRUE(std::filesystem::is_empty(folder_ + "/store/packs"));
  EXPECT_TRUE(std::filesystem::is_empty(folder_ + "/store/incoming"));
}

TEST_F(StoreTest, WhatIsNoStoreIsNamed) {
  expect_refused("store list @nowhere", "is no image store");
  shell("mkdir @letters && touch @letters/a");
  expect_refused("store add @letters @one.raw", "holds other files");
  expect_refused("disk info store:one", "names no image");
}

}  // namespace
}  // namespace orrery::cli
