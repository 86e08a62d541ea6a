// One sequence on the host and on an engine from the same state, and what differs.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "isa/differential/sequence.hpp"
#include "isa/executor.hpp"
#include "isa/snapshot.hpp"

namespace orrery::isa::differential {

// A sequence and the state it starts from.
struct Trial {
  std::vector<Unit> units{};
  Snapshot start{};
  std::vector<std::byte> data{};
};

class Duel {
 public:
  Duel(Executor& host, Executor& engine, Mode mode) : host_(host), engine_(engine), mode_(mode) {}

  // Executes LAYOUT, which is loaded on both at kCodeBase + OFFSET. True where both agree.
  bool agree(const Layout& layout, std::uint64_t offset, const Snapshot& start,
             std::span<const std::byte> data);

  // Whether the host, and not the engine, does otherwise when what has just disagreed is executed
  // again, and agrees then: a host that lost registers on a context switch, or stood still for so
  // long that a test seemed endless.
  bool host_was_disturbed(const Layout& layout, std::uint64_t offset, const Snapshot& start,
                          std::span<const std::byte> data);

  // Lays out, loads and executes a trial by itself.
  bool agree(const Trial& trial);

  // The trial without the units, and with zeroes for the inputs, that the disagreement does not
  // need.
  Trial without_needless_units(Trial trial);
  Trial with_plain_inputs(Trial trial);

  // Listing, inputs, both outcomes and the difference of a trial that disagrees.
  std::string report(const Trial& trial);

 private:
  bool same(const Layout& layout, std::uint64_t offset, const Outcome& host,
            const Outcome& engine) const;

  Executor& host_;
  Executor& engine_;
  Mode mode_;
  Outcome host_outcome_;
  Outcome engine_outcome_;
};

}  // namespace orrery::isa::differential
