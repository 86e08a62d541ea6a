#include "isa/differential/sequence.hpp"

#include <algorithm>
#include <cstring>

#include "base/format.hpp"
#include "isa/instruction.hpp"
#include "isa/sandbox.hpp"

namespace orrery::isa::differential {
namespace {

// CMP EAX, imm32 defines all six arithmetic flags; FNINIT all of the x87's.
constexpr std::uint8_t kDefineFlags[] = {0x3d, 0x12, 0x34, 0x56, 0x78};
constexpr std::uint8_t kDefineX87[] = {0xdb, 0xe3};

class Composer {
 public:
  Composer(std::span<const Unit> units, Mode mode, std::uint64_t offset)
      : units_(units), mode_(mode), address_(kCodeBase + offset) {
    layout_.undefined.resize(units.size() + 1);
    layout_.code.reserve(512);
  }

  Layout compose() {
    for (std::size_t i = 0; i < units_.size(); ++i) {
      layout_.starts.push_back(layout_.code.size());
      append_unit(i);
    }
    layout_.starts.push_back(layout_.code.size());
    append_exit();
    for (std::size_t i = 0; i < units_.size(); ++i) resolve(i);
    return std::move(layout_);
  }

 private:
  void append(std::span<const std::uint8_t> bytes) {
    const auto view = std::as_bytes(bytes);
    layout_.code.insert(layout_.code.end(), view.begin(), view.end());
  }

  void append_unit(std::size_t i) {
    const Unit& unit = units_[i];
    Undefined now = layout_.undefined[i];
    if ((unit.cpu.tested & now.cpu) != 0) {
      append(kDefineFlags);
      now.cpu = 0;
    }
    if ((unit.x87.tested & now.x87) != 0) {
      append(kDefineX87);
      now.x87 = 0;
    }
    // A fault in the unit finds these undefined.
    layout_.undefined[i].cpu |= now.cpu;
    ends_.push_back(layout_.code.size() + unit.bytes.size());
    append(unit.bytes);

    const Undefined after = {.cpu = (now.cpu & ~unit.cpu.defined) | unit.cpu.undefined,
                             .x87 = (now.x87 & ~unit.x87.defined) | unit.x87.undefined};
    merge(i + 1, after);
    for (const Unit::Target& target : unit.targets) {
      if (target.data == 0) merge(landing(i, target), after);
    }
  }

  void merge(std::size_t i, Undefined undefined) {
    layout_.undefined[i].cpu |= undefined.cpu;
    layout_.undefined[i].x87 |= undefined.x87;
  }

  std::size_t landing(std::size_t i, const Unit::Target& target) const {
    return std::min(i + 1 + target.skipped, units_.size());
  }

  void append_exit() {
    const std::uint64_t hole = is_32bit(mode_) ? kExitUser32 : kExitUser64;
    const auto distance = static_cast<std::uint32_t>(hole - (address_ + layout_.code.size() + 5));
    std::uint8_t jump[5] = {0xe9};
    std::memcpy(jump + 1, &distance, sizeof distance);
    append(jump);
  }

  void resolve(std::size_t i) {
    const std::size_t end = ends_[i];
    const std::size_t start = end - units_[i].bytes.size();
    for (const Unit::Target& target : units_[i].targets) {
      std::uint64_t value =
          target.data != 0 ? target.data : address_ + layout_.starts[landing(i, target)];
      if (target.relative) value -= address_ + end;
      std::memcpy(layout_.code.data() + start + target.at, &value, target.size);
    }
  }

  std::span<const Unit> units_;
  Mode mode_;
  std::uint64_t address_;
  Layout layout_;
  std::vector<std::size_t> ends_;
};

}  // namespace

Undefined Layout::undefined_at(std::size_t offset) const {
  for (std::size_t i = starts.size(); i-- > 0;) {
    if (starts[i] <= offset) return undefined[i];
  }
  return {};
}

Layout lay_out(std::span<const Unit> units, Mode mode, std::uint64_t offset) {
  return Composer(units, mode, offset).compose();
}

std::string listing(const Layout& layout, Mode mode, std::uint64_t offset) {
  const ZydisDecoder decoder = decoder_for(mode);
  ZydisFormatter formatter;
  ZydisFormatterInit(&formatter, ZYDIS_FORMATTER_STYLE_INTEL);
  std::string text;
  for (std::size_t at = 0; at < layout.code.size();) {
    const auto instruction = decode(decoder, std::span(layout.code).subspan(at));
    if (!instruction) return text + "    (bytes that Zydis does not decode)\n";
    const auto& [info, operands] = *instruction;
    char line[128] = {};
    ZydisFormatterFormatInstruction(&formatter, &info, operands, info.operand_count_visible, line,
                                    sizeof line, kCodeBase + offset + at, nullptr);
    std::string bytes;
    for (std::size_t i = 0; i < info.length; ++i) {
      bytes += format("{:02x}", static_cast<unsigned>(layout.code[at + i]));
    }
    text += format("    {}{:4x}  {:<24} {}\n",
                   std::ranges::count(layout.starts, at) != 0 ? '>' : ' ', at, bytes, line);
    at += info.length;
  }
  return text;
}

}  // namespace orrery::isa::differential
