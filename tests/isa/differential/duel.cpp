#include "isa/differential/duel.hpp"

#include <algorithm>
#include <cstring>

#include "base/format.hpp"
#include "isa/cases/values.hpp"
#include "isa/sandbox.hpp"
#include "x86/flags.hpp"

namespace orrery::isa::differential {
namespace {

// Minimised trials lie behind the slots of the batch.
constexpr std::uint64_t kScratchOffset = 0x100000;

constexpr std::uint64_t kComparedFlags = x86::rflags::kArithmetic | x86::rflags::kDirection |
                                         x86::rflags::kNestedTask | x86::rflags::kAlignmentCheck |
                                         x86::rflags::kId;

// Zydis' C0 to C3 bits as bits of the status word.
std::uint16_t status_bits(std::uint32_t conditions) {
  return static_cast<std::uint16_t>((conditions & 7) << 8 | (conditions & 8) << 11);
}

bool same_x87(const FxImage& a, const FxImage& b, std::uint16_t ignored_status) {
  return a.control == b.control && ((a.status ^ b.status) & ~ignored_status) == 0 &&
         a.valid == b.valid && a.st == b.st;
}

// A string for a failure or an end, beside what `changes` tells.
std::string ending(const Outcome& outcome) {
  if (outcome.failure != nullptr) return format(" {} at {:#x}", outcome.failure, outcome.state.rip);
  return outcome.fault ? "" : " ends";
}

}  // namespace

bool Duel::same(const Layout& layout, std::uint64_t offset, const Outcome& host,
                const Outcome& engine) const {
  if (host.failure != nullptr || engine.failure != nullptr) return false;
  if (host.fault != engine.fault || host.state.rip != engine.state.rip) return false;
  const std::size_t at = host.fault ? host.state.rip - (kCodeBase + offset) : layout.code.size();
  const Undefined undefined = layout.undefined_at(at);
  const std::uint64_t flags = kComparedFlags & ~std::uint64_t{undefined.cpu};
  if (((host.state.rflags ^ engine.state.rflags) & flags) != 0) return false;

  const unsigned registers = is_32bit(mode_) ? 8 : 16;
  const std::uint64_t width = is_32bit(mode_) ? 0xffff'ffff : ~std::uint64_t{0};
  for (unsigned i = 0; i < registers; ++i) {
    if (((host.state.gpr[i] ^ engine.state.gpr[i]) & width) != 0) return false;
    if (host.state.fx.xmm[i] != engine.state.fx.xmm[i]) return false;
    if (host.state.upper[i] != engine.state.upper[i]) return false;
  }
  return host.state.fx.mxcsr == engine.state.fx.mxcsr &&
         same_x87(host.state.fx, engine.state.fx, status_bits(undefined.x87)) &&
         std::memcmp(host_.data().data(), engine_.data().data(), kDataSize) == 0;
}

bool Duel::agree(const Layout& layout, std::uint64_t offset, const Snapshot& start,
                 std::span<const std::byte> data) {
  std::memcpy(host_.data().data(), data.data(), kDataSize);
  std::memcpy(engine_.data().data(), data.data(), kDataSize);
  host_outcome_ = host_.run(mode_, start);
  engine_outcome_ = engine_.run(mode_, start);
  return same(layout, offset, host_outcome_, engine_outcome_);
}

bool Duel::host_was_disturbed(const Layout& layout, std::uint64_t offset, const Snapshot& start,
                              std::span<const std::byte> data) {
  const Outcome engine_before = engine_outcome_;
  const std::vector<std::byte> data_before(engine_.data().begin(), engine_.data().end());
  return agree(layout, offset, start, data) &&
         same(layout, offset, engine_before, engine_outcome_) &&
         std::ranges::equal(data_before, engine_.data());
}

bool Duel::agree(const Trial& trial) {
  const Layout layout = lay_out(trial.units, mode_, kScratchOffset);
  host_.load_code(kScratchOffset, layout.code);
  engine_.load_code(kScratchOffset, layout.code);
  Snapshot start = trial.start;
  start.rip = kCodeBase + kScratchOffset;
  return agree(layout, kScratchOffset, start, trial.data);
}

Trial Duel::without_needless_units(Trial trial) {
  for (bool shrunk = true; shrunk;) {
    shrunk = false;
    for (std::size_t i = trial.units.size(); i-- > 0;) {
      Trial smaller = trial;
      smaller.units.erase(smaller.units.begin() + static_cast<std::ptrdiff_t>(i));
      if (agree(smaller)) continue;
      trial = std::move(smaller);
      shrunk = true;
    }
  }
  return trial;
}

Trial Duel::with_plain_inputs(Trial trial) {
  const auto try_without = [&](auto& place, const auto& plain) {
    auto kept = place;
    place = plain;
    if (agree(trial)) place = kept;
  };
  const Snapshot plain;
  for (auto& gpr : trial.start.gpr) {
    if (&gpr != &trial.start.gpr[4]) try_without(gpr, std::uint64_t{0});
  }
  FxImage& fx = trial.start.fx;
  for (auto& xmm : fx.xmm) try_without(xmm, std::array<std::uint64_t, 2>{});
  for (auto& upper : trial.start.upper) try_without(upper, std::array<std::uint64_t, 2>{});
  for (auto& st : fx.st) try_without(st, FxImage::Register{});
  try_without(fx.valid, plain.fx.valid);
  try_without(fx.status, plain.fx.status);
  try_without(fx.control, plain.fx.control);
  try_without(fx.mxcsr, plain.fx.mxcsr);
  try_without(trial.start.rflags, plain.rflags);
  constexpr std::size_t kChunk = 16;
  for (std::size_t at = 0; at < trial.data.size(); at += kChunk) {
    const auto chunk = trial.data.begin() + static_cast<std::ptrdiff_t>(at);
    std::array<std::byte, kChunk> kept;
    std::copy_n(chunk, kChunk, kept.begin());
    std::fill_n(chunk, kChunk, std::byte{0});
    if (agree(trial)) std::copy(kept.begin(), kept.end(), chunk);
  }
  return trial;
}

std::string Duel::report(const Trial& trial) {
  const bool agreed = agree(trial);
  const Layout layout = lay_out(trial.units, mode_, kScratchOffset);
  const std::uint64_t address = kCodeBase + kScratchOffset;
  const auto image = [](const Outcome& outcome, std::span<const std::byte> data) {
    return Image{
        .registers = outcome.state, .data = {data.begin(), data.end()}, .fault = outcome.fault};
  };
  const Image before{.registers = trial.start, .data = trial.data, .fault = {}};
  const Image host = image(host_outcome_, host_.data());
  const Image engine = image(engine_outcome_, engine_.data());
  Mask mask(mode_);
  const Undefined undefined =
      layout.undefined_at(host.fault ? host.registers.rip - address : layout.code.size());
  const Mask all = mask;
  mask.ignore_flags(undefined.cpu);
  mask.ignore_x87_status(status_bits(undefined.x87));

  const auto joined = [](const std::vector<std::string>& texts) {
    std::string text;
    for (const std::string& one : texts) text += " " + one;
    return text;
  };
  const Image nothing{
      .registers = {}, .data = std::vector<std::byte>(trial.data.size()), .fault = {}};
  return format(
      "{}{}  inputs:    {}\n  host:      {}{}\n  {}:      {}{}\n  difference:{}\n",
      agreed ? "  (agrees when executed again)\n" : "", listing(layout, mode_, kScratchOffset),
      joined(changes(nothing, before, all, address)), joined(changes(before, host, mask, address)),
      ending(host_outcome_), engine_.name(), joined(changes(before, engine, mask, address)),
      ending(engine_outcome_), joined(changes(host, engine, mask, address)));
}

}  // namespace orrery::isa::differential
