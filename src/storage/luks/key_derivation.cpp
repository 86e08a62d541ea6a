#include "storage/luks/key_derivation.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <thread>

#include <unistd.h>

#include "base/format.hpp"
#include "storage/luks/crypto.hpp"

namespace orrery::storage::luks {
namespace {

using Kind = KeyDerivation::Kind;

// What guessing one passphrase should cost on this host.
constexpr double kSeconds = 2.0;
constexpr std::uint32_t kLeastPasses = 4;          // of argon2, as cryptsetup
constexpr std::uint32_t kLeastIterations = 1000;   // of PBKDF2, as cryptsetup
constexpr std::uint32_t kUsualMemory = 1u << 20;   // KiB
constexpr std::uint32_t kLeastMemory = 32u << 10;  // KiB, of a measured slot
constexpr std::uint32_t kMostIterations = 1u << 30;

Result<double> seconds_of(const KeyDerivation& how) {
  const auto begin = std::chrono::steady_clock::now();
  ORRERY_TRY(const SecretBytes key, derive_key(how, as_bytes("measured", 8), 64));
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

std::uint32_t half_of_memory() {
  const auto pages = static_cast<std::uint64_t>(std::max(::sysconf(_SC_PHYS_PAGES), 0l));
  const auto page = static_cast<std::uint64_t>(std::max(::sysconf(_SC_PAGESIZE), 0l));
  return static_cast<std::uint32_t>(
      std::min<std::uint64_t>(pages * page / 2 / 1024, KeyDerivation::kMostMemory));
}

Result<> measure_argon2(KeyDerivation& how) {
  how.iterations = 1;
  ORRERY_TRY(const double once, seconds_of(how));
  const double passes = kSeconds / std::max(once, 1e-6);
  how.iterations = static_cast<std::uint32_t>(std::clamp(passes, 4.0, 1e6));
  static_assert(kLeastPasses == 4);
  // Too slow even so: less memory, which is time, too.
  if (passes < kLeastPasses) {
    how.memory = std::max(static_cast<std::uint32_t>(how.memory * passes / kLeastPasses),
                          std::min(kLeastMemory, how.memory));
  }
  return {};
}

Result<> measure_pbkdf2(KeyDerivation& how) {
  how.iterations = 1u << 16;
  ORRERY_TRY(const double taken, seconds_of(how));
  const double wanted = how.iterations * kSeconds / std::max(taken, 1e-6);
  how.iterations = static_cast<std::uint32_t>(
      std::clamp(wanted, double{kLeastIterations}, double{kMostIterations}));
  return {};
}

}  // namespace

std::string_view name_of(Kind kind) {
  switch (kind) {
    case Kind::kPbkdf2: return "pbkdf2";
    case Kind::kArgon2i: return "argon2i";
    case Kind::kArgon2id: return "argon2id";
  }
  return "";
}

Result<Kind> parse_derivation(std::string_view name) {
  for (const Kind each : {Kind::kPbkdf2, Kind::kArgon2i, Kind::kArgon2id}) {
    if (name == name_of(each)) return each;
  }
  return fail(format("\"{}\" derives no keys here; it is argon2id, argon2i or pbkdf2", name));
}

Result<SecretBytes> derive_key(const KeyDerivation& how, ByteSpan passphrase, std::size_t size) {
  SecretBytes key(size);
  if (how.kind == Kind::kPbkdf2) {
    ORRERY_CHECK(pbkdf2(how.hash, passphrase, how.salt, how.iterations, key.bytes()));
    return key;
  }
  const Argon2 cost{.with_data_independence_first = how.kind == Kind::kArgon2id,
                    .passes = how.iterations,
                    .memory = how.memory,
                    .lanes = how.lanes};
  ORRERY_CHECK(argon2(cost, passphrase, how.salt, key.bytes()));
  return key;
}

Result<KeyDerivation> choose_derivation(const DerivationCost& cost) {
  KeyDerivation how;
  how.kind = cost.kind;
  how.salt.resize(32);
  draw_random(how.salt);
  how.iterations = cost.iterations;
  const bool argon2 = cost.kind != Kind::kPbkdf2;
  if (!argon2 && (cost.memory != 0 || cost.lanes != 0)) {
    return fail("pbkdf2 takes neither memory nor threads; leave them away, or take argon2id");
  }
  if (argon2) {
    how.lanes = cost.lanes != 0 ? cost.lanes
                                : std::clamp(std::thread::hardware_concurrency(), 1u,
                                             KeyDerivation::kMostLanes);
    how.memory = cost.memory != 0 ? cost.memory : std::min(kUsualMemory, half_of_memory());
    // 8 KiB for each lane: RFC 9106, section 3.1.
    if (how.lanes > KeyDerivation::kMostLanes || how.memory > KeyDerivation::kMostMemory ||
        how.memory < 8 * how.lanes) {
      return fail(
          format("{} KiB of memory by {} threads: argon2 takes 8 KiB for each thread to 4 "
                 "GiB, and 1 to 4 threads",
                 how.memory, how.lanes));
    }
  }
  if (how.iterations == 0) ORRERY_CHECK(argon2 ? measure_argon2(how) : measure_pbkdf2(how));
  if (how.iterations > kMostIterations) {
    return fail(format("{} iterations are more than {}", how.iterations, kMostIterations));
  }
  if (!argon2 && how.iterations < kLeastIterations) {
    return fail(
        format("{} iterations: pbkdf2 takes {} at least", how.iterations, kLeastIterations));
  }
  return how;
}

}  // namespace orrery::storage::luks
