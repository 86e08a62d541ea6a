// Proof of the translator while a guest runs: every block that it executes is executed again by the
// interpreter, instruction by instruction, and what the two make of it is compared.
//
// The block goes first, with the TLB empty, so that all its memory accesses pass through here and
// are written down. The interpreter then starts from the same registers; what it reads is what the
// block has read, and what it writes must be what the block has written, at the same addresses and
// in the same order, without being written again. Registers, flags of the system, vectors, x87 and
// faults must be the same at the end. Arithmetic flags show where they are used: either side goes
// on with its own, so that a flag which was wrongly taken for dead is found in what depends on it.
//
// What the translator leaves to the interpreter (callouts, system instructions) is not executed
// twice. For one vCPU: others' stores between the two would be differences. Own thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/bytes.hpp"
#include "hypervisor/soft/access.hpp"
#include "hypervisor/soft/fault.hpp"
#include "hypervisor/soft/lazy_flags.hpp"
#include "x86/state.hpp"

namespace orrery::hypervisor::soft {
class Cpu;
}

namespace orrery::hypervisor::soft::translate {

// Every byte that was read or written, and what ended an access instead, in order.
class AccessLog {
 public:
  void clear();
  void note(Access access, std::uint64_t linear, const void* bytes, unsigned size);
  void note_fault(const Fault& fault) { fault_ = fault; }

  std::size_t position() const { return next_; }
  std::size_t size() const { return entries_.size(); }
  bool at_end() const { return next_ == entries_.size(); }

  // The fault that ended the last access, where nothing else is left.
  const std::optional<Fault>& fault() const { return fault_; }

  // The next SIZE bytes, which must have been accessed so; false where they were not.
  bool take(Access access, std::uint64_t linear, void* bytes, unsigned size);

 private:
  struct Entry {
    std::uint64_t linear;
    Access access;
    std::uint8_t byte;
  };
  std::vector<Entry> entries_;
  std::size_t next_ = 0;
  std::optional<Fault> fault_;
};

class Lockstep {
 public:
  explicit Lockstep(Cpu& cpu) : cpu_(cpu) {}

  // ---- Accesses of either side (Cpu::read_slow, ::write_slow, ::probe_write). The access itself
  // is made by Cpu's functions of the same name with _plain.
  void read(std::uint64_t linear, void* destination, unsigned size, AccessMode mode);
  void write(std::uint64_t linear, const void* source, unsigned size, AccessMode mode);
  void probe_write(std::uint64_t linear, unsigned size, AccessMode mode);

  // ---- Around a block
  void begin_block();
  // The interpreter has executed the instruction at RIP within the block.
  void begin_callout();
  void end_callout(bool faulted);
  // What has happened since begin_block() can not be compared.
  void leave_out();
  // The block was left in the middle, before the instruction at RIP, because its page had changed.
  void note_left_early() { left_early_ = true; }

  // How the block ended.
  enum class End : std::uint8_t {
    kTransferred,  // with a transfer of control, or behind its last instruction
    kBefore,       // before the instruction at RIP, for which it has no code
    kFault,        // the instruction at RIP has raised a fault
  };
  // Executes the block of INSTRUCTIONS instructions again and compares. The vCPU is left as the
  // block has left it. FAULT: of kFault.
  void check_block(unsigned instructions, End end, const Fault* fault);

  std::uint64_t blocks() const { return blocks_; }
  std::uint64_t instructions() const { return instructions_; }
  std::uint64_t left_out() const { return left_out_; }
  std::uint64_t differences() const { return differences_; }

 private:
  enum class Phase : std::uint8_t { kOff, kBlock, kCallout, kAgain };

  struct Registers {
    x86::CpuState state;  // with GPRs and RIP
    LazyFlags flags;
  };
  struct CalloutRecord {
    Registers before, after;
    std::size_t log_position;
  };
  class Disagreement;

  Registers take() const;
  void put(const Registers& registers);
  // Gives the number of instructions that retire.
  std::uint64_t execute_again(unsigned instructions, End end, std::uint64_t rip,
                              const Fault* fault);
  // Takes over what a callout at RIP has done, if there was one.
  bool take_callout();
  bool step();
  void expect_count(std::uint64_t translated, std::uint64_t interpreted);
  void expect_fault(const Fault& expected);
  void write_again(std::uint64_t linear, const void* source, unsigned size);
  bool take_pushed_flags(const std::uint8_t* written, const void* source, unsigned size);
  void take_saved_flags(const Registers& translated, Registers& interpreted) const;
  void compare(const Registers& translated, const Registers& interpreted);
  void disagree(const std::string& what);
  ByteSpan code_at(std::uint64_t rip) const;
  bool pushes_flags(std::uint64_t rip) const;
  bool jumps(std::uint64_t rip) const;

  Cpu& cpu_;
  Phase phase_ = Phase::kOff;
  AccessLog log_;
  Registers before_{};
  std::vector<CalloutRecord> callouts_;
  std::size_t next_callout_ = 0;
  std::uint64_t count_before_ = 0;
  bool left_early_ = false;
  bool fault_in_callout_ = false;
  std::uint64_t instruction_rip_ = 0;

  // The interpreter's flags behind the last block, which go on where the next one begins there.
  struct Carried {
    std::uint64_t rip = 0;
    std::uint64_t translated = 0;
    LazyFlags interpreted{};
  };
  std::optional<Carried> carried_;

  std::uint64_t blocks_ = 0;
  std::uint64_t instructions_ = 0;
  std::uint64_t left_out_ = 0;
  std::uint64_t differences_ = 0;
};

}  // namespace orrery::hypervisor::soft::translate
