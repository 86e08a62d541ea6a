// What several users ask of several panels at once is as if it had been asked one after the other:
// every operation takes effect at one moment between its call and its return (Herlihy and Wing,
// "Linearizability", 1990), for each virtual machine.
//
// The database tells which commit each operation made, so the order need not be searched for: it is
// checked that every version of a record follows from the one before by what its operation is
// allowed to do, and that what users were told was true at some moment while they waited.
// ORRERY_HISTORY_OPERATIONS and ORRERY_HISTORY_SEED are for long runs and for repeating one's
// choices.
#include <algorithm>
#include <array>
#include <map>
#include <random>
#include <set>
#include <thread>

#include <gtest/gtest.h>

#include "base/format.hpp"
#include "cluster/cluster_fixture.hpp"
#include "cluster/databases.hpp"
#include "cluster/recorded_database.hpp"
#include "support/from_environment.hpp"

namespace orrery::cluster {
namespace {

using testing::kRoot;
using testing::Moments;
using testing::number_from_environment;
using testing::RecordedDatabase;
using testing::Version;
using testing::VersionLog;
using Kind = Refusal::Kind;

constexpr unsigned kPanels = 2;
constexpr unsigned kUsers = 4;
constexpr unsigned kVms = 3;
constexpr const char* kPlatform = "p";

enum class What : std::uint8_t {
  kShow,
  kCreate,
  kRemove,
  kChange,
  kStart,
  kStop,
  kForce,
  kReset,
  kPause,
  kResume,
  kSuspend,
  kReport,
};
constexpr unsigned kKinds = 12;
constexpr std::array<const char*, kKinds> kNames{"show",  "create", "remove",  "change",
                                                 "start", "stop",   "force",   "reset",
                                                 "pause", "resume", "suspend", "report"};

struct Operation {
  What what = What::kShow;
  std::string vm;
  std::string guest;  // what kChange and kCreate make it
  VmReport report;
  std::uint64_t begun = 0;
  std::uint64_t ended = 0;
  Outcome<Stored<Vm>> result = refuse(Kind::kUnavailable, "");

  std::string text() const {
    return format("{} {} [{}, {}]", kNames[static_cast<unsigned>(what)], vm, begun, ended);
  }
};

class SharedEntropy final : public port::Entropy {
 public:
  explicit SharedEntropy(std::uint64_t seed) : entropy_(seed) {}
  void fill(MutableByteSpan destination) override {
    const std::lock_guard lock(mutex_);
    entropy_.fill(destination);
  }

 private:
  std::mutex mutex_;
  testing::SeededEntropy entropy_;
};

// One panel, with its own way to the database.
struct PanelOfTest {
  PanelOfTest(Database& database, Moments& moments, VersionLog& log, std::uint64_t seed)
      : recorded(database, moments, log, seed), entropy(seed) {}

  RecordedDatabase recorded;
  testing::MovedClock clock;
  SharedEntropy entropy;
  Registry registry{{recorded, clock, entropy}};
  Vms vms{registry};
};

// ---- What an operation may do ----

bool is_idle(const Vm& vm) {
  return vm.owner.empty() && vm.state != VmState::kPending && vm.suspended_on.empty();
}
bool is_on(const Vm& vm) {
  return !vm.owner.empty() && vm.desired.power == Power::kOn;
}

// Why OPERATION cannot have made AFTER of BEFORE; empty: it can.
std::string wrong_step(const Operation& operation, const std::optional<Vm>& before,
                       const std::optional<Vm>& after) {
  const What what = operation.what;
  if (!before) return what == What::kCreate ? "" : "there was none";
  if (what == What::kCreate) return "there was one";
  if (!after) return what == What::kRemove && is_idle(*before) ? "" : "removed";
  const Vm& old = *before;
  const Vm& now = *after;
  const bool gained = old.owner.empty() && !now.owner.empty();
  const bool lost = !old.owner.empty() && now.owner.empty();
  if (now.id != old.id) return "another machine";
  if (!old.owner.empty() && !lost && now.owner != old.owner) return "another owner";
  if (now.epoch != old.epoch + (gained ? 1 : 0)) return "the epoch";
  if (now.desired.resets != old.desired.resets + (what == What::kReset ? 1 : 0)) return "resets";
  if (now.spec.guest != (what == What::kChange ? operation.guest : old.spec.guest)) return "guest";
  if (gained && what != What::kStart && what != What::kResume) return "an owner";
  if (lost && !(what == What::kReport && operation.report.ended)) return "no owner";
  switch (what) {
    case What::kChange: return is_idle(old) ? "" : "changed while busy";
    case What::kStart: return now.desired.power == Power::kOn ? "" : "not on";
    case What::kStop:
    case What::kForce: return now.desired.power == Power::kOff ? "" : "not off";
    case What::kReset: return is_on(old) ? "" : "was off";
    case What::kPause: return is_on(old) && now.desired.paused ? "" : "not paused";
    case What::kResume:
      return now.desired.power == Power::kOn && !now.desired.paused ? "" : "not resumed";
    case What::kSuspend: return is_on(old) && now.desired.suspend ? "" : "not suspended";
    case What::kReport:
      return old.owner == kPlatform && old.epoch == operation.report.epoch ? "" : "a stranger's";
    default: return "it changes nothing";
  }
}

// Whether OPERATION, that changed nothing, may have been answered as it was when VM was so.
bool may_answer(const Operation& operation, const std::optional<Vm>& vm) {
  if (!operation.result) {
    const Kind kind = operation.result.error().kind;
    if (kind == Kind::kNotFound) return !vm;
    if (kind != Kind::kConflict || !vm) return false;
    switch (operation.what) {
      case What::kCreate: return true;
      case What::kRemove:
      case What::kChange: return !is_idle(*vm);
      case What::kStart: return !is_on(*vm);
      case What::kResume: return !is_on(*vm) && vm->state != VmState::kSuspended;
      case What::kStop: return vm->state == VmState::kSuspended;
      default: return !is_on(*vm);
    }
  }
  if (!vm) return false;
  switch (operation.what) {
    case What::kShow:
    case What::kReport: return true;
    case What::kStart: return vm->desired.power == Power::kOn;
    case What::kPause: return is_on(*vm) && vm->desired.paused;
    case What::kResume: return vm->desired.power == Power::kOn && !vm->desired.paused;
    case What::kStop:
    case What::kForce: return vm->desired.power == Power::kOff;
    case What::kSuspend: return vm->desired.suspend || vm->state == VmState::kSuspended;
    default: return false;
  }
}

// ---- A history ----

class History {
 public:
  History(std::vector<std::unique_ptr<PanelOfTest>>& panels, Moments& moments, std::uint64_t count,
          std::uint64_t seed)
      : panels_(panels), moments_(moments), operations_(count + 1), seed_(seed) {}

