#include "host_listing.hpp"

#include <string_view>
#include <vector>

#include <Zydis/Zydis.h>

#include "base/format.hpp"
#include "hypervisor/soft/mmu/tlb.hpp"

namespace orrery::hypervisor::soft::translate {
namespace {

struct Name {
  std::string text;
  std::int64_t start;
  std::int64_t size;
};

// The parts of a vCPU, by their distance from GS.
std::vector<Name> parts_of(const Layout& layout) {
  std::vector<Name> parts = {
      {"attention", layout.attention, 1},
      {"mxcsr", layout.mxcsr, 4},
      {"rflags", layout.rflags, 8},
      {"cs", layout.code_segment, 16},
      {"ss", layout.stack_segment, 16},
      {"gs_base", layout.gs_base, 8},
      {"kernel_gs_base", layout.kernel_gs_base, 8},
      {"lstar", layout.lstar, 8},
      {"syscall_mask", layout.syscall_mask, 8},
      {"cpl", layout.privilege, 1},
      {"access_mode", layout.access_mode, 1},
      {"tlb_entries", layout.tlb_entries, 8},
      {"fetch_view", layout.fetch_view, 8},
      {"fetch_context", layout.fetch_context, 8},
      {"vectors", layout.vectors, 16 * 32},
      {"segment_bases", layout.segment_bases, x86::kSegmentRegisters * 8},
  };
  for (unsigned number = 0; number < x86::kGprs; ++number) {
    parts.push_back({format("gpr{}", number), layout.gpr(number), 8});
  }
  constexpr std::int64_t kTlb = Tlb::kEntries * sizeof(TlbEntry);
  for (unsigned mode = 0; mode < kAccessModes; ++mode) {
    parts.push_back({format("tlb{}", mode), layout.tlb[mode], kTlb});
  }
  const auto add_field = [&](const char* name, std::size_t offset, std::size_t size) {
    parts.push_back(
        {name, layout.state + static_cast<std::int64_t>(offset), static_cast<std::int64_t>(size)});
  };
#define ORRERY_FIELD(field) add_field(#field, offsetof(State, field), sizeof(State::field))
  ORRERY_FIELD(next_rip);
  ORRERY_FIELD(exit_site);
  ORRERY_FIELD(flags);
  ORRERY_FIELD(saved_flags);
  ORRERY_FIELD(countdown);
  ORRERY_FIELD(partial);
  ORRERY_FIELD(scratch);
  ORRERY_FIELD(vectors_loaded);
  ORRERY_FIELD(vectors_allowed);
  ORRERY_FIELD(x87_loaded);
  ORRERY_FIELD(kernel);
  ORRERY_FIELD(user);
  ORRERY_FIELD(calls_are_plain);
  ORRERY_FIELD(returns_are_plain);
  ORRERY_FIELD(interrupt_waits);
  ORRERY_FIELD(page_ids);
  ORRERY_FIELD(indirect);
#undef ORRERY_FIELD
  return parts;
}

std::vector<Name> gates_of(const Gates& gates) {
  const auto at = [](const char* name, std::uint64_t address) {
    return Name{name, static_cast<std::int64_t>(address), 1};
  };
  return {at("exit_continue", gates.exit_continue),
          at("exit_continue_saved", gates.exit_continue_saved),
          at("exit_stale_saved", gates.exit_stale_saved),
          at("exit_link", gates.exit_link),
          at("exit_link_saved", gates.exit_link_saved),
          at("exit_indirect_saved", gates.exit_indirect_saved),
          at("exit_interpret", gates.exit_interpret),
          at("access", gates.access),
          at("commit", gates.commit),
          at("callout", gates.callout),
          at("system", gates.system),
          at("load_vectors", gates.load_vectors),
          at("load_avx", gates.load_avx),
          at("load_x87", gates.load_x87)};
}

// Names what an instruction refers to, in place of Zydis' own functions.
class Naming {
 public:
  Naming(const Translator& translator, const Translator::HostCode& code)
      : parts_(parts_of(translator.layout())),
        gates_(gates_of(translator.gates())),
        code_{name_of("block", code.hot), name_of("cold", code.cold)} {}

  std::string part(std::int64_t distance) const { return name_in(parts_, distance, "gs"); }

  std::string address(std::int64_t address) const {
    const std::string within = name_in(code_, address, "");
    return within.empty() ? name_in(gates_, address, "elsewhere") : within;
  }

 private:
  static Name name_of(const char* part, ByteSpan code) {
    return {part, reinterpret_cast<std::int64_t>(code.data()),
            static_cast<std::int64_t>(code.size())};
  }
  static std::string name_in(const std::vector<Name>& names, std::int64_t place,
                             std::string_view otherwise) {
    for (const Name& name : names) {
      const std::int64_t distance = place - name.start;
      if (distance == 0) return name.text;
      if (distance > 0 && distance < name.size) return format("{}+{:#x}", name.text, distance);
    }
    return std::string(otherwise);
  }

