#include "isa/vm/address_space.hpp"

#include <array>
#include <cstring>

#include "isa/sandbox.hpp"
#include "x86/control_registers.hpp"

namespace orrery::isa::vm {
namespace {

constexpr std::uint64_t kPml4 = 0x1000;
constexpr std::uint64_t kPdpt = 0x2000;
constexpr std::uint64_t kPageDirectory = 0x3000;
constexpr std::uint64_t kLowTable = 0x4000;
constexpr std::uint64_t kCodeTable = 0x5000;
constexpr std::uint64_t kDataTable = 0x6000;
constexpr std::uint64_t kGdt = 0x7000;
constexpr std::uint64_t kTss = 0x8000;
constexpr std::uint64_t kIdt = 0x9000;
constexpr std::uint16_t kTssSelector = 0x38;

// Page-table entries (SDM vol. 3A, 4.5).
constexpr std::uint64_t kPresent = 1;
constexpr std::uint64_t kWritable = 2;
constexpr std::uint64_t kUser = 4;
constexpr std::uint64_t kAccessedDirty = 0x60;

// Descriptors (SDM vol. 3A, 3.4.5): flat, accessed.
constexpr std::uint64_t kCode64Supervisor = 0x00af'9b00'0000'ffff;
constexpr std::uint64_t kCode32Supervisor = 0x00cf'9b00'0000'ffff;
constexpr std::uint64_t kDataSupervisor = 0x00cf'9300'0000'ffff;
constexpr std::uint64_t kCode64User = 0x00af'fb00'0000'ffff;
constexpr std::uint64_t kCode32User = 0x00cf'fb00'0000'ffff;
constexpr std::uint64_t kDataUser = 0x00cf'f300'0000'ffff;

// OUT to kEndPort, for hypervisors that keep HLT to themselves; HLT for the others.
constexpr std::byte kEnd[] = {std::byte{0xe6}, std::byte{kEndPort}, std::byte{0xf4}};
constexpr std::byte kInt3{0xcc};

class Writer {
 public:
  explicit Writer(memory::GuestMemory& memory) : memory_(memory) {}

  void word64(std::uint64_t address, std::uint64_t value) {
    good_ = memory_.write(GuestPhysical(address), std::as_bytes(std::span(&value, 1))) && good_;
  }
  void bytes(std::uint64_t address, std::span<const std::byte> values) {
    good_ = memory_.write(GuestPhysical(address), values) && good_;
  }
  void fill(std::uint64_t address, std::uint64_t size, std::byte value) {
    const std::vector<std::byte> bytes(size, value);
    good_ = memory_.write(GuestPhysical(address), bytes) && good_;
  }
  bool good() const { return good_; }

