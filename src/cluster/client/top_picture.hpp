// What `orrery top` shows: platforms and virtual machines of a panel, with what they use.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "cluster/link/rates.hpp"
#include "cluster/registry/fields.hpp"

namespace orrery::cluster {

class TopPicture {
 public:
  // By what the VMs are sorted, most first; those that are equal by name.
  enum class Order : std::uint8_t { kProcessor, kMemory, kDisk, kNetwork, kName };

  // What the panel lists (docs/formats/panel-api.md), each all of them.
  void set(const Json& platforms, const Json& vms);
  // A message of /v1/figures/stream.
  void take(const Json& figures);
  // The figures that come next say nothing about those that came before.
  void forget_figures();

  // Whether there are rates of all that run.
  bool complete() const;

  // No more than ROWS lines of COLUMNS characters; what does not fit is counted in the last one.
  std::vector<std::string> lines(Order order, std::size_t rows, std::size_t columns) const;
  // For programs: docs/orrery-top.md.
  Json json() const;

 private:
  struct Seen {
    std::optional<link::VmFigures> figures = {};
    std::optional<link::Rates> rates = {};
  };
  struct Machine {
    std::string name;
    std::string state;
    std::string platform;
    unsigned cpus = 0;
    Bytes memory;
  };
  struct Host {
    std::string name;
    std::string state;  // "ready", "ready, draining"
    unsigned vms = 0;
    Bytes allocated;
    Bytes capacity;
    unsigned cpus = 0;
  };

  const link::Rates* rates_of(const Machine& machine) const;
  // Of all VMs together that run there, by platform.
  std::map<std::string, link::Rates> sums() const;
  std::vector<const Machine*> sorted(Order order) const;
  std::vector<std::string> platform_lines() const;
  std::vector<std::string> machine_lines(Order order) const;
  std::string summary() const;

  std::vector<Host> hosts_;
  std::vector<Machine> machines_;
  std::map<std::string, Seen> seen_;  // by "PLATFORM/VM", of each VM that has an owner
};

}  // namespace orrery::cluster
