// Conversations as GDB holds them.
#include "vmm/gdb/session.hpp"

#include <gtest/gtest.h>

#include "base/format.hpp"
#include "support/fake_debug_target.hpp"

namespace orrery::vmm::gdb {
namespace {

using Cause = hypervisor::DebugTrap::Cause;

class SessionTest : public ::testing::Test {
 protected:
  // What comes back for one packet, without its frame.
  std::string ask(std::string_view data) {
    sent.clear();
    session.receive(framed(data));
    return answer();
  }
  std::string answer() const {
    PacketReader reader;
    for (const char byte : sent) {
      const auto arrival = reader.take(static_cast<std::uint8_t>(byte));
      if (!arrival) continue;
      if (const auto* const packet = std::get_if<Packet>(&*arrival)) return packet->data;
    }
    return "none";
  }
  void breaks(unsigned vcpu, std::uint64_t address) {
    sent.clear();
    session.trapped(VcpuId(vcpu), {Cause::kBreakpoint, GuestLinear(address)});
  }

  testing::FakeDebugTarget target;
  std::string sent;
  Session session{target, [this](std::string_view bytes) { sent += bytes; }};
};

TEST_F(SessionTest, TheFirstPacketStopsTheMachine) {
  session.receive("+");
  EXPECT_TRUE(target.running) << "no packet";
  EXPECT_NE(ask("qSupported:swbreak+;hwbreak+").find("vContSupported+"), std::string::npos);
  EXPECT_FALSE(target.running);
  EXPECT_EQ(sent.front(), '+');
  EXPECT_EQ(ask("?"), "T02thread:1;");
  EXPECT_EQ(ask("qfThreadInfo"), "m1,2");
}

TEST_F(SessionTest, AcknowledgementsEndWhenAskedTo) {
  EXPECT_EQ(ask("QStartNoAckMode"), "OK");
  EXPECT_EQ(ask("qC"), "QC1");
  EXPECT_EQ(sent, framed("QC1"));
}

TEST_F(SessionTest, SendsAgainWhatDidNotArrive) {
  EXPECT_EQ(ask("qC"), "QC1");
  sent.clear();
  session.receive("-");
  EXPECT_EQ(sent, framed("QC1"));
  sent.clear();
  session.receive("$qC#00");
  EXPECT_EQ(sent, "-");
}

TEST_F(SessionTest, RegistersOfTheSelectedThread) {
  target.states[1].gpr[0] = 0x42;
  EXPECT_EQ(ask("Hg2"), "OK");
  EXPECT_EQ(ask("p0"), "4200000000000000");
  EXPECT_EQ(ask("P0=4300000000000000"), "OK");
  EXPECT_EQ(target.states[1].gpr[0], 0x43u);
  const std::string all = ask("g");
  EXPECT_EQ(ask("G" + all), "OK");
  EXPECT_EQ(ask("Hg3"), "E16");
  EXPECT_EQ(ask("pffff"), "E16");
  EXPECT_EQ(ask("P0=43"), "E16");
}

TEST_F(SessionTest, Memory) {
  EXPECT_EQ(ask("M1000,2:abcd"), "OK");
  EXPECT_EQ(ask("X1002,2:#$"), "OK");
  EXPECT_EQ(ask("m1000,4"), "abcd2324");
  EXPECT_EQ(ask("m10fe,8").size(), 4u) << "as much as there is";
  EXPECT_EQ(ask("m0,1"), "E0e");
  EXPECT_EQ(ask("M0,1:00"), "E0e");
  EXPECT_EQ(ask("M1000,2:ab"), "E16");
}

TEST_F(SessionTest, TheDescriptionComesInParts) {
  std::string whole;
  std::string part;
  do {
    part = ask(format("qXfer:features:read:target.xml:{:x},100", whole.size()));
    whole += part.substr(1);
  } while (part[0] == 'm');
  EXPECT_EQ(whole.substr(0, 5), "<?xml");
  EXPECT_EQ(whole.substr(whole.size() - 10), "</target>\n");
}

TEST_F(SessionTest, ABreakpointIsToldWithItsThread) {
  ask("qSupported:swbreak+;hwbreak+");
  EXPECT_EQ(ask("Z0,1234,1"), "OK");
  EXPECT_EQ(ask("vCont;c"), "none");
  EXPECT_TRUE(target.running);
  EXPECT_EQ(target.stops.breakpoints, std::vector{GuestLinear(0x1234)});
  breaks(1, 0x1234);
  EXPECT_EQ(answer(), "T05thread:2;swbreak:;");
  EXPECT_FALSE(target.running);
  EXPECT_EQ(ask("z0,1234,1"), "OK");
  ask("c");
  EXPECT_TRUE(target.stops.breakpoints.empty());
}

TEST_F(SessionTest, AWatchpointIsToldWithItsAddress) {
  ask("Z2,5678,8");
  ask("c");
  session.trapped(VcpuId(0), {Cause::kWatchpoint, GuestLinear(0x5678)});
  EXPECT_EQ(answer(), "T05thread:1;watch:5678;");
}

TEST_F(SessionTest, StepsOneThreadAndHoldsTheOther) {
  EXPECT_EQ(ask("vCont;s:2"), "none");
  EXPECT_EQ(target.gone, (std::vector{Go::kStay, Go::kStep}));
  session.trapped(VcpuId(1), {Cause::kStep, GuestLinear(0)});
  EXPECT_EQ(ask("vCont;s:1;c"), "none");
  EXPECT_EQ(target.gone, (std::vector{Go::kStep, Go::kContinue}));
}

TEST_F(SessionTest, ASecondThreadsBreakpointIsToldWhenItsTurnComes) {
  ask("Z0,10,1");
  ask("c");
  breaks(0, 0x10);
  EXPECT_EQ(answer(), "T05thread:1;");
  breaks(1, 0x10);
  EXPECT_EQ(answer(), "none");
  EXPECT_EQ(ask("c"), "T05thread:2;");
  EXPECT_FALSE(target.running);
  EXPECT_EQ(ask("c"), "none");
  EXPECT_TRUE(target.running);
}

TEST_F(SessionTest, ARemovedBreakpointOfASecondThreadIsNot) {
  ask("Z0,10,1");
  ask("c");
  breaks(0, 0x10);
  breaks(1, 0x10);
  ask("z0,10,1");
  EXPECT_EQ(ask("c"), "none");
}

TEST_F(SessionTest, ControlCStopsWhatRuns) {
  ask("c");
  sent.clear();
  session.receive("\x03");
  EXPECT_EQ(answer(), "T02thread:1;");
  EXPECT_FALSE(target.running);
}

TEST_F(SessionTest, WhatTheTargetCannotDoIsSaid) {
  for (const char* const stop : {"Z1,1,1", "Z1,2,1", "Z1,3,1", "Z1,4,1", "Z1,5,1"}) ask(stop);
  EXPECT_EQ(ask("c"), "O" + to_hex(as_bytes("orrery: four are the most\n", 26)));
  EXPECT_NE(sent.find("E16"), std::string::npos);
}

TEST_F(SessionTest, LeavingLetsTheMachineGoOnWithoutStops) {
  ask("Z0,10,1");
  EXPECT_EQ(ask("D"), "OK");
  EXPECT_TRUE(target.running);
  EXPECT_TRUE(target.stops.breakpoints.empty());
  session.receive("+");
  EXPECT_TRUE(target.running);
  ask("?");
  session.disconnected();
  EXPECT_TRUE(target.running);
}

TEST_F(SessionTest, KillEndsTheMachine) {
  ask("k");
  EXPECT_TRUE(target.ended);
}

TEST_F(SessionTest, UnknownPacketsAreAnsweredEmpty) {
  for (const char* const packet : {"!", "vMustReplyEmpty", "qTStatus", "QNonStop:1", "Z9,0,0"}) {
    EXPECT_EQ(ask(packet), "") << packet;
  }
}

}  // namespace
}  // namespace orrery::vmm::gdb
