// Under which keys the registry's records are: the one list. Names have no slash.
#pragma once

#include <string>

#include "base/format.hpp"

namespace orrery::cluster::keys {

inline constexpr const char* kVms = "vms/";              // NAME: Vm
inline constexpr const char* kPlatforms = "platforms/";  // NAME: Platform
inline constexpr const char* kLeases =
    "leases/";  // PLATFORM: until when, ns since 1970; through which panel
inline constexpr const char* kPending = "pending/";  // VM: nothing; it waits for a platform
inline constexpr const char* kOwned = "owned/";      // PLATFORM/VM: what it is apart from
inline constexpr const char* kEpochs = "epochs/";    // VM that was removed: its last epoch
inline constexpr const char* kUsers = "users/";      // NAME: User
inline constexpr const char* kTokens = "tokens/";    // digest of a user's token: NAME
inline constexpr const char* kHosts = "hosts/";      // digest of an agent's secret: PLATFORM
inline constexpr const char* kJoins = "joins/";      // digest of a join token: until when
inline constexpr const char* kRepeats = "repeats/";  // USER/KEY: Repeat
inline constexpr const char* kEvents = "events/";    // TIME-NUMBER: Event
inline constexpr const char* kAudit = "audit/";      // TIME-NUMBER: who asked for what

inline std::string vm(const std::string& name) {
  return kVms + name;
}
inline std::string platform(const std::string& name) {
  return kPlatforms + name;
}
inline std::string lease(const std::string& platform) {
  return kLeases + platform;
}
inline std::string pending(const std::string& vm) {
  return kPending + vm;
}
inline std::string epoch(const std::string& vm) {
  return kEpochs + vm;
}
inline std::string owned_by(const std::string& platform) {
  return format("{}{}/", kOwned, platform);
}
inline std::string owned(const std::string& platform, const std::string& vm) {
  return owned_by(platform) + vm;
}
inline std::string repeat(const std::string& user, const std::string& key) {
  return format("{}{}/{}", kRepeats, user, key);
}

// The last part: "web-1" of "vms/web-1".
inline std::string name_in(const std::string& key) {
  return key.substr(key.rfind('/') + 1);
}

}  // namespace orrery::cluster::keys
