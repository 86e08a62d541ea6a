// Random histories of a cluster: people start and stop VMs while agents, panels and hosts are
// killed and connections cut. After every step no VM runs twice and none is lost; once all is well
// again, what should run does, and nothing else.
//
// The registry and the agents' reconcilers are the real ones; time, the network and processes are
// not. ORRERY_HISTORY_STEPS and ORRERY_HISTORY_SEED are for long runs and for repeating one.
#include <array>
#include <deque>
#include <random>

#include <gtest/gtest.h>

#include "base/format.hpp"
#include "cluster/cluster_fixture.hpp"
#include "cluster/databases.hpp"
#include "cluster/link/assignments.hpp"
#include "cluster/registry/upkeep.hpp"
#include "cluster/simulated_host.hpp"
#include "support/from_environment.hpp"

namespace orrery::cluster {
namespace {

using namespace std::chrono_literals;
using testing::kRoot;
using testing::number_from_environment;
using testing::SimulatedHost;

constexpr unsigned kHosts = 4;
constexpr unsigned kVms = 8;

// A connection between an agent and the panel; messages arrive in order, or not at all.
struct Connection {
  std::deque<std::string> to_panel;
  std::deque<std::string> to_agent;
  bool owned_changed = true;
  std::string told;
};

class World {
 public:
  World(Database& database, std::uint64_t seed) : cluster_(database, seed), random_(seed) {
    for (unsigned i = 0; i < kHosts; ++i) {
      const std::string name = format("host-{}", i);
      cluster_.add_platform(name, Bytes(3_GiB));
      hosts_.push_back(std::make_unique<SimulatedHost>(name, launched_));
      hosts_.back()->start_agent();
    }
    cluster_.registry.on_commit([this](const std::set<std::string>& platforms) {
      for (const std::string& each : platforms) changed_.insert(each);
    });
    for (unsigned i = 0; i < kVms; ++i) {
      VmSpec spec = testing::Cluster::spec();
      if (i % 3 == 0) spec.restart = Restart::kOnFailure;
      (void)cluster_.vms.create(kRoot, vm_name(i), spec).value();
    }
  }

  void step() {
    const unsigned choice = below(100);
    if (choice < 50) return work();
    if (choice < 70) return user();
    if (choice < 80) return pass_time();
    disturb(choice - 80);
  }

  // No VM has two processes, and all are known.
  void check() const {
    std::map<std::string, std::string> running;
    for (const auto& host : hosts_) {
      for (const auto& [vm, process] : host->processes) {
        const auto [other, is_only] = running.emplace(vm, host->name);
        ASSERT_TRUE(is_only) << vm << " runs on " << other->second << " and on " << host->name;
      }
    }
    for (unsigned i = 0; i < kVms; ++i) {
      const auto vm = cluster_.registry.vm(vm_name(i));
      ASSERT_TRUE(vm) << vm_name(i) << " is lost";
      if (vm->value.state != VmState::kSuspended) continue;
      ASSERT_TRUE(host(vm->value.suspended_on).states.contains(vm->value.name))
          << "the state of " << vm->value.name << " is lost";
    }
  }

  // Everything is started, and nothing happens any more but what follows.
  void heal(unsigned steps) {
    panel_runs_ = true;
    (void)cluster_.vms.start(kRoot, vm_name(0));  // a short history may have started none
    for (const auto& host : hosts_) {
      if (!host->agent) host->start_agent();
    }
    for (unsigned i = 0; i < steps; ++i) {
      work();
      if (i % 50 == 0) pass_time();
      check();
      if (::testing::Test::HasFatalFailure()) return;
    }
  }

