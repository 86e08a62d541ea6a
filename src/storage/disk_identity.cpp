#include "storage/disk_identity.hpp"

#include <cerrno>
#include <chrono>

#include <fmt/chrono.h>
#include <sys/random.h>
#include <sys/stat.h>

#include "base/assert.hpp"
#include "base/format.hpp"

namespace orrery::storage {
namespace {

constexpr std::uint64_t kNanoseconds = 1'000'000'000;

std::string to_text(const std::array<std::byte, 16>& identifier) {
  std::string text;
  for (const std::byte each : identifier) text += format("{:02x}", static_cast<unsigned>(each));
  return text;
}

}  // namespace

DiskIdentity draw_identity() {
  DiskIdentity identity;
  identity.kind = DiskIdentity::Kind::kIdentifier;
  // So few bytes come whole, and without an error but for signals at the host's start.
  ssize_t count = 0;
  do {
    count = ::getrandom(identity.identifier.data(), identity.identifier.size(), 0);
  } while (count < 0 && errno == EINTR);
  ORRERY_ASSERT(count == static_cast<ssize_t>(identity.identifier.size()));
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  identity.changed =
      static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::nanoseconds>(now).count());
  return identity;
}

Result<DiskIdentity> identity_of_file(const std::string& path) {
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0) return fail_errno(path);
  DiskIdentity identity;
  identity.kind = DiskIdentity::Kind::kFile;
  identity.file_size = static_cast<std::uint64_t>(status.st_size);
  identity.changed = static_cast<std::uint64_t>(status.st_mtim.tv_sec) * kNanoseconds +
                     static_cast<std::uint64_t>(status.st_mtim.tv_nsec);
  return identity;
}

std::string describe(const DiskIdentity& identity) {
  const auto seconds = static_cast<std::time_t>(identity.changed / kNanoseconds);
  const std::string when = format("{:%Y-%m-%d %H:%M:%S}.{:09} UTC", fmt::gmtime(seconds),
                                  identity.changed % kNanoseconds);
  switch (identity.kind) {
    case DiskIdentity::Kind::kNone: return "unknown";
    case DiskIdentity::Kind::kIdentifier:
      return to_text(identity.identifier) + (identity.changed == 0 ? "" : " of " + when);
    case DiskIdentity::Kind::kFile:
      return format("a file of {} bytes, changed {}", identity.file_size, when);
  }
  return "";
}

}  // namespace orrery::storage
