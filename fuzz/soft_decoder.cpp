// The engine's decoder: any bytes, in every code size, whole and cut short, give a record or ask
// for more; and the same record where their form has been seen before.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <span>

#include "hypervisor/soft/decode/decoder.hpp"
#include "hypervisor/soft/decode/form_cache.hpp"

namespace {

using namespace orrery;
using hypervisor::soft::CodeSize;
using hypervisor::soft::DecodeStatus;
using hypervisor::soft::Instruction;

constexpr std::size_t kLongest = 15;

void check(ByteSpan bytes, CodeSize size) {
  Instruction record;
  const DecodeStatus status = hypervisor::soft::decode(bytes, size, 0, record);
  // Fifteen bytes are always enough to know, and a decoded record can be executed.
  if (status == DecodeStatus::kTruncated) {
    if (bytes.size() >= kLongest) std::abort();
    return;
  }
  if (record.handler == nullptr || record.length == 0 || record.length > kLongest) std::abort();
}

// A second decoding of the same bytes comes from the cache, as does one of the form that other
// bytes have brought in.
void check_forms(ByteSpan bytes) {
  static hypervisor::soft::FormCache forms;
  for (int again = 0; again < 2; ++again) {
    Instruction expected;
    Instruction record;
    const DecodeStatus status = hypervisor::soft::decode(bytes, CodeSize::k64, 7, expected);
    if (forms.decode(bytes, 7, record) != status) std::abort();
    if (status != DecodeStatus::kTruncated && record != expected) std::abort();
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto bytes = std::as_bytes(std::span(data, size));
  for (const CodeSize code_size : {CodeSize::k16, CodeSize::k32, CodeSize::k64}) {
    check(bytes, code_size);
    if (size > 1) check(bytes.first(size / 2), code_size);
  }
  for (std::size_t start = 0; start < size; ++start) check_forms(bytes.subspan(start));
  return 0;
}