  std::vector<Name> parts_;
  std::vector<Name> gates_;
  std::vector<Name> code_;
};

ZyanStatus append(ZydisFormatterBuffer* buffer, const std::string& text) {
  ZyanString* string = nullptr;
  ZYAN_CHECK(ZydisFormatterBufferAppend(buffer, ZYDIS_TOKEN_SYMBOL));
  ZYAN_CHECK(ZydisFormatterBufferGetString(buffer, &string));
  ZyanStringView view;
  ZYAN_CHECK(ZyanStringViewInsideBufferEx(&view, text.data(), text.size()));
  return ZyanStringAppend(string, &view);
}

const Naming& naming_of(const ZydisFormatterContext* context) {
  return *static_cast<const Naming*>(context->user_data);
}

ZyanStatus print_displacement(const ZydisFormatter*, ZydisFormatterBuffer* buffer,
                              ZydisFormatterContext* context) {
  const ZydisDecodedOperandMem& memory = context->operand->mem;
  const std::int64_t distance = memory.disp.value;
  if (memory.segment == ZYDIS_REGISTER_GS) {
    return append(buffer, "+" + naming_of(context).part(distance));
  }
  if (distance == 0) return ZYAN_STATUS_SUCCESS;
  return append(buffer, distance < 0 ? format("-{:#x}", -distance) : format("+{:#x}", distance));
}

ZyanStatus print_address(const ZydisFormatter*, ZydisFormatterBuffer* buffer,
                         ZydisFormatterContext* context) {
  ZyanU64 address = 0;
  ZYAN_CHECK(ZydisCalcAbsoluteAddress(context->instruction, context->operand,
                                      context->runtime_address, &address));
  const bool of_vcpu = context->operand->type == ZYDIS_OPERAND_TYPE_MEMORY &&
                       context->operand->mem.segment == ZYDIS_REGISTER_GS;
  const auto place = static_cast<std::int64_t>(address);
  return append(buffer,
                of_vcpu ? naming_of(context).part(place) : naming_of(context).address(place));
}

// The engine's records lie where the host's allocator puts them.
ZyanStatus print_immediate(const ZydisFormatter*, ZydisFormatterBuffer* buffer,
                           ZydisFormatterContext* context) {
  constexpr std::uint64_t kLowestRecord = std::uint64_t{1} << 40;
  constexpr std::uint64_t kHighestRecord = std::uint64_t{1} << 47;
  const std::uint64_t value = context->operand->imm.value.u;
  if (value >= kLowestRecord && value < kHighestRecord) return append(buffer, "<record>");
  const bool negative = context->operand->imm.is_signed != 0 && context->operand->imm.value.s < 0;
  return append(
      buffer, negative ? format("-{:#x}", -context->operand->imm.value.s) : format("{:#x}", value));
}

template <typename Function>
void hook(ZydisFormatter& formatter, ZydisFormatterFunction which, Function function) {
  const void* pointer = reinterpret_cast<const void*>(function);
  ZydisFormatterSetHook(&formatter, which, &pointer);
}

std::string list(Naming& naming, ByteSpan code) {
  ZydisFormatter formatter;
  ZydisFormatterInit(&formatter, ZYDIS_FORMATTER_STYLE_INTEL);
  hook(formatter, ZYDIS_FORMATTER_FUNC_PRINT_DISP, &print_displacement);
  hook(formatter, ZYDIS_FORMATTER_FUNC_PRINT_ADDRESS_ABS, &print_address);
  hook(formatter, ZYDIS_FORMATTER_FUNC_PRINT_IMM, &print_immediate);
  ZydisDecoder decoder;
  ZydisDecoderInit(&decoder, ZYDIS_MACHINE_MODE_LONG_64, ZYDIS_STACK_WIDTH_64);
  std::string text;
  for (std::size_t at = 0; at < code.size();) {
    ZydisDecodedInstruction info;
    ZydisDecodedOperand operands[ZYDIS_MAX_OPERAND_COUNT];
    if (!ZYAN_SUCCESS(ZydisDecoderDecodeFull(&decoder, code.data() + at, code.size() - at, &info,
                                             operands))) {
      return text + "  (not an instruction)\n";
    }
    char line[160] = {};
    ZydisFormatterFormatInstruction(&formatter, &info, operands, info.operand_count_visible, line,
                                    sizeof line, reinterpret_cast<std::uint64_t>(code.data()) + at,
                                    &naming);
    text += format("{:4x}  {}\n", at, static_cast<const char*>(line));
    at += info.length;
  }
  return text;
}

}  // namespace

std::string host_listing(Translator& translator, std::uint64_t rip) {
  const Translator::HostCode code = translator.host_code(rip);
  Naming naming(translator, code);
  return list(naming, code.hot) + "\ncold:\n" + list(naming, code.cold);
}

}  // namespace orrery::hypervisor::soft::translate
