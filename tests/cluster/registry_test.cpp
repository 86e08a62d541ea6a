// What the registry does with VMs, platforms and users, on every kind of database.
#include "cluster/registry/registry.hpp"

#include <gtest/gtest.h>

#include "cluster/cluster_fixture.hpp"
#include "cluster/databases.hpp"
#include "cluster/link/message.hpp"
#include "cluster/registry/keys.hpp"
#include "cluster/registry/upkeep.hpp"

namespace orrery::cluster {
namespace {

using namespace std::chrono_literals;
using testing::kRoot;
using Kind = Refusal::Kind;

class RegistryTest : public ::testing::TestWithParam<testing::DatabaseKind> {
 protected:
  RegistryTest() : database_(GetParam().open(folder_.path("")).value()), cluster_(*database_) {}

  template <typename T>
  static void expect_refusal(const Outcome<T>& outcome, Kind kind, const std::string& part) {
    ASSERT_FALSE(outcome);
    EXPECT_EQ(outcome.error().kind, kind) << outcome.error().message;
    EXPECT_NE(outcome.error().message.find(part), std::string::npos) << outcome.error().message;
  }
  void start(const std::string& name) { ASSERT_TRUE(vms_.start(kRoot, name)); }
  Verdict report(const std::string& platform, const std::string& vm, std::uint64_t epoch,
                 VmState state) {
    return vms_.report(platform, {.vm = vm, .epoch = epoch, .state = state}).value();
  }
  Verdict report_end(const std::string& platform, const std::string& vm, std::uint64_t epoch,
                     bool failed) {
    return vms_
        .report(platform,
                {.vm = vm, .epoch = epoch, .ended = true, .failed = failed, .detail = "why"})
        .value();
  }
  std::vector<std::string> events() const {
    std::vector<std::string> kinds;
    const auto records = database_->list(keys::kEvents, "", SIZE_MAX).value();
    for (const Record& record : records) {
      kinds.push_back(text_field(parse_object(record.value), "kind"));
    }
    return kinds;
  }

