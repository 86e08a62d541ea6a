#include "storage/tools/disk_lease.hpp"

#include "storage/lease/lease_keeper.hpp"

namespace orrery::storage {

Result<std::optional<LeaseDescription>> describe_lease(const std::string& path) {
  ORRERY_TRY(const auto folder, open_lease_folder(path));
  if (folder == nullptr) return std::nullopt;
  ORRERY_TRY(const auto newest, newest_lease(*folder));
  LeaseDescription described;
  if (!newest) return described;
  described.held = newest->state == LeaseRecord::State::kHeld;
  described.token = newest->token;
  described.seconds = static_cast<std::uint64_t>(newest->duration.count()) / 1000;
  described.host = newest->host;
  described.process = newest->process;
  described.text = describe(*newest);
  return described;
}

Result<> break_disk_lease(const std::string& path) {
  ORRERY_TRY(const auto folder, open_lease_folder(path));
  if (folder == nullptr) return fail(path + ": has no leases, so nobody has to wait for one");
  const Result<> broken = break_lease(*folder, boot_clock(), this_owner());
  return broken ? broken : fail(broken.error().context(path));
}

}  // namespace orrery::storage