  void check_healed() const {
    std::map<std::string, Resources> allocated;
    for (unsigned i = 0; i < kVms; ++i) {
      const Vm vm = cluster_.vm(vm_name(i));
      const bool should_run = vm.desired.power == Power::kOn && !vm.owner.empty();
      EXPECT_TRUE(vm.desired.power == Power::kOff || should_run) << vm.name << ": " << vm.detail;
      for (const auto& host : hosts_) {
        const auto found = host->processes.find(vm.name);
        const bool runs = found != host->processes.end();
        EXPECT_EQ(runs, should_run && vm.owner == host->name) << vm.name << " on " << host->name;
        EXPECT_EQ(runs ? found->second.epoch : vm.epoch, vm.epoch) << vm.name;
      }
      EXPECT_EQ(vm.state == VmState::kSuspended, !vm.suspended_on.empty()) << vm.name;
      for (const auto& host : hosts_) {
        EXPECT_EQ(host->states.contains(vm.name), vm.suspended_on == host->name) << vm.name;
      }
      if (should_run) {
        EXPECT_EQ(vm.state, vm.desired.paused ? VmState::kPaused : VmState::kRunning) << vm.name;
        EXPECT_FALSE(vm.move.under_way()) << vm.name;
        ASSERT_EQ(vm.guest.models.size(), 1u) << vm.name;
        EXPECT_EQ(vm.guest.models[0].server, host(vm.owner).processes.at(vm.name).disk_at)
            << vm.name;
        allocated[vm.owner].memory += vm.spec.needs.memory.value();
        allocated[vm.owner].cpus += vm.spec.needs.cpus;
      }
    }
    for (const auto& host : hosts_) {
      EXPECT_EQ(cluster_.platform(host->name).allocated, allocated[host->name]) << host->name;
    }
  }

  std::size_t launches() const { return launched_.size(); }

 private:
  const SimulatedHost& host(const std::string& name) const {
    return **std::ranges::find_if(hosts_, [&](const auto& each) { return each->name == name; });
  }
  static std::string vm_name(unsigned number) { return format("vm-{}", number); }
  unsigned below(unsigned limit) { return static_cast<unsigned>(random_() % limit); }
  bool one_in(unsigned n) { return below(n) == 0; }

  void disconnect(const std::string& host) { connections_.erase(host); }

  // One of the things that go on by themselves.
  void work() {
    const unsigned number = below(kHosts);
    SimulatedHost& host = *hosts_[number];
    if (!host.agent) return;
    if (!connections_.contains(host.name)) {
      if (panel_runs_) connect(host);
      return;
    }
    Connection& connection = connections_[host.name];
    for (const VmReport& each : std::exchange(host.reports, {})) {
      connection.to_panel.push_back(link::to_text(link::Report{.vms = {each}}));
    }
    switch (below(7)) {
      case 0: return deliver_to_panel(host, connection);
      case 1: return deliver_to_agent(host, connection);
      case 2: return tell_owned(host, connection);
      case 3: return end_some(host);
      case 4: return suspend_some(host);
      case 5: return finish_some_move(host);
      default: return hear_of_some(host);
    }
  }

  void connect(SimulatedHost& host) {
    ASSERT_TRUE(cluster_.platforms.hello(host.name, cluster_.platform(host.name).facts));
    connections_[host.name] = {};
    host.reports.clear();
    host.agent->connected();
  }

  void deliver_to_panel(SimulatedHost& host, Connection& connection) {
    if (!panel_runs_) return;
    (void)cluster_.platforms.renew(host.name);
    if (connection.to_panel.empty()) return;
    const link::Message message = link::parse_message(connection.to_panel.front()).value();
    connection.to_panel.pop_front();
    for (const VmReport& each : std::get<link::Report>(message).vms) {
      const Verdict verdict = cluster_.vms.report(host.name, each).value();
      if (verdict == Verdict::kNotOwned && (!each.ended || each.kept)) {
        connection.to_agent.push_back(
            link::to_text(link::Revoke{.vm = each.vm, .epoch = each.epoch}));
      }
    }
  }

  void deliver_to_agent(SimulatedHost& host, Connection& connection) {
    if (connection.to_agent.empty()) return;
    const link::Message message = link::parse_message(connection.to_agent.front()).value();
    connection.to_agent.pop_front();
    if (const auto* const assign = std::get_if<link::Assign>(&message)) {
      host.agent->assign(assign->vms);
    } else {
      host.agent->revoke(std::get<link::Revoke>(message));
    }
  }

  void tell_owned(SimulatedHost& host, Connection& connection) {
    if (!panel_runs_) return;
    if (changed_.erase(host.name) != 0) connection.owned_changed = true;
    if (!std::exchange(connection.owned_changed, false)) return;
    std::string text = link::to_text(link::assignments_of(cluster_.registry, host.name).value());
    if (text != connection.told) connection.to_agent.push_back(text);
    connection.told = std::move(text);
  }

  static void end_some(SimulatedHost& host) {
    for (const auto& [vm, process] : host.processes) {
      if (!process.ending) continue;
      host.end(std::string(vm), false);
      return;
    }
  }

  void suspend_some(SimulatedHost& host) {
    for (const auto& [vm, process] : host.processes) {
      if (!process.suspending) continue;
      return host.finish_suspension(std::string(vm), one_in(4));
    }
  }

