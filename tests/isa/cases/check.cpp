#include "isa/cases/check.hpp"

#include <algorithm>
#include <cstring>
#include <string_view>

#include "base/format.hpp"
#include "isa/sandbox.hpp"

namespace orrery::isa {
namespace {

// Calls FUNCTION with each word of TEXT until one fails.
template <typename Function>
Result<> for_each_word(std::string_view text, Function function) {
  while (!text.empty()) {
    const std::string_view word = text.substr(0, text.find(' '));
    text.remove_prefix(std::min(text.size(), word.size() + 1));
    if (!word.empty()) ORRERY_CHECK(function(word));
  }
  return {};
}

Result<> assign_all(Image& image, std::string_view text, std::uint64_t code_address) {
  return for_each_word(text, [&](std::string_view word) -> Result<> {
    const std::size_t equals = word.find('=');
    if (equals == std::string_view::npos) return fail(format("'{}' is not NAME=VALUE", word));
    return assign(image, word.substr(0, equals), word.substr(equals + 1), code_address);
  });
}

std::string joined(const std::vector<std::string>& texts) {
  std::string all;
  for (const std::string& text : texts) all += " " + text;
  return all.empty() ? " (nothing changes)" : all;
}

}  // namespace

Result<PreparedCase> prepare(const CaseFile& file, const Case& one, const Slot& slot) {
  const std::uint64_t address = kCodeBase + slot.offset;
  PreparedCase prepared{
      .before = default_image(slot.mode, address), .expected = {}, .mask = Mask(slot.mode)};
  ORRERY_CHECK(assign_all(prepared.before, one.in, address));
  if (is_32bit(slot.mode)) {
    for (auto& gpr : prepared.before.registers.gpr) gpr &= 0xffff'ffff;
  }
  prepared.expected = prepared.before;
  ORRERY_CHECK(assign_all(prepared.expected, one.out, address));
  const auto ignore = [&](std::string_view word) { return prepared.mask.ignore(word); };
  ORRERY_CHECK(for_each_word(file.undefined, ignore));
  ORRERY_CHECK(for_each_word(one.undefined, ignore));
  return prepared;
}

Result<Image> execute(Executor& executor, const Slot& slot, const Image& before) {
  std::ranges::copy(before.data, executor.data().begin());
  const Outcome outcome = executor.run(slot.mode, before.registers);
  if (outcome.failure != nullptr) {
    return fail(format("{} at RIP {:#x}", outcome.failure, outcome.state.rip));
  }
  Image after{.registers = outcome.state, .data = {}, .fault = outcome.fault};
  const auto data = executor.data();
  after.data.assign(data.begin(), data.end());
  return after;
}

std::string check(Executor& executor, const CaseFile& file, const Case& one, const Slot& slot) {
  const std::string head =
      format("{}:{}: on {}:\n  in:      {}\n", file.path, one.line, executor.name(), one.in);
  const auto prepared = prepare(file, one, slot);
  if (!prepared) return head + "  " + prepared.error().message() + "\n";
  if (!one.has_out) return head + "  has no expectation; record one (--record)\n";
  const auto after = execute(executor, slot, prepared->before);
  if (!after) return head + "  " + after.error().message() + "\n";

  const std::uint64_t address = kCodeBase + slot.offset;
  const Image& expected = prepared->expected;
  const bool same_end = expected.fault == after->fault &&
                        (!expected.fault || expected.registers.rip == after->registers.rip);
  Image compared = *after;
  compared.fault.reset();
  const auto difference = changes(expected, compared, prepared->mask, address);
  if (same_end && difference.empty()) return {};
  return head + format("  expected:{}\n  got:     {}\n  wrong:   {}{}\n",
                       joined(changes(prepared->before, expected, prepared->mask, address)),
                       joined(changes(prepared->before, *after, prepared->mask, address)),
                       joined(difference), same_end ? "" : " and how it ended");
}

}  // namespace orrery::isa
