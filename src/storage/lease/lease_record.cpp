#include "storage/lease/lease_record.hpp"

#include <algorithm>
#include <ctime>
#include <string_view>

#include <fmt/chrono.h>

#include "base/format.hpp"
#include "storage/io/crc32c.hpp"

namespace orrery::storage {
namespace {

using namespace std::string_view_literals;

constexpr std::string_view kMagic = "ORLEASE\0"sv;
constexpr std::uint32_t kVersion = 1;

namespace at {
constexpr std::size_t kVersion = 8;     // u32
constexpr std::size_t kState = 12;      // u32
constexpr std::size_t kToken = 16;      // u64
constexpr std::size_t kBeats = 24;      // u64
constexpr std::size_t kDuration = 32;   // u64, milliseconds
constexpr std::size_t kTaken = 40;      // u64
constexpr std::size_t kRenewed = 48;    // u64
constexpr std::size_t kBoot = 56;       // 16 bytes
constexpr std::size_t kProcess = 72;    // u32
constexpr std::size_t kHostSize = 76;   // u32
constexpr std::size_t kHost = 80;       // 64 bytes
constexpr std::size_t kChecksum = 508;  // u32
}  // namespace at

std::string utc(std::uint64_t nanoseconds) {
  return format("{:%Y-%m-%d %H:%M:%S} UTC",
                fmt::gmtime(static_cast<std::time_t>(nanoseconds / 1'000'000'000)));
}

bool is_known(std::uint32_t state) {
  return state == static_cast<std::uint32_t>(LeaseRecord::State::kHeld) ||
         state == static_cast<std::uint32_t>(LeaseRecord::State::kReleased);
}

}  // namespace

LeaseBytes to_bytes(const LeaseRecord& record) {
  LeaseBytes bytes{};
  const ByteSpan magic = as_bytes(kMagic.data(), kMagic.size());
  std::copy(magic.begin(), magic.end(), bytes.begin());
  store_le(&bytes[at::kVersion], kVersion);
  store_le(&bytes[at::kState], static_cast<std::uint32_t>(record.state));
  store_le(&bytes[at::kToken], record.token);
  store_le(&bytes[at::kBeats], record.beats);
  store_le(&bytes[at::kDuration], static_cast<std::uint64_t>(record.duration.count()));
  store_le(&bytes[at::kTaken], record.taken);
  store_le(&bytes[at::kRenewed], record.renewed);
  std::copy(record.boot.begin(), record.boot.end(), &bytes[at::kBoot]);
  store_le(&bytes[at::kProcess], record.process);
  const std::size_t letters = std::min(record.host.size(), LeaseRecord::kMostHost);
  store_le(&bytes[at::kHostSize], static_cast<std::uint32_t>(letters));
  const ByteSpan host = as_bytes(record.host.data(), letters);
  std::copy(host.begin(), host.end(), &bytes[at::kHost]);
  store_le(&bytes[at::kChecksum], crc32c(bytes, at::kChecksum));
  return bytes;
}

Result<LeaseRecord> parse_lease(ByteSpan bytes) {
  const ByteSpan magic = as_bytes(kMagic.data(), kMagic.size());
  if (bytes.size() != LeaseRecord::kBytes ||
      !std::equal(magic.begin(), magic.end(), bytes.begin())) {
    return fail("is no lease");
  }
  const auto version = load_le<std::uint32_t>(&bytes[at::kVersion]);
  if (version != kVersion) {
    return fail(format("is of version {}, which a later Orrery knows", version));
  }
  if (load_le<std::uint32_t>(&bytes[at::kChecksum]) != crc32c(bytes, at::kChecksum)) {
    return fail("is damaged: its checksum is another one");
  }
  const auto state = load_le<std::uint32_t>(&bytes[at::kState]);
  const auto duration = load_le<std::uint64_t>(&bytes[at::kDuration]);
  const auto letters = load_le<std::uint32_t>(&bytes[at::kHostSize]);
  constexpr std::chrono::milliseconds kShortest = kShortestLease;
  constexpr std::chrono::milliseconds kLongest = kLongestLease;
  if (!is_known(state) || letters > LeaseRecord::kMostHost ||
      duration < static_cast<std::uint64_t>(kShortest.count()) ||
      duration > static_cast<std::uint64_t>(kLongest.count())) {
    return fail("is damaged: it has a value that there is not");
  }
  LeaseRecord record;
  record.state = static_cast<LeaseRecord::State>(state);
  record.token = load_le<std::uint64_t>(&bytes[at::kToken]);
  record.beats = load_le<std::uint64_t>(&bytes[at::kBeats]);
  record.duration = std::chrono::milliseconds(duration);
  record.taken = load_le<std::uint64_t>(&bytes[at::kTaken]);
  record.renewed = load_le<std::uint64_t>(&bytes[at::kRenewed]);
  std::copy_n(bytes.begin() + at::kBoot, record.boot.size(), record.boot.begin());
  record.process = load_le<std::uint32_t>(&bytes[at::kProcess]);
  record.host.assign(reinterpret_cast<const char*>(&bytes[at::kHost]), letters);
  return record;
}

std::string describe(const LeaseRecord& record) {
  std::string host = record.host;
  // It comes from a file that others write to.
  std::replace_if(
      host.begin(), host.end(), [](char c) { return c < ' ' || c > '~'; }, '?');
  return format("{} (process {}), since {}, renewed {}, token {}", host, record.process,
                utc(record.taken), utc(record.renewed), record.token);
}

}  // namespace orrery::storage
