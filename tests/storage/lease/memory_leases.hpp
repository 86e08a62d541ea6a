// A folder of leases in memory, which several hosts see, and a clock that stands still.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "storage/lease/lease.hpp"

namespace orrery::testing {

using LeaseFiles = std::map<std::uint64_t, std::vector<std::byte>>;

class MemoryLeaseFolder final : public storage::LeaseFolder {
 public:
  explicit MemoryLeaseFolder(std::shared_ptr<LeaseFiles> files) : files_(std::move(files)) {}

  Result<std::vector<std::uint64_t>> tokens() override {
    std::vector<std::uint64_t> found;
    for (const auto& [token, bytes] : *files_) found.push_back(token);
    return found;
  }
  Result<std::optional<std::vector<std::byte>>> read(std::uint64_t token) override {
    const auto found = files_->find(token);
    if (found == files_->end()) return std::nullopt;
    return found->second;
  }
  Result<bool> create(std::uint64_t token, ByteSpan bytes) override {
    if (before_create) before_create();
    own_ = token;
    return files_->emplace(token, std::vector(bytes.begin(), bytes.end())).second;
  }
  // Into a file that is open, so also where it was removed.
  Result<> write(ByteSpan bytes) override {
    if (before_write) before_write();
    const auto found = files_->find(own_);
    if (found != files_->end()) found->second.assign(bytes.begin(), bytes.end());
    return {};
  }
  Result<bool> exists(std::uint64_t token) override { return files_->contains(token); }
  void remove(std::uint64_t token) override { files_->erase(token); }

  // What happens meanwhile.
  std::function<void()> before_create;
  std::function<void()> before_write;

 private:
  const std::shared_ptr<LeaseFiles> files_;
  std::uint64_t own_ = 0;
};

struct SetClock final : storage::LeaseClock {
  storage::Moment time{1};
  storage::Moment now() const override { return time; }
  std::uint64_t wall() const override { return 1'700'000'000'000'000'000; }
};

inline storage::LeaseOwner lease_owner(unsigned number) {
  storage::LeaseOwner owner;
  owner.boot[0] = static_cast<std::byte>(number);
  owner.boot[1] = static_cast<std::byte>(number >> 8);
  owner.host = "host-" + std::to_string(number);
  owner.process = 100 + number;
  return owner;
}

}  // namespace orrery::testing
