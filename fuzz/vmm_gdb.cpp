// Fuzzes GDB's side of `--gdb`: packets in lines (`!` in front: bytes as they are; `~`: a vCPU
// comes to a stop), and page tables that lead anywhere.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/assert.hpp"
#include "input.hpp"
#include "support/fake_debug_target.hpp"
#include "vmm/gdb/linear_memory.hpp"
#include "vmm/gdb/session.hpp"

namespace orrery::fuzz {
namespace {

void converse(std::string_view text) {
  testing::FakeDebugTarget target;
  std::size_t sent = 0;
  vmm::gdb::Session session(target, [&](std::string_view bytes) { sent += bytes.size(); });
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    const std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    if (line.starts_with('!')) {
      session.receive(line.substr(1));
    } else if (line.starts_with('~')) {
      const auto cause = static_cast<hypervisor::DebugTrap::Cause>(line.size() % 3);
      session.trapped(VcpuId(line.size() % 2), {cause, GuestLinear(line.size())});
    } else {
      const bool stopped = !target.running || sent == 0;
      const std::size_t before = sent;
      session.receive(vmm::gdb::framed(line));
      // Whoever asks a target that stands is answered, at least by an acknowledgement or its going.
      ORRERY_ASSERT(!stopped || sent > before || target.running || target.ended);
    }
  }
  session.disconnected();
  ORRERY_ASSERT(target.running);
}

void read_through_tables(Input input) {
  static const auto memory =
      std::move(*memory::GuestMemory::create({{GuestPhysical(0), Bytes(64_KiB)}}));
  x86::CpuState state;
  state.cr0 = input.take<std::uint32_t>();
  state.cr3 = input.take<std::uint16_t>();
  state.cr4 = input.take<std::uint32_t>();
  state.efer = input.take<std::uint16_t>();
  const GuestLinear address(input.take<std::uint64_t>());
  const auto tables = input.take_bytes(16 * kPageSize);
  ORRERY_ASSERT(memory->load(GuestPhysical(0), as_bytes(tables.data(), tables.size())));
  std::byte bytes[2 * kPageSize];
  const std::size_t count = vmm::gdb::read_linear(state, *memory, address, bytes);
  ORRERY_ASSERT(count <= sizeof bytes);
  static_cast<void>(vmm::gdb::write_linear(state, *memory, address, ByteSpan(bytes).first(64)));
}

}  // namespace
}  // namespace orrery::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace orrery;
  if (size == 0) return 0;
  if (data[0] == '#') {
    fuzz::read_through_tables(fuzz::Input(data + 1, size - 1));
  } else {
    fuzz::converse({reinterpret_cast<const char*>(data), size});
  }
  return 0;
}
