// Messages between agent and panel: the page's examples, and anything else.
#include <gtest/gtest.h>

#include "cluster/link/message.hpp"
#include "support/format_page.hpp"

namespace orrery::cluster::link {
namespace {

std::string without_end(std::string text) {
  while (text.ends_with('\n')) text.pop_back();
  return text;
}

Figures some_figures() {
  return {
      .vm = "web-1",
      .figures = {
          .taken_ns = 5'000'000'000,
          .processor_ns = 2'000'000'000,
          .resident = 67'108'864,
          .devices = {{.name = "disk0", .in = 3, .in_bytes = 12288, .out = 1, .out_bytes = 512}}}};
}

TEST(Link, TheExamplesOfItsPageAreTrue) {
  EXPECT_EQ(to_text(some_figures()),
            without_end(format_json_example("panel-link.md", "Example of figures")));
  Report report;
  report.vms.push_back(
      {.vm = "web-1",
       .epoch = 3,
       .guest = GuestFacts{.hypervisor = "soft",
                           .models = {{"disk0", "remote", "10.0.0.5:8471", true}}}});
  EXPECT_EQ(to_text(report),
            without_end(format_json_example("panel-link.md", "Example of a report")));
  Assign assign;
  assign.vms.push_back({.vm = "web-1",
                        .epoch = 3,
                        .desired = {.power = Power::kOn, .resets = 1},
                        .options = {{"kernel", {"vmlinuz"}}},
                        .move = {.number = 2, .device = "disk0", .server = "10.0.0.6"}});
  EXPECT_EQ(to_text(assign),
            without_end(format_json_example("panel-link.md", "Example of an assignment")));
}

TEST(Link, EveryMessageComesBackAsItWas) {
  Hello hello;
  hello.facts.capacity = {.memory = Bytes(1_GiB), .cpus = 2};
  hello.facts.hypervisors = {{.kind = "soft", .version = "1", .abilities = {"counted"}}};
  hello.facts.labels = {{"rack", "p"}};
  Report report;
  report.vms.push_back(
      {.vm = "a",
       .epoch = 1,
       .state = VmState::kPaused,
       .ended = true,
       .failed = true,
       .kept = true,
       .refused = "why not",
       .detail = "why",
       .guest = GuestFacts{.hypervisor = "kvm", .models = {{"disk0", "remote", "s:1", false}}},
       .moves = 4,
       .not_moved = "no"});
  Assign assign;
  assign.vms.push_back({.vm = "a",
                        .epoch = 2,
                        .desired = {.force = true, .suspend = true, .paused = true},
                        .options = {{"disk", {"x", "y"}}},
                        .resume = true,
                        .move = {.number = 5, .device = "disk0", .server = "s"}});
  for (const Message& message :
       {Message(hello), Message(Welcome{.lease = std::chrono::seconds(10)}), Message(Alive{}),
        Message(report), Message(assign), Message(Revoke{.vm = "a", .epoch = 7}),
        Message(OpenConsole{.vm = "a", .console = "c", .use = ConsoleUse::kLog}),
        Message(Measure{}), Message(some_figures())}) {
    const auto parsed = parse_message(to_text(message));
    ASSERT_TRUE(parsed) << to_text(message);
    EXPECT_EQ(parsed->index(), message.index());
    EXPECT_EQ(to_text(*parsed), to_text(message));
  }
}

TEST(Link, WhatIsNoMessageIsAnErrorAndWhatIsMissingIsAtItsDefault) {
  for (const char* const text : {"", "[]", "{}", R"({"type": 1})", R"({"type": "dance"})"}) {
    EXPECT_FALSE(parse_message(text)) << text;
  }
  const auto parsed = parse_message(R"({"type": "report", "vms": [1, {"epoch": -1}], "x": 2})");
  ASSERT_TRUE(parsed);
  const auto& vms = std::get<Report>(*parsed).vms;
  ASSERT_EQ(vms.size(), 2u);
  EXPECT_EQ(vms[1].epoch, 0u);
}

}  // namespace
}  // namespace orrery::cluster::link