  void run() {
    std::vector<std::thread> threads;
    for (unsigned i = 0; i < kUsers; ++i) threads.emplace_back([this, i] { use(i); });
    for (std::thread& each : threads) each.join();
  }

  void check(std::vector<Version> versions) const {
    std::ranges::stable_sort(versions, {}, &Version::revision);
    for (unsigned i = 0; i < kVms; ++i) check_vm(format("vm-{}", i), versions);
  }

  std::size_t count(What what, bool committed, const std::vector<Version>& versions) const {
    std::set<std::size_t> with;
    for (const Version& each : versions) with.insert(each.operation);
    std::size_t count = 0;
    for (std::size_t i = 1; i < operations_.size(); ++i) {
      if (operations_[i].what == what && with.contains(i) == committed) ++count;
    }
    return count;
  }

 private:
  // A record as it was from one commit to the next. The first is the one that was never made.
  struct Step {
    std::optional<Vm> vm;
    Revision revision;
    std::uint64_t from = 0;            // it was so at this moment at the earliest
    std::uint64_t until = UINT64_MAX;  // and at this one at the latest
  };

  void use(unsigned number) {
    std::mt19937_64 random(seed_ * kUsers + number);
    for (std::size_t i = number + 1; i < operations_.size(); i += kUsers) {
      Operation& operation = operations_[i];
      operation.what = static_cast<What>(random() % (kKinds + 4));
      // An agent has much to say.
      if (static_cast<unsigned>(operation.what) >= kKinds) operation.what = What::kReport;
      operation.vm = format("vm-{}", random() % kVms);
      operation.guest = format("guest {}", i);
      PanelOfTest& panel = *panels_[random() % kPanels];
      RecordedDatabase::operation = i;
      if (operation.what == What::kReport) prepare(panel, operation, random());
      operation.begun = moments_.next();
      operation.result = perform(panel, operation);
      operation.ended = moments_.next();
    }
  }

  // The agent tells of what it was last assigned, which may have been taken from it meanwhile.
  static void prepare(PanelOfTest& panel, Operation& operation, std::uint64_t choice) {
    const auto vm = panel.registry.vm(operation.vm);
    operation.report.vm = operation.vm;
    operation.report.epoch = vm ? vm->value.epoch : 1;
    operation.report.ended = choice % 2 == 0;
    operation.report.kept = choice % 4 == 0 && vm && vm->value.desired.suspend;
  }

  static Outcome<Stored<Vm>> perform(PanelOfTest& panel, const Operation& operation) {
    Vms& vms = panel.vms;
    const std::string& name = operation.vm;
    VmSpec spec = testing::Cluster::spec();
    spec.guest = operation.guest;
    switch (operation.what) {
      case What::kShow: return panel.registry.vm(name);
      case What::kCreate: return vms.create(kRoot, name, spec);
      case What::kRemove: return vms.remove(kRoot, name, {});
      case What::kChange: return vms.change(kRoot, name, spec, {});
      case What::kStart: return vms.start(kRoot, name);
      case What::kStop: return vms.stop(kRoot, name, Vms::Stop::kPowerButton);
      case What::kForce: return vms.stop(kRoot, name, Vms::Stop::kAtOnce);
      case What::kReset: return vms.reset(kRoot, name);
      case What::kPause: return vms.pause(kRoot, name);
      case What::kResume: return vms.resume(kRoot, name);
      case What::kSuspend: return vms.suspend(kRoot, name);
      case What::kReport: {
        const auto verdict = vms.report(kPlatform, operation.report);
        return refuse(Kind::kUnavailable, verdict ? "a verdict" : verdict.error().message);
      }
    }
    return refuse(Kind::kUnavailable, "");
  }

