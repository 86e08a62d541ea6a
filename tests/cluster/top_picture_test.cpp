// What `orrery top` shows (cluster/client/top_picture.hpp), and rates between two of a VM's
// figures.
#include "cluster/client/top_picture.hpp"

#include <gtest/gtest.h>

namespace orrery::cluster {
namespace {

using Order = TopPicture::Order;

Json vm(const char* name, const char* state, const char* platform) {
  return {{"name", name},
          {"state", state},
          {"platform", platform},
          {"needs", {{"memory", 1 << 30}, {"cpus", 1}}}};
}

// At so many seconds, that many of them of one processor, and as many MiB written and sent.
Json figures(const char* name, unsigned seconds, unsigned used) {
  constexpr std::uint64_t kSecond = 1'000'000'000;
  return {{"platform", "p"},
          {"vm", name},
          {"taken_ns", seconds * kSecond},
          {"processor_ns", used * kSecond},
          {"resident", std::uint64_t{used} << 20U},
          {"devices",
           {{{"name", "disk0"}, {"out_bytes", std::uint64_t{used} << 20U}},
            {{"name", "net0"}, {"in_bytes", 100 - used}}}}};
}

class TopPictureTest : public ::testing::Test {
 protected:
  TopPictureTest() {
    const Json platform{{"name", "p"},
                        {"state", "ready"},
                        {"vms", 2},
                        {"capacity", {{"memory", 4ULL << 30U}, {"cpus", 2}}},
                        {"allocated", {{"memory", 2ULL << 30U}, {"cpus", 2}}}};
    picture.set(
        Json::array({platform}),
        Json::array({vm("a", "running", "p"), vm("b", "running", "p"), vm("c", "stopped", "")}));
  }
  void take_two() {
    for (const unsigned second : {10U, 12U}) {
      picture.take(figures("a", second, second == 10 ? 1 : 2));
      picture.take(figures("b", second, second == 10 ? 4 : 7));
    }
  }
  // The first words of the lines about machines.
  std::string order(Order by) const {
    std::string names;
    for (const std::string& line : picture.lines(by, 100, 200)) {
      if (line.starts_with("a ") || line.starts_with("b ") || line.starts_with("c ")) {
        names += line.front();
      }
    }
    return names;
  }

  TopPicture picture;
};

TEST_F(TopPictureTest, RatesTakeTwoFigures) {
  EXPECT_FALSE(picture.complete());
  EXPECT_TRUE(picture.json()["vms"][0]["rates"].is_null());
  picture.take(figures("a", 10, 1));
  picture.take(figures("b", 10, 1));
  EXPECT_FALSE(picture.complete());
  picture.take(figures("a", 12, 2));
  EXPECT_FALSE(picture.complete());
  picture.take(figures("b", 12, 2));
  EXPECT_TRUE(picture.complete());
}

TEST_F(TopPictureTest, ShowsWhatIsUsedByWhomAndWhere) {
  take_two();
  const std::vector<std::string> lines = picture.lines(Order::kProcessor, 100, 200);
  ASSERT_EQ(lines.size(), 8u);
  EXPECT_EQ(lines[0], "3 virtual machines, 2 running, 1 stopped");
  EXPECT_EQ(
      lines[3],
      "p         ready  2    2.0 GiB of 4.0 GiB  200.0 of 200  9.0 MiB   2.0 MiB/s  0 bytes/s");
  EXPECT_EQ(
      lines[6],
      "b     running  p         150.0  7.0 MiB   0 bytes/s  1.5 MiB/s    0 bytes/s  0 bytes/s");
  EXPECT_EQ(lines[7].substr(0, 31), "a     running  p         50.0  ");
  const Json json = picture.json();
  EXPECT_EQ(json["platforms"][0]["rates"]["processors"], 2.0);
  EXPECT_EQ(json["vms"][1]["rates"]["disk_out"], 1.5 * (1 << 20));
}

TEST_F(TopPictureTest, IsSortedByWhatIsWanted) {
  EXPECT_EQ(order(Order::kProcessor), "ab");
  take_two();
  EXPECT_EQ(order(Order::kProcessor), "ba");
  EXPECT_EQ(order(Order::kDisk), "ba");
  EXPECT_EQ(order(Order::kMemory), "ba");
  EXPECT_EQ(order(Order::kName), "ab");
}

TEST_F(TopPictureTest, FitsItsScreen) {
  take_two();
  const std::vector<std::string> lines = picture.lines(Order::kName, 7, 20);
  ASSERT_EQ(lines.size(), 7u);
  EXPECT_EQ(lines.back(), "... and 2 lines more");
  for (const std::string& each : lines) EXPECT_LE(each.size(), 20u) << each;
}

TEST_F(TopPictureTest, WhatDoesNotRunAnyMoreHasNoRates) {
  take_two();
  picture.set(Json::array(), Json::array({vm("a", "running", "q"), vm("b", "stopped", "")}));
  EXPECT_TRUE(picture.json()["vms"][0]["rates"].is_null());
  EXPECT_TRUE(picture.json()["vms"][1]["rates"].is_null());
  picture.take(figures("b", 14, 8));  // nobody knows it there
  EXPECT_TRUE(picture.json()["vms"][1]["rates"].is_null());
}

TEST_F(TopPictureTest, ThereIsNoRateAcrossAStart) {
  take_two();
  picture.take(figures("a", 14, 1));
  EXPECT_TRUE(picture.json()["vms"][0]["rates"].is_null());
  picture.take(figures("a", 15, 2));
  EXPECT_EQ(picture.json()["vms"][0]["rates"]["processors"], 1.0);
  picture.forget_figures();
  EXPECT_FALSE(picture.complete());
}

TEST_F(TopPictureTest, WhatIsNoFigureIsNone) {
  picture.take(Json());
  picture.take(Json::array({1}));
  picture.take({{"platform", "p"}, {"vm", "a"}, {"devices", 7}});
  EXPECT_FALSE(picture.complete());
}

}  // namespace
}  // namespace orrery::cluster
