// Turns decoded instructions of one block into host code.
//
// A block has one way in and several out: it goes on behind conditional jumps that are not taken.
// Its code has two entries. `checked` is for jumps from anywhere: the guest's flags are in
// State::saved_flags, and the page and the vCPU's attention are looked at first. `body` is for
// jumps from the same page: the flags are the host's.
//
// Where the inline check of a memory operand would destroy flags that are needed later, they are
// saved before it and restored when an instruction needs them (FlagState).
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <vector>

#include "base/bytes.hpp"
#include "base/error.hpp"
#include "hypervisor/soft/decode/table.hpp"
#include "hypervisor/soft/translate/emit/assembler.hpp"
#include "hypervisor/soft/translate/emit/gates.hpp"
#include "hypervisor/soft/translate/emit/rewriter.hpp"
#include "hypervisor/soft/translate/options.hpp"
#include "hypervisor/soft/translate/plan/access_run.hpp"
#include "hypervisor/soft/translate/plan/item.hpp"
#include "hypervisor/soft/translate/plan/plan.hpp"
#include "hypervisor/soft/translate/sites.hpp"
#include "hypervisor/soft/translate/unit.hpp"

namespace orrery::hypervisor::soft::translate {

class BlockEmitter {
 public:
  // UNIT and SITES outlive it.
  BlockEmitter(const Layout& layout, const Gates& gates, Sites& sites, const Unit& unit,
               const Options& options);

  // Makes the unit's code and puts it into CACHE, once. Fails where that has not enough room. Any
  // thread that has SITES and UNIT for itself.
  Result<BlockEntry> emit(CodeCache& cache);

 private:
  // Where the guest's arithmetic flags are.
  enum class FlagState : std::uint8_t { kHost, kSaved, kDead };

  // ---- Blocks (block_emitter.cpp)
  void emit_checked_entry(const Item& first);
  void emit_item(const Item& item);
  void emit_tail_check(const Item& item);
  void emit_end(const Item& last);
  void emit_callout(const Item& item);
  void emit_interpret(const Item& item);
  Callout& add_callout(const Item& item);
  Result<BlockEntry> place(CodeCache& cache);

  // ---- Counted mode (count.cpp): nothing is emitted where it is off
  bool counted() const { return registers_.counts(); }
  // Instructions of the block before ITEM.
  std::uint32_t before(const Item& item) const {
    return static_cast<std::uint32_t>(&item - items_.data());
  }
  // ITEM and all before it have retired. FREE: the host's flags may be overwritten; they say then
  // whether the countdown is below 0.
  enum class HostFlags : std::uint8_t { kFree, kKept };
  void emit_count(const Item& item, HostFlags flags);
  // The block is about to be left before ITEM, or is not after all.
  void emit_partial(const Item& item);
  void emit_no_partial();

  // ---- Flags (flags.cpp)
  // Makes the host's flags free to be overwritten; those in NEEDED are kept.
  void free_flags(FlagSet needed);
  // Puts the guest's flags into the host's.
  void restore_flags();
  // The same before an instruction whose own use of flags this is.
  void prepare_flags_for(const Item& item);
  void emit_save_flags();
  void emit_restore_flags();
  void emit_hold_rax();
  void emit_give_back_rax();

  // ---- Registers and plain instructions (instructions.cpp)
  x::Gpq read_gpr(unsigned guest, const x::Gpq& temporary);
  void emit_copy(const Item& item);
  void emit_load_address(const Item& item);
  void emit_direct_address(const Item& item);
  void emit_divide(const Item& item);
  void emit_division_check(const Item& item, unsigned size, const asmjit::Label& care);
  void emit_load_control(const Item& item);
  void ensure_vectors(const Item& item);
  void ensure_x87(const Item& item);
  // The host register and displacement that a memory operand is behind.
  struct MemoryBase {
    unsigned host;
    std::int8_t displacement;
  };
  void emit_operation(const Item& item, std::optional<MemoryBase> memory);

  // ---- Memory (memory.cpp)
  // Where an instruction that writes goes on, should it have changed its own code.
  enum class Then : std::uint8_t { kNext, kTarget, kScratch };
  struct Access {
    unsigned size;
    AccessKind kind;
    bool aligned = false;
    bool stack = false;
    Then then = Then::kNext;
    std::optional<std::uint64_t> known{};  // the linear address, where it is always the same
  };
  // kT0 = the linear address of a memory operand.
  void emit_linear(const Item& item, const ZydisDecodedOperand& operand);
  void emit_offset(const Item& item, const ZydisDecodedOperand& operand);
  // kT0 = ANCHOR, whose base is not RIP, + DISTANCE; kT1 is used for an index that is in memory.
  void emit_address(const Anchor& anchor, std::int32_t distance);
  // kT0 = linear address, then BODY with kT0 = where to access. BODY may be emitted twice. Flags
  // must be free.
  void emit_access(const Item& item, const Access& access, const std::function<void()>& body);
  Access access_of(const Item& item) const;

  // The inline look-up: kT0 = linear address becomes where those bytes are; on to MISS, with kT0 ^
  // the entry's tag, where they are not in it or not aligned. Then kT1 = the entry, but for a known
  // address.
  struct LookUp {
    unsigned size;
    bool write;
    unsigned alignment;
    std::optional<std::uint64_t> known{};
  };
  void emit_look_up(const LookUp& wanted, const asmjit::Label& miss);
  static std::int32_t slot_of(std::uint64_t linear);
  std::int32_t tag_of(bool write) const;