  std::vector<Step> steps_of(const std::string& name, const std::vector<Version>& versions) const {
    std::vector<Step> steps(1);
    std::uint64_t epoch = 0;
    for (const Version& version : versions) {
      if (version.key != "vms/" + name) continue;
      Step next{.vm = {}, .revision = version.revision, .from = version.begun};
      if (version.value) next.vm = vm_of(parse_object(*version.value));
      steps.back().until = version.ended;
      const Operation& operation = operations_[version.operation];
      EXPECT_EQ(operation.vm, name);
      const std::string wrong = wrong_step(operation, steps.back().vm, next.vm);
      EXPECT_EQ(wrong, "") << operation.text() << " at revision " << version.revision.value();
      if (next.vm) {
        EXPECT_GE(next.vm->epoch, epoch) << operation.text() << ": as that of one that is gone";
        epoch = next.vm->epoch;
      }
      steps.push_back(std::move(next));
    }
    return steps;
  }

  void check_vm(const std::string& name, const std::vector<Version>& versions) const {
    const std::vector<Step> steps = steps_of(name, versions);
    std::map<std::size_t, Revision> committed;
    for (const Version& each : versions) committed[each.operation] = each.revision;
    for (std::size_t i = 1; i < operations_.size(); ++i) {
      const Operation& operation = operations_[i];
      if (operation.vm != name) continue;
      const auto own = committed.find(i);
      if (own != committed.end()) {
        // Its answer may have been lost; if it was not, it is about this commit.
        const bool answered = operation.result.has_value();
        EXPECT_EQ(answered ? operation.result->revision : own->second, own->second)
            << operation.text();
        EXPECT_TRUE(answered || operation.result.error().kind == Kind::kUnavailable)
            << operation.text() << " was refused, and done: " << operation.result.error().message;
      } else if (operation.result || operation.result.error().kind != Kind::kUnavailable) {
        EXPECT_TRUE(was_true(operation, steps))
            << operation.text() << ": "
            << (operation.result ? format("revision {}", operation.result->revision.value())
                                 : operation.result.error().message);
      }
    }
  }

  // At some moment while it was asked for.
  static bool was_true(const Operation& operation, const std::vector<Step>& steps) {
    auto step = std::ranges::lower_bound(steps, operation.begun, {}, &Step::until);
    for (; step != steps.end() && step->from <= operation.ended; ++step) {
      if (operation.result && operation.result->revision != step->revision) continue;
      if (may_answer(operation, step->vm)) return true;
    }
    return false;
  }

  std::vector<std::unique_ptr<PanelOfTest>>& panels_;
  Moments& moments_;
  std::vector<Operation> operations_;  // from 1
  const std::uint64_t seed_;
};

class LinearizableTest : public ::testing::TestWithParam<testing::DatabaseKind> {};

TEST_P(LinearizableTest, WhatIsAskedAtOnceIsAsIfOneAfterTheOther) {
  const std::uint64_t count =
      number_from_environment("ORRERY_HISTORY_OPERATIONS", 10'000 / GetParam().slowness);
  const std::uint64_t seed = number_from_environment("ORRERY_HISTORY_SEED", std::random_device()());
  SCOPED_TRACE(format("ORRERY_HISTORY_SEED={}", seed));
  const testing::TemporaryFolder folder;
  const auto database = GetParam().open(folder.path("")).value();
  const auto second = database->shared() ? GetParam().open(folder.path("")).value() : nullptr;
  testing::Cluster(*database).add_platform(kPlatform);
  Moments moments;
  VersionLog log;
  std::vector<std::unique_ptr<PanelOfTest>> panels;
  for (unsigned i = 0; i < kPanels; ++i) {
    Database& its = i == 1 && second ? *second : *database;
    panels.push_back(std::make_unique<PanelOfTest>(its, moments, log, seed + i));
  }
  History history(panels, moments, count, seed);
  history.run();
  const std::vector<Version> versions = log.take();
  history.check(versions);
  for (const What what : {What::kCreate, What::kStart, What::kReset, What::kReport}) {
    EXPECT_GT(history.count(what, true, versions), 0u)
        << kNames[static_cast<unsigned>(what)] << " has never had an effect";
  }
}

INSTANTIATE_TEST_SUITE_P(All, LinearizableTest, ::testing::ValuesIn(testing::database_kinds()),
                         [](const auto& test) { return test.param.name; });

}  // namespace
}  // namespace orrery::cluster
