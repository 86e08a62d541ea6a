// What a panel does from time to time, unasked.
#pragma once

#include <chrono>

#include "cluster/registry/registry.hpp"

namespace orrery::cluster {

// How long the logs, and answers for repeated requests, are kept.
inline constexpr std::chrono::hours kEventsKept{24 * 7};
inline constexpr std::chrono::hours kAuditKept{24 * 90};
inline constexpr std::chrono::hours kRepeatsKept{24};
inline constexpr std::chrono::hours kEpochsKept{24 * 365};

// Marks platforms as lost, places VMs that wait. Every second.
Outcome<> look_after(const Registry& registry);

// Removes what has been kept long enough, a thousand records at most. Every minute.
Outcome<> forget_old(const Registry& registry);

}  // namespace orrery::cluster
