// The engine's decoder: any bytes, in every code size, whole and cut short, give a record or ask
// for more.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <span>

#include "hypervisor/soft/decode/decoder.hpp"

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

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto bytes = std::as_bytes(std::span(data, size));
  for (const CodeSize code_size : {CodeSize::k16, CodeSize::k32, CodeSize::k64}) {
    check(bytes, code_size);
    if (size > 1) check(bytes.first(size / 2), code_size);
  }
  return 0;
}