  const testing::TemporaryFolder folder_;
  std::unique_ptr<Database> database_;
  testing::Cluster cluster_;
  Vms& vms_ = cluster_.vms;
};

TEST_P(RegistryTest, AVmGoesThroughItsLife) {
  cluster_.add_platform("p");
  cluster_.add_vm("a");
  expect_refusal(vms_.create(kRoot, "a", {}), Kind::kConflict, "already");
  expect_refusal(vms_.create(kRoot, "A b", {}), Kind::kInvalid, "no name");
  expect_refusal(vms_.reset(kRoot, "a"), Kind::kConflict, "stopped");
  start("a");
  EXPECT_EQ(cluster_.vm("a").owner, "p");
  EXPECT_EQ(cluster_.vm("a").epoch, 1u);
  EXPECT_EQ(cluster_.vm("a").state, VmState::kStarting);
  EXPECT_EQ(cluster_.platform("p").allocated, (Resources{Bytes(1_GiB), 1}));
  EXPECT_EQ(report("p", "a", 1, VmState::kRunning), Verdict::kTaken);
  EXPECT_EQ(cluster_.vm("a").state, VmState::kRunning);
  expect_refusal(vms_.remove(kRoot, "a", {}), Kind::kConflict, "running");
  expect_refusal(vms_.change(kRoot, "a", {}, {}), Kind::kConflict, "running");
  ASSERT_TRUE(vms_.reset(kRoot, "a"));
  EXPECT_EQ(cluster_.vm("a").desired.resets, 1u);
  ASSERT_TRUE(vms_.pause(kRoot, "a"));
  EXPECT_TRUE(cluster_.vm("a").desired.paused);
  ASSERT_TRUE(vms_.stop(kRoot, "a", Vms::Stop::kPowerButton));
  EXPECT_EQ(cluster_.vm("a").state, VmState::kStopping);
  EXPECT_EQ(report("p", "a", 1, VmState::kRunning), Verdict::kTaken);
  EXPECT_EQ(cluster_.vm("a").state, VmState::kStopping);
  expect_refusal(vms_.start(kRoot, "a"), Kind::kConflict, "wait");
  EXPECT_EQ(report_end("p", "a", 1, true), Verdict::kTaken);
  EXPECT_EQ(cluster_.vm("a").state, VmState::kStopped);
  EXPECT_EQ(cluster_.vm("a").owner, "");
  EXPECT_EQ(cluster_.platform("p").allocated, Resources{});
  EXPECT_EQ(cluster_.platform("p").vms, 0u);
  ASSERT_TRUE(vms_.remove(kRoot, "a", {}));
  expect_refusal(cluster_.registry.vm("a"), Kind::kNotFound, "no virtual machine a");
  EXPECT_EQ(events(), (std::vector<std::string>{"joined", "ready", "created", "assigned", "running",
                                                "reset", "pause", "stop", "stopped", "removed"}));
}

TEST_P(RegistryTest, ADeviceModelMovesWhereItsVmSaysThatItDid) {
  cluster_.add_platform("p");
  cluster_.add_vm("a");
  expect_refusal(vms_.move_device(kRoot, "a", "disk0", "s2"), Kind::kConflict, "stopped");
  start("a");
  const GuestFacts at_s1{
      .hypervisor = "soft",
      .models = {{"serial0", "serial", "", true}, {"disk0", "remote", "s1:1", true}}};
  VmReport report{.vm = "a", .epoch = 1, .guest = at_s1};
  EXPECT_EQ(vms_.report("p", report), Verdict::kTaken);
  EXPECT_EQ(cluster_.vm("a").guest, at_s1);
  EXPECT_EQ(cluster_.vm("a").running_since, cluster_.registry.now());
  expect_refusal(vms_.move_device(kRoot, "a", "disk0", "s2,s3"), Kind::kInvalid, "target");
  expect_refusal(vms_.move_device(kRoot, "a", "disk7", "s2"), Kind::kNotFound, "disk7");
  expect_refusal(vms_.move_device(kRoot, "a", "serial0", "s2"), Kind::kConflict, "in the process");
  ASSERT_TRUE(vms_.move_device(kRoot, "a", "disk0", "nowhere"));
  EXPECT_TRUE(cluster_.vm("a").move.under_way());
  EXPECT_EQ(link::assignment_of(cluster_.vm("a")).move.number, 1u);
  expect_refusal(vms_.move_device(kRoot, "a", "disk0", "s2"), Kind::kConflict, "on its way");
  report.moves = 1;
  report.not_moved = "nobody is there";
  EXPECT_EQ(vms_.report("p", report), Verdict::kTaken);
  EXPECT_EQ(cluster_.vm("a").move.state, DeviceMove::State::kRefused);
  EXPECT_EQ(cluster_.vm("a").move.detail, "nobody is there");
  EXPECT_EQ(link::assignment_of(cluster_.vm("a")).move.number, 0u);
  ASSERT_TRUE(vms_.move_device(kRoot, "a", "disk0", "s2"));
  EXPECT_EQ(vms_.report("p", report), Verdict::kTaken);  // of the one before
  EXPECT_TRUE(cluster_.vm("a").move.under_way());
  report.guest->models[1].server = "s2:1";
  report.moves = 2;
  report.not_moved = "";
  EXPECT_EQ(vms_.report("p", report), Verdict::kTaken);
  EXPECT_EQ(cluster_.vm("a").move.state, DeviceMove::State::kDone);
  EXPECT_EQ(cluster_.vm("a").guest.models[1].server, "s2:1");
  ASSERT_TRUE(vms_.move_device(kRoot, "a", "disk0", "s1"));
  EXPECT_EQ(report_end("p", "a", 1, false), Verdict::kTaken);
  EXPECT_EQ(cluster_.vm("a").move.state, DeviceMove::State::kRefused);
  EXPECT_EQ(cluster_.vm("a").guest, GuestFacts{});
  const std::vector<std::string> all = events();
  EXPECT_EQ(std::vector<std::string>(all.begin() + 4, all.end()),
            (std::vector<std::string>{"running", "move", "not moved", "move", "device", "moved",
                                      "move", "stopped"}));
}

TEST_P(RegistryTest, ASuspendedVmGoesOnWhereItsStateIs) {
  cluster_.add_platform("p");
  cluster_.add_platform("q");
  cluster_.add_vm("a");
  expect_refusal(vms_.suspend(kRoot, "a"), Kind::kConflict, "stopped");
  start("a");
  const std::string owner = cluster_.vm("a").owner;
  EXPECT_EQ(report(owner, "a", 1, VmState::kRunning), Verdict::kTaken);
  ASSERT_TRUE(vms_.suspend(kRoot, "a"));
  EXPECT_EQ(cluster_.vm("a").state, VmState::kSuspending);
  EXPECT_EQ(vms_.report(owner, {.vm = "a", .epoch = 1, .refused = "no room"}), Verdict::kTaken);
  EXPECT_EQ(cluster_.vm("a").state, VmState::kRunning);
  EXPECT_EQ(cluster_.vm("a").detail, "cannot be suspended: no room");
  EXPECT_EQ(cluster_.vm("a").desired.power, Power::kOn);
  ASSERT_TRUE(vms_.suspend(kRoot, "a"));
  const VmReport kept{.vm = "a", .epoch = 1, .ended = true, .kept = true};
  EXPECT_EQ(vms_.report(owner, kept), Verdict::kTaken);
  EXPECT_EQ(cluster_.vm("a").state, VmState::kSuspended);
  EXPECT_EQ(cluster_.vm("a").suspended_on, owner);
  EXPECT_EQ(cluster_.platform(owner).vms, 0u);
  expect_refusal(vms_.change(kRoot, "a", {}, {}), Kind::kConflict, "resume it");
  expect_refusal(vms_.remove(kRoot, "a", {}), Kind::kConflict, "resume it");
  expect_refusal(vms_.stop(kRoot, "a", Vms::Stop::kPowerButton), Kind::kConflict, "force");
  EXPECT_EQ(vms_.report(owner, kept), Verdict::kTaken) << "an agent that connects tells it again";

  ASSERT_TRUE(vms_.resume(kRoot, "a"));
  EXPECT_EQ(cluster_.vm("a").owner, owner);
  EXPECT_TRUE(link::assignment_of(cluster_.vm("a")).resume);
  EXPECT_EQ(vms_.report(owner, kept), Verdict::kTaken) << "it is what the VM goes on from";
  EXPECT_EQ(report(owner, "a", 2, VmState::kRunning), Verdict::kTaken);
  EXPECT_EQ(cluster_.vm("a").suspended_on, "");
  EXPECT_EQ(report_end(owner, "a", 2, false), Verdict::kTaken);
  EXPECT_EQ(cluster_.vm("a").state, VmState::kStopped);
}

TEST_P(RegistryTest, WhatIsGivenUpIsNobodys) {
  cluster_.add_platform("p");
  cluster_.add_vm("a");
  start("a");
  EXPECT_EQ(report("p", "a", 1, VmState::kRunning), Verdict::kTaken);
  ASSERT_TRUE(vms_.suspend(kRoot, "a"));
  const VmReport kept{.vm = "a", .epoch = 1, .ended = true, .kept = true};
  EXPECT_EQ(vms_.report("p", kept), Verdict::kTaken);
  ASSERT_TRUE(vms_.stop(kRoot, "a", Vms::Stop::kAtOnce));
  EXPECT_EQ(cluster_.vm("a").state, VmState::kStopped);
  EXPECT_EQ(vms_.report("p", kept), Verdict::kNotOwned);
  // One that cannot go on keeps its state, and says why.
  start("a");
  EXPECT_EQ(report("p", "a", 2, VmState::kRunning), Verdict::kTaken);
  ASSERT_TRUE(vms_.suspend(kRoot, "a"));
  EXPECT_EQ(vms_.report("p", {.vm = "a", .epoch = 2, .ended = true, .kept = true}),
            Verdict::kTaken);
  ASSERT_TRUE(vms_.resume(kRoot, "a"));
  EXPECT_EQ(vms_.report("p", {.vm = "a",
                              .epoch = 3,
                              .ended = true,
                              .failed = true,
                              .kept = true,
                              .detail = "its disk has changed"}),
            Verdict::kTaken);
  EXPECT_EQ(cluster_.vm("a").state, VmState::kSuspended);
  EXPECT_EQ(cluster_.vm("a").detail, "its disk has changed");
}

TEST_P(RegistryTest, AskingTwiceDoesNoMoreThanAskingOnce) {
  cluster_.add_platform("p");
  cluster_.add_vm("a");
  start("a");
  start("a");
  EXPECT_EQ(cluster_.vm("a").epoch, 1u);
  for (int i = 0; i < 2; ++i) ASSERT_TRUE(vms_.stop(kRoot, "a", Vms::Stop::kAtOnce));
  EXPECT_TRUE(cluster_.vm("a").desired.force);
  report_end("p", "a", 1, false);
  EXPECT_EQ(report_end("p", "a", 1, false), Verdict::kNotOwned);
  ASSERT_TRUE(vms_.stop(kRoot, "a", Vms::Stop::kAtOnce));
  EXPECT_EQ(cluster_.vm("a").state, VmState::kStopped);
}

TEST_P(RegistryTest, OnlyTheOwnerOfTheLatestEpochIsHeard) {
  cluster_.add_platform("p");
  cluster_.add_platform("q");
  cluster_.add_vm("a", {.platform = "p"});
  EXPECT_EQ(report("p", "a", 0, VmState::kRunning), Verdict::kNotOwned);
  start("a");
  EXPECT_EQ(report("q", "a", 1, VmState::kRunning), Verdict::kNotOwned);
  EXPECT_EQ(report("p", "a", 2, VmState::kRunning), Verdict::kNotOwned);
  EXPECT_EQ(report("p", "b", 1, VmState::kRunning), Verdict::kNotKnown);
  EXPECT_EQ(report("p", "a", 1, VmState::kRunning), Verdict::kTaken);
}

TEST_P(RegistryTest, AGuestThatPowersItselfOffIsStoppedAndOneThatDiesHasFailed) {
  cluster_.add_platform("p");
  cluster_.add_vm("a");
  start("a");
  report_end("p", "a", 1, false);
  EXPECT_EQ(cluster_.vm("a").state, VmState::kStopped);
  EXPECT_EQ(cluster_.vm("a").desired.power, Power::kOff);
  start("a");
  report_end("p", "a", 2, true);
  EXPECT_EQ(cluster_.vm("a").state, VmState::kFailed);
  EXPECT_EQ(cluster_.vm("a").detail, "why");
  start("a");
  EXPECT_EQ(cluster_.vm("a").epoch, 3u);
}

TEST_P(RegistryTest, OneThatIsToBeRestartedIsAfterAWhile) {
  cluster_.add_platform("p");
  VmSpec spec = testing::Cluster::spec();
  spec.restart = Restart::kOnFailure;
  ASSERT_TRUE(vms_.create(kRoot, "a", spec));
  start("a");
  for (std::uint64_t epoch = 1; epoch < 4; ++epoch) {
    report_end("p", "a", epoch, true);
    EXPECT_EQ(cluster_.vm("a").state, VmState::kPending);
    ASSERT_TRUE(look_after(cluster_.registry));
    EXPECT_EQ(cluster_.vm("a").state, VmState::kPending);
    cluster_.clock.move(std::chrono::seconds(1 << (epoch - 1)) + 1ms);
    ASSERT_TRUE(vms_.place_pending());
    EXPECT_EQ(cluster_.vm("a").state, VmState::kStarting);
    EXPECT_EQ(cluster_.vm("a").epoch, epoch + 1);
  }
  // Who has run well is started again at once, as after a first failure.
  EXPECT_EQ(report("p", "a", 4, VmState::kRunning), Verdict::kTaken);
  cluster_.clock.move(10min);
  report_end("p", "a", 4, true);
  EXPECT_EQ(cluster_.vm("a").failures, 1u);
  cluster_.clock.move(1s + 1ms);
  ASSERT_TRUE(vms_.place_pending());
  EXPECT_EQ(cluster_.vm("a").epoch, 5u);
}

TEST_P(RegistryTest, VmsGoWhereThereIsRoom) {
  cluster_.add_platform("p", Bytes(2_GiB));
  cluster_.add_platform("q", Bytes(4_GiB));
  for (const char* const name : {"a", "b", "c", "d", "e", "f"}) cluster_.add_vm(name);
  for (const char* const name : {"a", "b", "c", "d", "e", "f"}) start(name);
  EXPECT_EQ(cluster_.platform("p").vms, 2u);
  EXPECT_EQ(cluster_.platform("q").vms, 4u);
  cluster_.add_vm("g");
  start("g");
  EXPECT_EQ(cluster_.vm("g").state, VmState::kPending);
  EXPECT_NE(cluster_.vm("g").detail.find("p has 0 of memory left"), std::string::npos)
      << cluster_.vm("g").detail;
  EXPECT_EQ(vms_.place_pending().value(), 0u);
  const std::string there = cluster_.vm("a").owner;
  report_end(there, "a", 1, false);
  EXPECT_EQ(vms_.place_pending().value(), 1u);
  EXPECT_EQ(cluster_.vm("g").owner, there);
  // One that waits can be stopped.
  start("a");
  EXPECT_EQ(cluster_.vm("a").state, VmState::kPending);
  ASSERT_TRUE(vms_.stop(kRoot, "a", Vms::Stop::kPowerButton));
  EXPECT_EQ(cluster_.vm("a").state, VmState::kStopped);
  EXPECT_TRUE(database_->list(keys::kPending, "", 9)->empty());
}

TEST_P(RegistryTest, VmsGoWhereTheyWish) {
  cluster_.add_platform("p1");
  cluster_.add_platform("p2");
  cluster_.add_platform("q1");
  const auto owner_of = [&](const char* name, const PlacementWish& wish) {
    cluster_.add_vm(name, wish);
    start(name);
    return cluster_.vm(name).owner;
  };
  EXPECT_EQ(owner_of("a", {.platform = "q1"}), "q1");
  EXPECT_EQ(owner_of("b", {.labels = {{"rack", "q"}}}), "q1");
  EXPECT_EQ(owner_of("c", {.hypervisor = "kvm"}), "");
  EXPECT_EQ(owner_of("d", {.abilities = {"nested"}}), "");
  EXPECT_EQ(owner_of("e", {.labels = {{"rack", "q"}}, .abilities = {"translate"}}), "q1");
  // Apart from each other, and a fourth finds no place.
  std::set<std::string> owners;
  for (const char* const name : {"x1", "x2", "x3", "x4"}) {
    owners.insert(owner_of(name, {.apart = "x"}));
  }
  EXPECT_EQ(owners, (std::set<std::string>{"p1", "p2", "q1", ""}));
  // Where it was last, it goes again.
  const std::string was = cluster_.vm("x1").owner;
  report_end(was, "x1", 1, false);
  start("x1");
  EXPECT_EQ(cluster_.vm("x1").owner, was);
}

TEST_P(RegistryTest, ADrainingPlatformGetsNoMoreVms) {
  cluster_.add_platform("p");
  cluster_.add_vm("a");
  cluster_.add_vm("b");
  start("a");
  ASSERT_TRUE(cluster_.platforms.drain(kRoot, "p", Platforms::Drain::kBegin));
  start("b");
  EXPECT_EQ(cluster_.vm("b").state, VmState::kPending);
  EXPECT_EQ(cluster_.vm("a").owner, "p");
  ASSERT_TRUE(cluster_.platforms.drain(kRoot, "p", Platforms::Drain::kEnd));
  ASSERT_TRUE(look_after(cluster_.registry));
  EXPECT_EQ(cluster_.vm("b").owner, "p");
}

TEST_P(RegistryTest, APlatformThatIsNotHeardOfIsLostAndKeepsItsVms) {
  cluster_.add_platform("p");
  cluster_.add_platform("q");
  cluster_.add_vm("a", {.platform = "p"});
  start("a");
  report("p", "a", 1, VmState::kRunning);
  cluster_.clock.move(8s);
  ASSERT_TRUE(cluster_.platforms.renew("q"));
  cluster_.clock.move(8s);
  ASSERT_TRUE(look_after(cluster_.registry));
  EXPECT_EQ(cluster_.platform("p").state, PlatformState::kLost);
  EXPECT_EQ(cluster_.platform("q").state, PlatformState::kReady);
  EXPECT_EQ(cluster_.vm("a").state, VmState::kUnknown);
  EXPECT_EQ(cluster_.vm("a").owner, "p");
  expect_refusal(cluster_.platforms.renew("p"), Kind::kConflict, "lost");
  ASSERT_TRUE(cluster_.platforms.hello("p", cluster_.platform("p").facts));
  EXPECT_EQ(report("p", "a", 1, VmState::kRunning), Verdict::kTaken);
  EXPECT_EQ(cluster_.vm("a").state, VmState::kRunning);
}

TEST_P(RegistryTest, AVmIsTakenFromALostPlatformOnlyByWordOfAPerson) {
  cluster_.add_platform("p");
  cluster_.add_platform("q");
  cluster_.add_vm("a");
  start("a");
  const std::string owner = cluster_.vm("a").owner;
  expect_refusal(vms_.release(kRoot, "a"), Kind::kConflict, "stop");
  expect_refusal(cluster_.platforms.remove(kRoot, owner), Kind::kConflict, "1 virtual machines");
  cluster_.clock.move(1h);
  ASSERT_TRUE(look_after(cluster_.registry));
  ASSERT_TRUE(vms_.release(kRoot, "a"));
  EXPECT_EQ(cluster_.vm("a").owner, "");
  ASSERT_TRUE(cluster_.platforms.hello(owner, cluster_.platform(owner).facts));
  EXPECT_EQ(report(owner, "a", 1, VmState::kRunning), Verdict::kNotOwned);
  EXPECT_EQ(cluster_.platform(owner).allocated, Resources{});
  ASSERT_TRUE(cluster_.platforms.remove(kRoot, owner));
}

TEST_P(RegistryTest, AJoinTokenIsGoodOnce) {
  const std::string token = cluster_.platforms.make_join_token(kRoot, 1min).value();
  const std::string secret = digest_of("secret");
  ASSERT_TRUE(cluster_.platforms.join(token, "p", secret, {}));
  // Its answer was lost, and it asks again.
  ASSERT_TRUE(cluster_.platforms.join(token, "p", secret, {}));
  expect_refusal(cluster_.platforms.join(token, "q", digest_of("other"), {}), Kind::kUnknownUser,
                 "used before");
  expect_refusal(cluster_.platforms.join("join-1", "q", digest_of("other"), {}), Kind::kUnknownUser,
                 "never was one");
  const std::string late = cluster_.platforms.make_join_token(kRoot, 1min).value();
  cluster_.clock.move(2min);
  expect_refusal(cluster_.platforms.join(late, "q", digest_of("other"), {}), Kind::kUnknownUser,
                 "expired");
  const std::string third = cluster_.platforms.make_join_token(kRoot, 1min).value();
  expect_refusal(cluster_.platforms.join(third, "p", digest_of("other"), {}), Kind::kConflict,
                 "already");
  expect_refusal(cluster_.platforms.join(third, "q", "short", {}), Kind::kInvalid, "digest");
  const Caller host = cluster_.users.find("secret").value();
  EXPECT_EQ(host.role, Role::kHost);
  EXPECT_EQ(host.name, "p");
}

TEST_P(RegistryTest, UsersAreKnownByTheirTokens) {
  const auto first = cluster_.users.create_first().value();
  ASSERT_TRUE(first);
  EXPECT_FALSE(cluster_.users.create_first().value());
  EXPECT_EQ(cluster_.users.find(*first)->role, Role::kAdministrator);
  const std::string token = cluster_.users.create(kRoot, "eve", Role::kViewer).value();
  EXPECT_EQ(cluster_.users.find(token)->name, "eve");
  expect_refusal(cluster_.users.create(kRoot, "eve", Role::kViewer), Kind::kConflict, "already");
  expect_refusal(cluster_.users.create(kRoot, "host", Role::kHost), Kind::kInvalid, "--join");
  expect_refusal(cluster_.users.find(""), Kind::kUnknownUser, "Bearer");
  expect_refusal(cluster_.users.find("user-1"), Kind::kUnknownUser, "nobody");
  expect_refusal(cluster_.users.remove({.name = "eve"}, "eve"), Kind::kConflict, "himself");
  ASSERT_TRUE(cluster_.users.remove(kRoot, "eve"));
  expect_refusal(cluster_.users.find(token), Kind::kUnknownUser, "nobody");
  for (const char* const prefix : {keys::kUsers, keys::kTokens, keys::kEvents}) {
    const auto records = database_->list(prefix, "", SIZE_MAX).value();
    for (const Record& record : records) {
      EXPECT_EQ((record.key + record.value).find(*first), std::string::npos) << record.key;
    }
  }
}

TEST_P(RegistryTest, ARepeatedRequestIsDoneOnce) {
  Caller caller = kRoot;
  caller.repeat_key = "k1";
  caller.repeat_digest = "d1";
  EXPECT_FALSE(cluster_.registry.find_repeat(caller).value());
  ASSERT_TRUE(vms_.create(caller, "a", testing::Cluster::spec()));
  EXPECT_EQ(cluster_.registry.find_repeat(caller).value()->vm, "a");
  // Somebody who did not look before.
  const auto again = vms_.create(caller, "b", testing::Cluster::spec());
  expect_refusal(again, Kind::kUnavailable, "");
  caller.repeat_digest = "d2";
  expect_refusal(cluster_.registry.find_repeat(caller), Kind::kInvalid, "another request");
  cluster_.clock.move(kRepeatsKept + 1s);
  ASSERT_TRUE(forget_old(cluster_.registry));
  EXPECT_FALSE(cluster_.registry.find_repeat(caller).value());
}

TEST_P(RegistryTest, WhoHasSeenAnOlderRevisionIsTold) {
  cluster_.add_vm("a");
  const Revision seen = cluster_.registry.vm("a")->revision;
  ASSERT_TRUE(vms_.change(kRoot, "a", testing::Cluster::spec(), seen));
  expect_refusal(vms_.change(kRoot, "a", testing::Cluster::spec(), seen), Kind::kChanged,
                 "its revision is");
  expect_refusal(vms_.remove(kRoot, "a", seen), Kind::kChanged, "its revision is");
}

TEST_P(RegistryTest, AskedAndRefusedRequestsAreInTheAuditLog) {
  Caller caller = kRoot;
  caller.request = "POST /v1/vms";
  ASSERT_TRUE(vms_.create(caller, "a", testing::Cluster::spec()));
  cluster_.registry.record_refusal(caller, Refusal(Kind::kNotAllowed, "no"));
  const auto records = database_->list(keys::kAudit, "", 9).value();
  ASSERT_EQ(records.size(), 2u);
  EXPECT_EQ(text_field(parse_object(records[0].value), "request"), "POST /v1/vms");
  EXPECT_EQ(text_field(parse_object(records[1].value), "refusal"), "no");
  cluster_.clock.move(kAuditKept + 1s);
  ASSERT_TRUE(forget_old(cluster_.registry));
  EXPECT_TRUE(database_->list(keys::kAudit, "", 9)->empty());
}

INSTANTIATE_TEST_SUITE_P(All, RegistryTest, ::testing::ValuesIn(testing::database_kinds()),
                         [](const auto& test) { return test.param.name; });

}  // namespace
}  // namespace orrery::cluster