  static void finish_some_move(SimulatedHost& host) {
    for (const auto& [vm, process] : host.processes) {
      if (process.moving.number == 0) continue;
      return host.finish_move(std::string(vm));
    }
  }

  static void hear_of_some(SimulatedHost& host) {
    for (const auto& [vm, process] : host.processes) {
      if (process.heard_of) continue;
      host.hear_of(std::string(vm));
      return;
    }
  }

  void user() {
    if (!panel_runs_) return;
    const std::string vm = vm_name(below(kVms));
    switch (below(12)) {
      case 0:
      case 1:
      case 2: (void)cluster_.vms.start(kRoot, vm); break;
      case 3: (void)cluster_.vms.stop(kRoot, vm, Vms::Stop::kPowerButton); break;
      case 4: (void)cluster_.vms.stop(kRoot, vm, Vms::Stop::kAtOnce); break;
      case 5: (void)cluster_.vms.pause(kRoot, vm); break;
      case 6: (void)cluster_.vms.resume(kRoot, vm); break;
      case 7:
      case 8: (void)cluster_.vms.suspend(kRoot, vm); break;
      case 9:
      case 10: move_device(vm); break;
      default: release(vm); break;
    }
  }

  void move_device(const std::string& vm) {
    const std::array servers{"s1", "s2", "nowhere"};
    (void)cluster_.vms.move_device(kRoot, vm, "disk0", servers.at(below(3)));
  }

  // A person looks whether it runs there, before he says that it does not.
  void release(const std::string& vm) {
    const std::string owner = cluster_.vm(vm).owner;
    for (const auto& host : hosts_) {
      if (host->name == owner && (host->agent || host->processes.contains(vm))) return;
    }
    (void)cluster_.vms.release(kRoot, vm);
  }

  void pass_time() {
    cluster_.clock.move(std::chrono::milliseconds(below(3000)));
    if (!panel_runs_) return;
    for (const auto& [name, connection] : connections_) {
      if (!one_in(4)) (void)cluster_.platforms.renew(name);
    }
    ASSERT_TRUE(look_after(cluster_.registry));
  }

  void disturb(unsigned what) {
    SimulatedHost& host = *hosts_[below(kHosts)];
    if (what < 4) {
      disconnect(host.name);
    } else if (what < 7) {
      disconnect(host.name);
      one_in(2) ? host.kill_suspending_agent(one_in(2)) : host.kill_agent();
    } else if (what < 11) {
      if (!host.agent) host.start_agent();
    } else if (what < 13) {
      panel_runs_ = false;
      connections_.clear();
    } else if (what < 17) {
      panel_runs_ = true;
    } else if (what < 18) {
      disconnect(host.name);
      host.lose_power();
    } else if (!host.processes.empty()) {
      host.end(std::string(host.processes.begin()->first), one_in(2));
    }
  }

  testing::Cluster cluster_;
  std::mt19937_64 random_;
  std::set<std::pair<std::string, std::uint64_t>> launched_;
  std::vector<std::unique_ptr<SimulatedHost>> hosts_;
  std::map<std::string, Connection> connections_;  // by host
  std::set<std::string> changed_;                  // hosts to be told
  bool panel_runs_ = true;
};

class HistoryTest : public ::testing::TestWithParam<testing::DatabaseKind> {};

TEST_P(HistoryTest, NoVmRunsTwiceAndNoneIsLost) {
  const std::uint64_t steps =
      number_from_environment("ORRERY_HISTORY_STEPS", 10'000 / GetParam().slowness);
  const std::uint64_t seed = number_from_environment("ORRERY_HISTORY_SEED", std::random_device()());
  SCOPED_TRACE(format("ORRERY_HISTORY_SEED={}", seed));
  const testing::TemporaryFolder folder;
  const auto database = GetParam().open(folder.path("")).value();
  World world(*database, seed);
  for (std::uint64_t i = 0; i < steps; ++i) {
    world.step();
    world.check();
    if (HasFatalFailure()) {
      FAIL() << "at step " << i;
    }
  }
  world.heal(5000 / std::min(GetParam().slowness, 4U));
  if (HasFatalFailure()) return;
  world.check_healed();
  EXPECT_GT(world.launches(), 0u) << "nothing has happened at all";
}

INSTANTIATE_TEST_SUITE_P(All, HistoryTest, ::testing::ValuesIn(testing::database_kinds()),
                         [](const auto& test) { return test.param.name; });

}  // namespace
}  // namespace orrery::cluster
