// A host as far as its agent can see it: processes that run VMs, records on its disk, and the
// agent, which can be killed and started again. A process ends some time after it was told to.
#pragma once

#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "cluster/host/reconcile/reconciler.hpp"

namespace orrery::testing {

using cluster::host::LocalVm;
using cluster::host::Reconciler;

class SimulatedHost final : public cluster::host::Machinery {
 public:
  struct Process {
    std::uint64_t epoch = 0;
    bool heard_of = false;  // the agent of now knows that it runs
    bool ending = false;    // it was told to
    bool paused = false;
    bool suspending = false;  // its state is being kept
    unsigned resets = 0;
    std::string disk_at = "s1";       // the server of its device model disk0
    cluster::DeviceMove moving = {};  // number 0: it is on no way
  };

  SimulatedHost(std::string its_name, std::set<std::pair<std::string, std::uint64_t>>& launched)
      : name(std::move(its_name)), launched_(launched) {}

  const std::string name;
  std::map<std::string, Process> processes;  // that live
  std::set<std::string> states;              // of VMs that were suspended, on disk
  std::vector<cluster::VmReport> reports;    // that the agent wants to send
  std::unique_ptr<Reconciler> agent;         // none: it was killed

  void start_agent() {
    agent = std::make_unique<Reconciler>(*this);
    reports.clear();
    for (auto& [vm, process] : processes) process.heard_of = process.suspending = false;
    const auto records = records_;
    for (const auto& [vm, record] : records) agent->adopt(record);
    // Those that ended meanwhile: nobody holds their locks.
    for (const auto& [vm, record] : records) {
      if (!processes.contains(vm)) tell_end(vm, true);
    }
  }
  void kill_agent() { agent.reset(); }
  // The power goes: processes and agent with it.
  void lose_power() {
    agent.reset();
    processes.clear();
  }

  // The process of VM ends, by itself or as it was told.
  void end(const std::string& vm, bool failed) {
    processes.erase(vm);
    tell_end(vm, failed);
  }
  // What the agent does to keep the state of VM comes to its end.
  void finish_suspension(const std::string& vm, bool fails) {
    processes.at(vm).suspending = false;
    if (fails) return agent->cannot_suspend(vm, "its disk is full");
    states.insert(vm);
    end(vm, false);
  }
  // The model arrives at where it is told to go, or nobody is there: its name begins with "no".
  void finish_move(const std::string& vm) {
    Process& process = processes.at(vm);
    const cluster::DeviceMove move = std::exchange(process.moving, {});
    const bool there = !move.server.starts_with("no");
    if (there) process.disk_at = move.server;
    if (!agent) return;
    agent->seen(vm, guest_of(process));
    agent->moved(vm, move.number, there ? "" : "nobody is there");
  }
  // The agent is killed when a state is durable already: it has told the process to end, or not
  // yet.
  void kill_suspending_agent(bool told) {
    for (auto& [vm, process] : processes) {
      if (!process.suspending) continue;
      states.insert(vm);
      process.ending |= told;
    }
    kill_agent();
  }
  void hear_of(const std::string& vm) {
    Process& process = processes.at(vm);
    process.heard_of = true;
    if (!agent) return;
    agent->seen(vm, guest_of(process));
    agent->running(vm, clock_of(process));
  }

 private:
  void tell_end(const std::string& vm, bool failed) {
    if (!agent) return;
    agent->ended(vm, {.failed = failed, .kept = states.contains(vm)});
  }
  static cluster::GuestFacts guest_of(const Process& process) {
    return {.hypervisor = "soft", .models = {{"disk0", "remote", process.disk_at, true}}};
  }
  static Reconciler::Clock clock_of(const Process& process) {
    return process.paused ? Reconciler::Clock::kStands : Reconciler::Clock::kRuns;
  }

  Result<> keep(const LocalVm& vm) override {
    records_[vm.name] = cluster::host::local_vm_of(to_json(vm));
    return {};
  }
  void forget(const std::string& vm) override { records_.erase(vm); }
  void launch(const std::string& vm, const cluster::VmOptions& /*options*/, Launch how) override {
    EXPECT_EQ(states.contains(vm), how == Launch::kResume) << name << ": " << vm;
    const std::uint64_t epoch = records_.at(vm).epoch;
    EXPECT_FALSE(processes.contains(vm)) << name << " runs " << vm << " already";
    EXPECT_TRUE(launched_.emplace(vm, epoch).second) << vm << " twice in epoch " << epoch;
    processes[vm].epoch = epoch;
  }
  void press_power(const std::string& vm) override { end_at_once(vm); }
  void end_at_once(const std::string& vm) override {
    const auto found = processes.find(vm);
    if (found != processes.end()) found->second.ending = true;
  }
  void reset(const std::string& vm) override { ++processes.at(vm).resets; }
  void pause(const std::string& vm) override { set_paused(vm, true); }
  void resume(const std::string& vm) override { set_paused(vm, false); }
  void suspend(const std::string& vm) override {
    states.erase(vm);
    processes.at(vm).suspending = true;
  }
  void move_device(const std::string& vm, const cluster::DeviceMove& move) override {
    processes.at(vm).moving = move;
  }
  void discard(const std::string& vm) override { states.erase(vm); }
  void set_paused(const std::string& vm, bool paused) {
    processes.at(vm).paused = paused;
    processes.at(vm).heard_of = false;  // the next status says so
  }
  void report(const cluster::VmReport& report) override { reports.push_back(report); }

  std::map<std::string, LocalVm> records_;  // on disk
  std::set<std::pair<std::string, std::uint64_t>>& launched_;
};

}  // namespace orrery::testing
