// Every instruction in the engine's table has a test file: isa_coverage IMAGE INDEX lists those
// that occur in none, and fails when there are any.
#include <cstdio>
#include <set>
#include <span>

#include <Zydis/Zydis.h>

#include "hypervisor/soft/decode/table.hpp"
#include "isa/cases/bundle.hpp"
#include "isa/instruction.hpp"

namespace orrery::isa {
namespace {

using Mnemonics = std::set<ZydisMnemonic>;

void add_mnemonics(std::span<const std::byte> code, Mode mode, Mnemonics& found) {
  const ZydisDecoder decoder = decoder_for(mode);
  while (!code.empty()) {
    const auto instruction = decode(decoder, code);
    if (instruction) found.insert(instruction->info.mnemonic);
    code = code.subspan(instruction ? instruction->info.length : 1);  // data between instructions
  }
}

Result<Mnemonics> tested(const std::string& image_path, const std::string& index_path) {
  ORRERY_TRY(const auto image, read_image(image_path));
  ORRERY_TRY(const auto slots, read_index(index_path));
  Mnemonics found;
  for (const Slot& slot : slots) {
    add_mnemonics(std::span(image).subspan(slot.offset, slot.length), slot.mode, found);
  }
  return found;
}

unsigned list_missing(const Mnemonics& found) {
  unsigned missing = 0;
  for (int number = 0; number <= ZYDIS_MNEMONIC_MAX_VALUE; ++number) {
    const auto mnemonic = static_cast<ZydisMnemonic>(number);
    if (hypervisor::soft::find_row(mnemonic) == nullptr || found.contains(mnemonic)) continue;
    std::printf("no test file has %s\n", ZydisMnemonicGetString(mnemonic));
    ++missing;
  }
  return missing;
}

}  // namespace
}  // namespace orrery::isa

int main(int count, char** arguments) {
  if (count != 3) {
    std::fputs("usage: isa_coverage IMAGE INDEX\n", stderr);
    return 2;
  }
  const auto found = orrery::isa::tested(arguments[1], arguments[2]);
  if (!found) {
    std::fprintf(stderr, "isa_coverage: %s\n", found.error().message().c_str());
    return 2;
  }
  return orrery::isa::list_missing(*found) == 0 ? 0 : 1;
}