 private:
  memory::GuestMemory& memory_;
  bool good_ = true;
};

void write_page_tables(Writer& writer) {
  constexpr std::uint64_t kTable = kPresent | kWritable | kUser | kAccessedDirty;
  writer.word64(kPml4, kPdpt | kTable);
  writer.word64(kPdpt, kPageDirectory | kTable);
  writer.word64(kPageDirectory, kLowTable | kTable);
  writer.word64(kPageDirectory + (kCodeBase >> 21) * 8, kCodeTable | kTable);
  writer.word64(kPageDirectory + (kDataBase >> 21) * 8, kDataTable | kTable);
  for (std::uint64_t page = 0; page < 512; ++page) {
    const std::uint64_t address = page * kPageSize;
    if (address < 0x10000) {
      writer.word64(kLowTable + page * 8, address | kPresent | kWritable | kAccessedDirty);
    }
    writer.word64(kCodeTable + page * 8, (kCodePhysical + address) | kTable);
    const bool read_only = address == kReadOnlyBase - kDataBase;
    if (address < kDataSize || read_only) {
      writer.word64(kDataTable + page * 8,
                    (kDataPhysical + address) | (read_only ? kTable & ~kWritable : kTable));
    }
  }
}

void write_descriptors(Writer& writer) {
  writer.word64(kGdt + kSupervisorCode32, kCode32Supervisor);
  writer.word64(kGdt + kSupervisorCode64, kCode64Supervisor);
  writer.word64(kGdt + kSupervisorData, kDataSupervisor);
  writer.word64(kGdt + (kUserCode32 & ~7u), kCode32User);
  writer.word64(kGdt + (kUserData & ~7u), kDataUser);
  writer.word64(kGdt + (kUserCode64 & ~7u), kCode64User);
  // A busy 64-bit TSS (type 11) with a limit of 0x67; base below 16 MiB.
  writer.word64(kGdt + kTssSelector, 0x0000'8b00'0000'0067 | kTss << 16);
  writer.word64(kGdt + kTssSelector + 8, 0);
  writer.word64(kTss + 4, kHandlerStackTop);            // RSP0
  writer.word64(kTss + 36, kHandlerStackTop);           // IST1
  writer.word64(kTss + 96, std::uint64_t{0x68} << 48);  // I/O map beyond the limit: none
  for (std::uint64_t vector = 0; vector < 256; ++vector) {
    const std::uint64_t handler = kHandlers + vector * kHandlerDistance;
    // Interrupt gate (type 14), DPL 3, IST 1 (SDM vol. 3A, 6.14.1).
    writer.word64(kIdt + vector * 16, (handler & 0xffff) | std::uint64_t{kSupervisorCode64} << 16 |
                                          std::uint64_t{0xee01} << 32 | (handler >> 16) << 48);
  }
}

x86::Segment flat(std::uint16_t selector, std::uint16_t attributes) {
  return {.selector = selector,
          .attributes = x86::SegmentAttributes(attributes),
          .limit = 0xffff'ffff,
          .base = 0};
}

x86::Segment code_segment(Mode mode) {
  switch (mode) {
    case Mode::kUser32: return flat(kUserCode32, 0xc0fb);
    case Mode::kSupervisor64: return flat(kSupervisorCode64, 0xa09b);
    case Mode::kUser64: break;
  }
  return flat(kUserCode64, 0xa0fb);
}

}  // namespace

Result<> lay_out(memory::GuestMemory& memory) {
  Writer writer(memory);
  write_page_tables(writer);
  write_descriptors(writer);
  for (std::uint64_t vector = 0; vector < 256; ++vector) {
    writer.bytes(kHandlers + vector * kHandlerDistance, kEnd);
  }
  writer.fill(kCodePhysical + kCodeSize, kPageSize / 2, kInt3);
  writer.bytes(kCodePhysical + (kExitSupervisor - kCodeBase), kEnd);
  if (!writer.good()) return fail("cannot lay out the test's memory; this is a bug in the tests");
  return {};
}

Result<std::unique_ptr<memory::GuestMemory>> create_address_space() {
  ORRERY_TRY(auto memory, memory::GuestMemory::create(
                              {{.start = GuestPhysical(0), .size = Bytes(kMemorySize)}}));
  ORRERY_CHECK(lay_out(*memory));
  return memory;
}

x86::CpuState starting_state(Mode mode, bool avx) {
  x86::CpuState state = x86::reset_state();
  state.cr0 = x86::cr0::kProtectionEnable | x86::cr0::kMonitorCoprocessor |
              x86::cr0::kExtensionType | x86::cr0::kNumericError | x86::cr0::kWriteProtect |
              x86::cr0::kAlignmentMask | x86::cr0::kPaging;
  state.cr3 = kPml4;
  state.cr4 = x86::cr4::kPhysicalAddressExtension | x86::cr4::kFxsave | x86::cr4::kSimdExceptions |
              x86::cr4::kFsGsBase | x86::cr4::kXsave;
  state.xcr0 = x86::xcr0::kX87 | x86::xcr0::kSse | (avx ? x86::xcr0::kAvx : 0);
  state.efer = x86::efer::kSystemCall | x86::efer::kLongModeEnable | x86::efer::kLongModeActive |
               x86::efer::kNoExecute;
  state.gdtr = {.base = kGdt, .limit = 0x47};
  state.idtr = {.base = kIdt, .limit = 0xfff};
  state.tr = {.selector = kTssSelector,
              .attributes = x86::SegmentAttributes(0x008b),
              .limit = 0x67,
              .base = kTss};
  using enum x86::SegmentRegister;
  state[kCs] = code_segment(mode);
  state[kSs] =
      mode == Mode::kSupervisor64 ? flat(kSupervisorData, 0xc093) : flat(kUserData, 0xc0f3);
  // 64-bit processes of Linux have null selectors here.
  const bool wide = !is_32bit(mode);
  state[kDs] = state[kEs] = wide ? x86::Segment{} : flat(kUserData, 0xc0f3);
  state[kFs] = state[kGs] = {};
  state.activity = x86::Activity::kRunning;
  return state;
}

}  // namespace orrery::isa::vm
