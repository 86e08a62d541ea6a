// simd_rows(): MMX, SSE to SSE4.2 and AVX put together from their groups.
#include <algorithm>
#include <string>
#include <vector>

#include "hypervisor/soft/interpret/simd/avx.hpp"
#include "hypervisor/soft/interpret/simd/groups.hpp"

namespace orrery::hypervisor::soft {

namespace simd {

void raise_sse_unavailable(Cpu& cpu) {
  const bool undefined =
      (cpu.state.cr0 & x86::cr0::kEmulation) != 0 || (cpu.state.cr4 & x86::cr4::kFxsave) == 0;
  cpu.raise(undefined ? x86::Exception::kInvalidOpcode : x86::Exception::kDeviceNotAvailable);
}

void raise_mmx_unavailable(Cpu& cpu) {
  if ((cpu.state.cr0 & x86::cr0::kEmulation) != 0) cpu.raise(x86::Exception::kInvalidOpcode);
  if ((cpu.state.cr0 & x86::cr0::kTaskSwitched) != 0) {
    cpu.raise(x86::Exception::kDeviceNotAvailable);
  }
  cpu.raise(x86::Exception::kX87FloatingPoint);
}

namespace {

// The mnemonic of that name, or INVALID.
ZydisMnemonic mnemonic_named(const std::string& name) {
  static const std::vector<std::string> names = [] {
    std::vector<std::string> all;
    for (int n = 0; n <= ZYDIS_MNEMONIC_MAX_VALUE; ++n) {
      all.emplace_back(ZydisMnemonicGetString(static_cast<ZydisMnemonic>(n)));
    }
    return all;
  }();
  const auto found = std::ranges::find(names, name);
  return found == names.end() ? ZYDIS_MNEMONIC_INVALID
                              : static_cast<ZydisMnemonic>(found - names.begin());
}

// An SSE instruction PADDB has a VEX-encoded form VPADDB, which the same selector serves; but for
// those that have a row of their own.
void add_vex_forms(std::vector<Row>& rows) {
  const auto has_row = [&rows](ZydisMnemonic mnemonic) {
    return std::ranges::find(rows, mnemonic, &Row::mnemonic) != rows.end();
  };
  const std::size_t count = rows.size();
  for (std::size_t n = 0; n < count; ++n) {
    const ZydisMnemonic vex =
        mnemonic_named(std::string("v") + ZydisMnemonicGetString(rows[n].mnemonic));
    if (vex != ZYDIS_MNEMONIC_INVALID && !has_row(vex)) rows.push_back({vex, rows[n].select});
  }
}

}  // namespace
}  // namespace simd

std::span<const Row> simd_rows() {
  static const std::vector<Row> rows = [] {
    std::vector<Row> all;
    for (const auto group :
         {simd::packed_arithmetic_rows, simd::packed_logic_rows, simd::packed_shuffle_rows,
          simd::move_rows, simd::transfer_rows, simd::string_compare_rows,
          simd::float_arithmetic_rows, simd::float_compare_rows, simd::float_convert_rows,
          simd::crypto_rows, simd::state_rows, simd::avx_permute_rows, simd::avx_masked_rows,
          simd::fused_rows, simd::half_precision_rows}) {
      const auto part = group();
      all.insert(all.end(), part.begin(), part.end());
    }
    simd::add_vex_forms(all);
    return all;
  }();
  return rows;
}

}  // namespace orrery::hypervisor::soft