  // ---- Accesses that need one look-up (runs.cpp)
  void emit_run(const AccessRun& run);
  void emit_windows(const AccessRun& run, const asmjit::Label& missed);
  void emit_window(const AccessRun::Window& window, const asmjit::Label& missed);
  void emit_step(const AccessRun& run, const AccessRun::Step& step);
  void emit_last_step(const Item& item, const x::Mem& place, std::int32_t moved);
  void emit_moves(std::int32_t moved);
  void come_to(FlagState flags);

  // ---- Stack (stack.cpp)
  void emit_push(const Item& item);
  void emit_pop(const Item& item);
  void emit_popped(const Item& item, const x::Mem& place);
  void emit_leave(const Item& item);
  void emit_push_value(const Item& item, const std::function<void()>& store,
                       Then then = Then::kNext);

  // ---- System instructions (system.cpp)
  void emit_system(const Item& item);
  void emit_system_call(const Item& item);
  void emit_system_return(const Item& item);
  void emit_swap_gs();
  void emit_clear_interrupt(const Item& item);
  void emit_clear_direction(const Item& item);
  void emit_set_interrupt(const Item& item);
  void emit_push_flags(const Item& item);
  void emit_access_check(const Item& item);
  enum class RingName : std::uint8_t { kKernel, kUser };
  // To kT0 in the other ring; flags are in State::saved_flags.
  void emit_enter_ring(const Item& item, RingName ring);
  void emit_guest_rflags();
  void emit_set_guest_rflags(const x::Gpq& value, const x::Gpq& temporary);
  // The label of code out of line that leaves ITEM to the interpreter.
  asmjit::Label system_stub(const Item& item);

  // ---- Control flow (branches.cpp)
  void emit_jump(const Item& item);
  void emit_conditional_jump(const Item& item);
  void emit_jump_indirect(const Item& item);
  void emit_call(const Item& item);
  void emit_call_indirect(const Item& item);
  void emit_push_return(const Item& item, Then then);
  void emit_return(const Item& item);
  static std::int32_t bytes_released(const Item& item);
  // To kT0, after RSP has moved by STACK_DISTANCE.
  void emit_indirect(const Item& item, std::int32_t stack_distance);
  void emit_look_up_indirect(const Item& item, std::int32_t stack_distance, std::int32_t distance,
                             const std::function<void()>& add_table);
  void emit_target_to_scratch(const Item& item);
  // Ends with a transfer to TARGET behind ITEM; flags LIVE there.
  void emit_transfer(const Item& item, std::uint64_t target, FlagSet live);
  void emit_poll(const Item& item, std::uint64_t target, FlagSet live);
  void emit_linkable_jump(std::uint64_t target);
  void emit_checked_jump(std::uint64_t target);
  void emit_open_jump(std::uint64_t target, bool within_page);
  void add_link(const asmjit::Label& behind_distance, const asmjit::Label& stub,
                std::uint64_t target, bool within_page);
  void load_constant(const x::Gpq& reg, std::uint64_t value);

  // Jumps and calls to code outside of the block.
  void jump_to(std::uint64_t target);
  void call_to(std::uint64_t target);
  void emit_distance_to(std::uint64_t target);

  // What STUB emits stands behind the block, or far from it where it is hardly ever executed.
  using Stub = std::function<void()>;
  void behind(Stub stub) { (is_cold_ ? stubs_ : behind_).push_back(std::move(stub)); }
  void later(Stub stub) { stubs_.push_back(std::move(stub)); }
  static void emit_all(std::vector<Stub>& stubs);

  const Layout& layout_;
  const Gates& gates_;
  Sites& sites_;
  const Unit& unit_;
  const PageStamp& page_;
  bool chain_;  // jumps may lead to other blocks directly
  HostRegisters registers_;
  std::span<const Item> items_;

  asmjit::CodeHolder code_;
  x::Assembler a_;
  asmjit::Label checked_, body_;
  EntrySite* entry_ = nullptr;
  std::uint64_t first_rip_ = 0;
  FlagState flags_ = FlagState::kHost;
  bool x87_known_ = false;                  // to be loaded
  Vectors vectors_known_ = Vectors::kNone;  // to be loaded at least
  unsigned windows_ = 0;    // of the run that is being emitted: temporaries that are taken
  std::int32_t moved_ = 0;  // by which RSP is behind, in a run
  asmjit::Section* cold_ = nullptr;
  bool is_cold_ = false;  // what is emitted is hardly ever executed
  std::vector<Stub> behind_;
  std::vector<Stub> stubs_;
  // Four bytes at PLACE that the distance to TARGET goes to.
  struct PendingDistance {
    asmjit::Label behind;
    std::uint64_t target;
  };
  std::vector<PendingDistance> pending_distances_;
  // Links whose places are known once the code is placed.
  struct PendingLink {
    asmjit::Label behind_distance;
    LinkSite* site;
  };
  std::vector<PendingLink> pending_links_;
};

}  // namespace orrery::hypervisor::soft::translate
