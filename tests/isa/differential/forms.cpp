#include "isa/differential/forms.hpp"

#include <map>

#include "hypervisor/soft/decode/instruction_sets.hpp"
#include "hypervisor/soft/decode/table.hpp"
#include "isa/differences.hpp"

namespace orrery::isa::differential {
namespace {

constexpr std::uint8_t kPrefixes[] = {0, 0x66, 0xf2, 0xf3};
constexpr std::uint8_t kRexW = 0x48;

struct Bytes {
  std::uint8_t bytes[24] = {};
  std::size_t length = 0;

  void add(std::uint8_t byte) { bytes[length++] = byte; }
};

// The form with zeros for everything that it leaves open.
Bytes encode(const Form& form) {
  Bytes encoding;
  if (form.encoding != Encoding::kLegacy) {
    for (const std::uint8_t byte : vex_prefix(form, 0, form.takes_vvvv ? 1 : 0)) encoding.add(byte);
    encoding.add(form.opcode);
    encoding.add(form.modrm);
    encoding.length = 15;
    return encoding;
  }
  if (form.prefix != 0) encoding.add(form.prefix);
  if (form.wide) encoding.add(kRexW);
  if (form.map != Map::kOneByte) encoding.add(0x0f);
  if (form.map == Map::k0F38) encoding.add(0x38);
  if (form.map == Map::k0F3A) encoding.add(0x3a);
  encoding.add(form.opcode);
  encoding.add(form.modrm);
  encoding.length = 15;
  return encoding;
}

bool is_x87(const Form& form) {
  return form.map == Map::kOneByte && form.opcode >= 0xd8 && form.opcode <= 0xdf;
}
// Groups whose register forms take all of ModRM as opcode (SDM vol. 2D, table A-6): 0F 01, AE, C7.
bool is_system_group(const Form& form) {
  return form.map == Map::k0F && (form.opcode == 0x01 || form.opcode == 0xae);
}

bool wanted(const ZydisDecodedInstruction& info, std::string_view only) {
  if (!only.empty() && only != ZydisMnemonicGetString(info.mnemonic)) return false;
  return hypervisor::soft::find_row(info.mnemonic) != nullptr &&
         hypervisor::soft::has_instruction_set(info) && reason_to_skip(info.mnemonic) == nullptr &&
         info.meta.branch_type != ZYDIS_BRANCH_TYPE_FAR;
}

class Finder {
 public:
  Finder(Mode mode, std::string_view only) : decoder_(decoder_for(mode)), only_(only) {}

  void look_at(Form form) {
    for (unsigned modrm = 0; modrm < 256; ++modrm) {
      // Memory once per value of reg; registers once, or for each rm where rm belongs to the
      // opcode.
      const bool memory = modrm < 0xc0;
      form.fixed_rm = !memory && (is_x87(form) || is_system_group(form));
      if (memory ? (modrm & 0xc7) != 0 : (modrm & 7) != 0 && !form.fixed_rm) continue;
      form.modrm = static_cast<std::uint8_t>(modrm);
      form.memory = memory;
      if (!keep(form)) break;
    }
  }

  std::vector<Group> groups() {
    std::vector<Group> result;
    result.reserve(groups_.size());
    for (auto& [mnemonic, group] : groups_) result.push_back(std::move(group));
    return result;
  }

 private:
  // False where the opcode has no ModRM byte, so that others need not be tried.
  bool keep(Form form) {
    ZydisDecodedInstruction info;
    if (!decodes(form, info)) {
      if (form.encoding == Encoding::kLegacy) return true;
      form.takes_vvvv = true;
      if (!decodes(form, info)) return true;
    } else if (form.encoding != Encoding::kLegacy) {
      form.takes_vvvv = true;
      form.takes_vvvv = decodes(form, info);
      decodes(form, info);
    }
    form.has_modrm = (info.attributes & ZYDIS_ATTRIB_HAS_MODRM) != 0;
    if (wanted(info, only_)) {
      Group& group = groups_[info.mnemonic];
      group.mnemonic = info.mnemonic;
      group.privileged = (info.attributes & ZYDIS_ATTRIB_IS_PRIVILEGED) != 0;
      group.forms.push_back(form);
    }
    return form.has_modrm;
  }

  bool decodes(const Form& form, ZydisDecodedInstruction& info) const {
    const Bytes encoding = encode(form);
    return ZYAN_SUCCESS(
        ZydisDecoderDecodeInstruction(&decoder_, nullptr, encoding.bytes, encoding.length, &info));
  }

  ZydisDecoder decoder_;
  std::string_view only_;
  std::map<ZydisMnemonic, Group> groups_;
};

}  // namespace

std::array<std::uint8_t, 3> vex_prefix(const Form& form, unsigned extensions, unsigned vvvv) {
  const unsigned map = form.map == Map::k0F ? 1 : form.map == Map::k0F38 ? 2 : 3;
  const unsigned prefix = form.prefix == 0x66   ? 1
                          : form.prefix == 0xf3 ? 2
                          : form.prefix == 0xf2 ? 3
                                                : 0;
  const unsigned length = form.encoding == Encoding::kVex256 ? 1 : 0;
  return {0xc4, static_cast<std::uint8_t>((~extensions & 7) << 5 | map),
          static_cast<std::uint8_t>((form.wide ? 0x80u : 0u) | (~vvvv & 15) << 3 | length << 2 |
                                    prefix)};
}

std::vector<Group> find_groups(Mode mode, std::string_view only) {
  Finder finder(mode, only);
  for (const std::uint8_t prefix : kPrefixes) {
    for (const bool wide : {false, true}) {
      if (wide && is_32bit(mode)) continue;
      for (const Map map : {Map::kOneByte, Map::k0F, Map::k0F38, Map::k0F3A}) {
        for (unsigned opcode = 0; opcode < 256; ++opcode) {
          // Prefixes and escapes are no opcodes.
          const bool rex = !is_32bit(mode) && (opcode & 0xf0) == 0x40;
          const bool segment = (opcode & 0xe7) == 0x26 || (opcode & 0xfc) == 0x64;
          const bool other = opcode == 0x0f || (opcode & 0xfc) == 0xf0;
          if (map == Map::kOneByte && (rex || segment || (other && opcode != 0xf1))) continue;
          if (map == Map::k0F && (opcode == 0x38 || opcode == 0x3a)) continue;
          finder.look_at({.prefix = prefix,
                          .wide = wide,
                          .map = map,
                          .opcode = static_cast<std::uint8_t>(opcode)});
        }
      }
    }
  }
  for (const Encoding encoding : {Encoding::kVex128, Encoding::kVex256}) {
    for (const std::uint8_t prefix : kPrefixes) {
      for (const bool wide : {false, true}) {
        for (const Map map : {Map::k0F, Map::k0F38, Map::k0F3A}) {
          for (unsigned opcode = 0; opcode < 256; ++opcode) {
            finder.look_at({.prefix = prefix,
                            .wide = wide,
                            .encoding = encoding,
                            .map = map,
                            .opcode = static_cast<std::uint8_t>(opcode)});
          }
        }
      }
    }
  }
  return finder.groups();
}

}  // namespace orrery::isa::differential
