// One virtual processor of the software engine: its architectural state in the form in which
// instructions work on it, its memory accesses, and its control flow. Instruction families
// (interpret/, fpu/) are functions over a Cpu.
//
// Between instructions RIP is block RIP + Instruction::offset; it is written down only where
// control leaves a block. The 16 GPRs live in the register file below and the arithmetic flags in
// `flags`; `state.gpr`, `state.rip` and the six arithmetic bits of `state.rflags` are stale while
// the guest runs: use gpr(), rip() and rflags().
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <cstring>
#include <expected>
#include <memory>
#include <mutex>
#include <optional>
#include <type_traits>

#include "base/bytes.hpp"
#include "base/types.hpp"
#include "base/width.hpp"
#include "hypervisor/environment.hpp"
#include "hypervisor/exit.hpp"
#include "hypervisor/hypervisor.hpp"
#include "hypervisor/soft/access.hpp"
#include "hypervisor/soft/cpuid.hpp"
#include "hypervisor/soft/debug_stops.hpp"
#include "hypervisor/soft/decode/decoder.hpp"
#include "hypervisor/soft/decode/form_cache.hpp"
#include "hypervisor/soft/decode/instruction.hpp"
#include "hypervisor/soft/decode/table.hpp"
#include "hypervisor/soft/fault.hpp"
#include "hypervisor/soft/lazy_flags.hpp"
#include "hypervisor/soft/mmu/address_spaces.hpp"
#include "hypervisor/soft/mmu/paging_options.hpp"
#include "hypervisor/soft/mmu/table_cache.hpp"
#include "hypervisor/soft/mmu/tlb.hpp"
#include "hypervisor/soft/mmu/walk.hpp"
#include "hypervisor/soft/translate/state.hpp"
#include "memory/guest_memory.hpp"
#include "x86/control_registers.hpp"
#include "x86/cpuid.hpp"
#include "x86/state.hpp"

namespace orrery::hypervisor::soft {

class BlockCache;
struct Event;
class CodePages;
struct Block;
struct BlockPart;
namespace translate {
class Lockstep;
class Translator;
struct Options;
}  // namespace translate

// 128 bits of memory, for vector instructions. Accessed as two 64-bit halves, low half first.
struct Wide128 {
  std::uint64_t low = 0;
  std::uint64_t high = 0;
  friend bool operator==(const Wide128&, const Wide128&) = default;
};

// The same of 256 bits.
struct Wide256 {
  Wide128 low;
  Wide128 high;
};

class Cpu {
 public:
  Cpu(VcpuId id, memory::GuestMemory& memory, CodePages& code_pages, Environment& environment,
      const PagingOptions& paging = {});
  ~Cpu();
  Cpu(const Cpu&) = delete;
  Cpu& operator=(const Cpu&) = delete;

  // ---- Registers
  // -----------------------------------------------------------------------------------------------

  // By byte offset (Instruction::destination, ::source).
  template <typename T>
  T reg(unsigned offset) const {
    T value;
    std::memcpy(&value, bytes_of_registers() + offset, sizeof value);
    return value;
  }
  // A 32-bit result clears the upper half of its register; 8- and 16-bit results leave the rest
  // alone.
  template <typename T>
  void set_reg(unsigned offset, T value) {
    if constexpr (sizeof(T) == 4) {
      const std::uint64_t extended = static_cast<std::make_unsigned_t<T>>(value);
      std::memcpy(bytes_of_registers() + offset, &extended, sizeof extended);
    } else {
      std::memcpy(bytes_of_registers() + offset, &value, sizeof value);
    }
  }
  std::uint64_t& gpr(x86::Gpr number) { return registers_[static_cast<unsigned>(number)]; }
  std::uint64_t& gpr(unsigned number) { return registers_[number]; }

  // Of the instruction being executed.
  std::uint64_t rip() const { return registers_[kBlockRipSlot] + current_->offset; }
  std::uint64_t next_rip(const Instruction& i) const {
    return cut_to_code(registers_[kBlockRipSlot] + i.offset + i.length);
  }

  std::uint64_t rflags() const { return (state.rflags & ~x86::rflags::kArithmetic) | flags.bits(); }
  // All bits as given, without permission checks; mode_changed() must follow where VM, AC, TF or IF
  // may have changed.
  void set_rflags(std::uint64_t value);

  // ---- Mode (kept current by mode_changed())
  // ------------------------------------------------------------------------

  unsigned cpl() const { return cpl_; }
  CodeSize code_size() const { return code_size_; }
  bool code_64bit() const { return code_size_ == CodeSize::k64; }
  // 2, 4 or 8 bytes, from SS.B outside of 64-bit code.
  unsigned stack_address_size() const { return stack_address_size_; }
  AccessMode access_mode() const { return access_mode_; }

  // Recomputes what follows from CR0, CR4, EFER, DR7, RFLAGS and the segments' hidden parts. Call
  // it after changing any of them.
  void mode_changed();
  // The same where only the bases of FS and GS changed in 64-bit code.
  void segment_bases_changed() {
    for (const auto reg : {x86::SegmentRegister::kFs, x86::SegmentRegister::kGs}) {
      segment_base_64_[static_cast<unsigned>(reg)] = state[reg].base;
    }
  }

  // ---- The memory operand of an instruction
  // ----------------------------------------------------------------------------- Segment limits
  // and types, canonical form, paging and alignment are checked as the mode asks; a Fault is thrown
  // before anything changes. T is an unsigned integer of 1 to 8 bytes, or Wide128. `extra` is added
  // to the operand's offset.

  // Offset within the segment, cut to the address size (what LEA gives).
  std::uint64_t effective_offset(const Instruction& i) const;

  template <typename T>
  T load(const Instruction& i, std::uint64_t extra = 0);
  template <typename T>
  void store(const Instruction& i, T value, std::uint64_t extra = 0);
  // Read-modify-write: `function` maps the old value to the new one and may be called again (a
  // locked instruction retries a compare-exchange), so it must only compute. The page is checked
  // for writing first. Commit flags and registers afterwards.
  template <typename T, typename Function>
  void modify(const Instruction& i, Function function, std::uint64_t extra = 0);
  // For handlers that do common cases without a frame (interpret/handler.hpp, step_quickly): where
  // the operand lies in this process if the TLB has it and nothing must be checked or noted; false
  // otherwise, which says nothing about faults.
  template <typename T, Access access>
  bool quick_address(const Instruction& i, std::uint64_t& host) const;
  // The same for T at OFFSET from RSP, in 64-bit code.
  template <typename T, Access access>
  bool quick_stack_address(std::int64_t offset, std::uint64_t& host) const;
  template <typename T>
  static T load_host(std::uint64_t host);
  template <typename T>
  static void store_host(std::uint64_t host, T value);

  // Linear address of the memory operand after the segment checks for SIZE bytes.
  std::uint64_t operand_linear(const Instruction& i, std::uint64_t extra, unsigned size,
                               Access access);

  // ---- Memory by segment and offset, and by linear address
  // -----------------------------------------------------------

  // Checks SIZE bytes at OFFSET of a segment and returns their linear address. Works in every mode.
  std::uint64_t segment_linear(x86::SegmentRegister segment, std::uint64_t offset, unsigned size,
                               Access access);

  template <typename T>
  T read(std::uint64_t linear) {
    return read_as<T>(linear, access_mode_);
  }
  template <typename T>
  void write(std::uint64_t linear, T value) {
    write_as<T>(linear, value, access_mode_);
  }
  // The same under other rules than the current privilege's: kSupervisor for descriptor tables, TSS
  // and the like.
  template <typename T>
  T read_as(std::uint64_t linear, AccessMode mode);
  template <typename T>
  void write_as(std::uint64_t linear, T value, AccessMode mode);
  template <typename T, typename Function>
  void modify_linear(std::uint64_t linear, bool locked, Function function);
  // Throws what a write of SIZE bytes would throw, and writes nothing.
  void probe_write(std::uint64_t linear, unsigned size, AccessMode mode);
  void probe_write(std::uint64_t linear, unsigned size) { probe_write(linear, size, access_mode_); }

  // Host address of SIZE bytes at LINEAR for reading or writing at current privilege, or nullptr
  // where that needs care (crosses a page, device memory, watched page). Throws as the access
  // would. For string instructions in bulk and 16-byte atomics.
  std::byte* host_address(std::uint64_t linear, unsigned size, Access access);
  // The same without throwing.
  std::expected<std::byte*, Fault> try_host_address(std::uint64_t linear, unsigned size,
                                                    Access access);

  // For atomics on pages that host_address() refuses although they are RAM (watched pages, checked
  // accesses), after probe_write(): where the bytes are, or nothing for device memory and accesses
  // that cross a page, which can not be atomic. note_guarded_write() must follow the write, and
  // does not ask the page tables again: the write may have changed them.
  std::optional<GuardedPlace> guarded_place(std::uint64_t linear, unsigned size);
  void note_guarded_write(const GuardedPlace& place, unsigned size) {
    note_write(place.physical, size);
  }
  // CodePages::split_lock(), where a locked instruction's operand crosses a page; else nothing.
  std::unique_lock<std::mutex> hold_split_lock(bool locked, std::uint64_t linear, unsigned size);

  // ---- Stack (SS:RSP at current privilege)
  // ------------------------------------------------------------------------------

  // Pushes and pops T (2, 4 or 8 bytes) by the stack's address size; RSP changes after the access
  // succeeded.
  template <typename T>
  void push(T value);
  template <typename T>
  T pop();
  // What pop() would give, RSP staying where it is.
  template <typename T>
  T top_of_stack();
  // RSP, ESP or SP moved by DISTANCE; only as many bits as the stack's address size change.
  std::uint64_t stack_pointer_moved(std::int64_t distance) const;

  // ---- Control flow
  // ------------------------------------------------------------------------------------------------------

  // Near transfer; for instructions whose row says Ends::kBlock. In 64-bit code a non-canonical
  // target is #GP(0), otherwise one beyond CS's limit.
  void branch(std::uint64_t target) {
    if (code_size_ == CodeSize::k64 && is_canonical(target)) [[likely]] {
      next_block_rip_ = target;
    } else {
      branch_with_checks(target);
    }
  }
  // The same without checks, for far transfers that have made their own.
  void set_rip(std::uint64_t target) { next_block_rip_ = target; }

  [[noreturn]] void raise(x86::Exception exception, std::uint32_t error_code = 0) {
    throw Fault{exception, error_code, 0};
  }
  // #GP(0), or #SS(0) for the stack segment.
  [[noreturn]] void raise_non_canonical(x86::SegmentRegister segment);

  // ---- Address translation
  // ------------------------------------------------------------------------------------------------

  void flush_tlb();
  void flush_tlb_non_global();
  void flush_tlb_page(std::uint64_t linear);
  // MOV to CR3 of an allowed value. KEEPS: what is known of the address space that it enters is
  // good still.
  void load_address_space(std::uint64_t cr3, bool keeps);
  std::uint64_t current_pcid() const {
    return (state.cr4 & x86::cr4::kPcid) != 0 ? state.cr3 & x86::cr3::kPcidMask : 0;
  }
  // Pages of one address space, or of all; not global ones.
  void forget_address_space(std::uint64_t pcid);
  void forget_address_spaces();
  // Walks the guest's page tables; sets accessed and dirty bits; throws a page fault where the
  // access is not allowed.
  GuestPhysical translate(std::uint64_t linear, Access access, AccessMode mode);

  // Canonical: bits 63..47 are equal.
  static bool is_canonical(std::uint64_t linear) {
    return static_cast<std::uint64_t>(static_cast<std::int64_t>(linear << 16) >> 16) == linear;
  }

  // ---- The rest of the architecture
  // ----------------------------------------------------------------------------------------

  x86::CpuState state;  // see the note at the top
  LazyFlags flags;
  x86::CpuidTable cpuid = soft_cpuid();
  Environment& environment;
  VcpuStatistics statistics;

  VcpuId id() const { return id_; }
  memory::GuestMemory& memory() { return memory_; }

  // Said by software interrupts and the like: no single-step trap follows this instruction.
  void note_event_delivered() { event_delivered_ = true; }
  // Said where an instruction touches what DR0 to DR3 watch: DR6 bits of the trap that follows it.
  void note_breakpoints_hit(std::uint64_t bits) { breakpoints_hit_ |= bits; }

  // A string instruction has work left: the run loop looks around and executes it again.
  void interrupt_repetition() { abandon_block(); }
  // The current instruction faults, having changed nothing but what it says; its handler returns.
  // For faults that are common: whoever called the handler takes it, and nothing is thrown.
  void return_fault(const Fault& fault) { returned_fault_ = fault; }
  bool has_returned_fault() const { return returned_fault_.has_value(); }
  std::optional<Fault> take_returned_fault() {
    if (!returned_fault_) [[likely]]
      return std::nullopt;
    return std::exchange(returned_fault_, std::nullopt);
  }

  // HLT: run() ends its round after this instruction; state.activity says why.
  void halt();

  // ---- Running (Vcpu's side)
  // ------------------------------------------------------------------------------------------------

  // Hot code is translated from now on, before the first run().
  Result<> use_translator(const translate::Options& options);
  // While run() is not executing.
  void set_debug(const DebugRequest& request);
  VcpuStatistics all_statistics() const;

  // Instructions that have retired: the current one, which calls the environment, has not. Own
  // thread, or while run() is not executing. Only interpreted ones where the translator does not
  // count (Options::counted).
  std::uint64_t retired() const;
  bool counts_all() const;
  // run() ends with CountReached where retired() is COUNT, or at once where it is more; once.
  // Nothing: it does not. While run() is not executing, with counts_all().
  void stop_at(std::optional<std::uint64_t> count);

  Exit run();
  void request_stop();       // any thread
  void request_attention();  // any thread
  x86::CpuState export_state() const;
  void import_state(const x86::CpuState& imported);

  // Makes every round of the run loop look at pending events and go one instruction at a time where
  // it must. Own thread.
  void look_up() { attention_.store(true, std::memory_order_relaxed); }

  // ---- For CodePages
  // ----------------------------------------------------------------------------------------------------------

  // Own thread: stores to the page at HOST take the slow path from now on.
  void drop_write_permission(const std::byte* host) { tlb_.flush_writes(host); }
  // REQUESTER's thread: returns when this vCPU has dropped all write permissions, or does not run.
  void drop_write_permissions_for(Cpu& requester);
  // The same for a thread that is no vCPU's.
  void drop_write_permissions();
  // Own thread: answers the above.
  void serve_write_permission_drops();

  // Any thread: what has been translated of the page at ADDRESS may be stale.
  void code_changed(GuestPhysical address);

  // ---- For interpret/handler.hpp
  // --------------------------------------------------------------------------------------------

  void set_current(const Instruction* i) { current_ = i; }
  void fall_through(const Instruction& i) {
    next_block_rip_ = registers_[kBlockRipSlot] + i.offset + i.length;
  }
  // LAST was the last instruction of its block to be executed: counts, and gives the next block if
  // it is at hand, or nullptr.
  const Block* finish_block_at(const Instruction* last, std::uint64_t target);
  const Block* finish_block(const Instruction* last);  // inline in interpret/handler.hpp

 private:
  friend class translate::Lockstep;
  friend class translate::Translator;

  // How it goes on to the count at which to stop: without a look at it; by the interpreter, in
  // blocks; one instruction at a time.
  enum class Pace : std::uint8_t { kAny, kBlocks, kSingle };

  // INSTRUCTIONS have retired. False: the run loop has to look.
  bool count_down(std::uint64_t instructions) {
    translation_.countdown -= static_cast<std::int64_t>(instructions);
    return translation_.countdown >= 0;
  }
  std::uint64_t counted_down() const {
    return horizon_ - static_cast<std::uint64_t>(translation_.countdown);
  }
  void set_horizon();
  std::optional<Exit> look_at_count();

  const std::byte* bytes_of_registers() const {
    return reinterpret_cast<const std::byte*>(registers_);
  }
  std::byte* bytes_of_registers() { return reinterpret_cast<std::byte*>(registers_); }
  std::uint64_t cut_to_code(std::uint64_t rip) const { return rip & code_mask_; }

  // ---- The inline paths' parts. A TLB entry is there only for pages that a checked access has
  // reached, so an address that hits one is canonical.

  // The memory operand of an instruction for which i.flat holds, unchecked.
  std::uint64_t flat_linear(const Instruction& i) const;
  const TlbEntry& tlb_entry(std::uint64_t linear) const {
    return tlb_entries_[Tlb::index_of(linear)];
  }
  template <typename T, Access access>
  bool quick_address_at(std::uint64_t linear, std::uint64_t& host) const;
  template <typename T, typename Function>
  static void modify_host(std::uint64_t host, bool locked, Function function);

  template <typename T>
  T load_slowly(const Instruction& i, std::uint64_t extra);
  template <typename T>
  void store_slowly(const Instruction& i, T value, std::uint64_t extra);
  template <typename T>
  void push_slowly(T value);
  template <typename T>
  T top_of_stack_slowly();
  // operand_linear(), never inlined.
  std::uint64_t checked_linear(const Instruction& i, std::uint64_t extra, unsigned size,
                               Access access);
  std::uint64_t stack_linear(std::uint64_t top, unsigned size, Access access);
  void branch_with_checks(std::uint64_t target);

  // Access paths that the inline ones leave aside: TLB misses, page crossings, device memory,
  // watched pages.
  void read_slow(std::uint64_t linear, void* destination, unsigned size, AccessMode mode);
  void write_slow(std::uint64_t linear, const void* source, unsigned size, AccessMode mode);
  // The same behind translate::Lockstep, which sees all accesses.
  void read_slow_plain(std::uint64_t linear, void* destination, unsigned size, AccessMode mode);
  void write_slow_plain(std::uint64_t linear, const void* source, unsigned size, AccessMode mode);
  void probe_write_plain(std::uint64_t linear, unsigned size, AccessMode mode);
  void read_crossing(std::uint64_t linear, void* destination, unsigned size, AccessMode mode);
  void write_crossing(std::uint64_t linear, const void* source, unsigned size, AccessMode mode);
  void physical_read(GuestPhysical address, void* destination, unsigned size);
  void physical_write(GuestPhysical address, const void* source, unsigned size);
  void note_write(GuestPhysical address, unsigned size);
  // Asks for the write permissions to be dropped; the answer is owed until the second is false.
  std::uint64_t request_drop();
  bool owes_drop(std::uint64_t ticket) const;
  void refuse_own_code_write(GuestPhysical address, unsigned size);
  void check_access(std::uint64_t linear, unsigned size, Access access, AccessMode mode);
  std::expected<GuestPhysical, Fault> try_lookup(std::uint64_t linear, Access access,
                                                 AccessMode mode);
  GuestPhysical lookup(std::uint64_t linear, Access access, AccessMode mode);
  void fill_tlb(std::uint64_t linear, const Translation& translation, Access access,
                AccessMode mode);
  void populate(const Neighbours& neighbours, AccessMode mode);

  // Forgetting (mmu/invalidation.cpp).
  void leave_address_space(std::uint64_t pcid);
  void enter_address_space(std::uint64_t pcid);
  void local_mapping_changed(const FetchGenerations& generations);
  void page_mapping_changed(std::uint64_t linear);
  void mapping_changed();
  void forget_translated_pages();
  std::uint64_t new_generation() { return ++last_generation_; }
  void set_fetch_context() { fetch_context_ = generations_.fetch << 3 | fetch_view_; }

  std::uint64_t linear_mask() const { return linear_mask_; }

  void note_paging_controls();
  bool segment_allows(const x86::Segment& segment, std::uint64_t offset, unsigned size,
                      Access access) const;

  // The run loop's parts (run.cpp).
  Exit run_until_exit();
  std::optional<Exit> run_round();
  std::optional<Exit> attend();
  std::optional<Exit> attend_to_interrupts();
  std::optional<Exit> deliver(Event event, std::uint64_t return_rip);
  std::optional<Exit> on_fault(const Fault& fault);
  std::optional<Exit> execute_next_instruction();
  void execute_alone();
  bool must_go_alone() const;
  void enter(Block* block) {
    registers_[kBlockRipSlot] = next_block_rip_ & code_mask_;
    block_ = block;
  }
  void between_blocks();
  void abandon_block();

  // Fetching (fetch.cpp).
  std::uint64_t code_linear(std::uint64_t rip) const { return (code_base_ + rip) & linear_mask_; }
  void check_code_address(std::uint64_t rip);
  GuestPhysical fetch_physical(std::uint64_t linear);
  Block* next_block();
  Block* make_block(std::uint64_t linear, GuestPhysical start);
  bool is_block_at(const Block& block, std::uint64_t linear, GuestPhysical start);
  Block* next_instruction();
  bool ends_for_debugger(std::uint64_t address) const {
    return debug_ != nullptr && debug_->may_break_at(address);
  }
  std::optional<Exit> debugger_stop();
  void note_for_debugger(std::uint64_t linear, unsigned size, Access access);
  void decode_block(Block& block, std::uint64_t linear, GuestPhysical start, unsigned most);
  Block* cold_block();
  std::optional<Exit> interpret(Block* block);
  void cool(Block& block) const;
  DecodeStatus decode_next(ByteSpan bytes, std::uint16_t offset, Instruction& record) {
    return code_size_ == CodeSize::k64 ? forms_.decode(bytes, offset, record)
                                       : decode(bytes, code_size_, offset, record);
  }
  std::uint16_t decode_crossing(Block& block, std::uint64_t linear, ByteSpan head);
  ByteSpan code_bytes(BlockPart& part, GuestPhysical start, unsigned available, unsigned most,
                      std::byte* buffer);

  alignas(64) std::uint64_t registers_[kRegisterSlots] = {};
  const Instruction* current_ = nullptr;
  std::uint64_t next_block_rip_ = 0;

  std::uint64_t segment_base_64_[x86::kSegmentRegisters] = {};
  std::uint64_t code_base_ = 0;  // CS base; 0 in 64-bit code
  std::uint64_t code_mask_ = 0xffff'ffff;
  std::uint64_t linear_mask_ = 0xffff'ffff;
  CodeSize code_size_ = CodeSize::k16;
  AccessMode access_mode_ = AccessMode::kSupervisor;
  std::uint8_t cpl_ = 0;
  std::uint8_t stack_address_size_ = 2;
  std::uint64_t paging_controls_ = 0;  // digest of the control bits that translations depend on

  // What a linear address means as code: blocks hold the context that they were entered in
  // for. The generation is a new one whenever mappings change, and that of before where an address
  // space is found as it was left; the view is code size and privilege. The local generation is the
  // same for pages one by one, of one address space; global pages have their own.
  std::uint64_t fetch_context_ = 0;
  FetchGenerations generations_{};
  std::uint64_t global_generation_ = 0;
  std::uint64_t last_generation_ = 0;
  std::uint64_t page_changes_ = 0;  // of single pages
  std::uint64_t fetch_view_ = 0;
  std::uint64_t fetch_base_ = 0;

  // Code pages and where they lie, good for one fetch context, or, where they are global, for all
  // address spaces: as many as a program and its kernel run through between two switches.
  struct FetchPage {
    std::uint64_t linear;
    std::uint64_t context;  // 0: empty
    GuestPhysical physical;
    bool global;
  };
  std::uint64_t context_of(const FetchPage& page) const {
    return (page.global ? global_generation_ : generations_.local) << 3 | fetch_view_;
  }
  const FetchPage& fetch_page(std::uint64_t linear);
  FetchPage& fetch_page_slot(std::uint64_t linear) {
    return fetch_pages_[(linear >> kPageShift) % fetch_pages_.size()];
  }
  std::array<FetchPage, 256> fetch_pages_{};

  // Set by any thread (release), looked at in every block (relaxed), cleared by attend() (acquire).
  std::atomic<bool> attention_{false};
  std::atomic<bool> stop_requested_{false};
  // Sequentially consistent: see drop_write_permissions_for().
  std::atomic<bool> running_{false};
  std::atomic<std::uint64_t> drops_requested_{0};
  std::atomic<std::uint64_t> drops_served_{0};

  VcpuId id_;
  memory::GuestMemory& memory_;
  CodePages& code_pages_;
  Block* block_ = nullptr;  // the block being executed
  bool single_ = false;     // one instruction alone: it may modify itself
  std::optional<Fault> returned_fault_;
  bool alone_once_ = false;
  bool event_delivered_ = false;
  std::unique_ptr<DebugStops> debug_;  // or nullptr
  bool delivering_ = false;            // an event, which has begun to change things
  // The breakpoint that the last run() ended at, which the next one goes past.
  std::optional<std::uint64_t> reported_breakpoint_;
  bool data_breakpoints_ = false;      // the TLB stays empty, so that every access is seen
  std::uint64_t breakpoints_hit_ = 0;  // by the current instruction, as DR6 bits
  std::unique_ptr<BlockCache> blocks_;
  FormCache forms_;
  std::unique_ptr<translate::Translator> translator_;  // or nullptr
  translate::Lockstep* lockstep_ = nullptr;            // or nullptr; the TLB stays empty with it
  std::int32_t heat_step_ = 0;                         // 1 with a translator
  translate::State translation_;
  std::uint64_t horizon_ = 0;  // the count at which State::countdown is 0
  std::optional<std::uint64_t> stop_at_;
  Pace pace_ = Pace::kAny;
  PagingOptions paging_;
  AddressSpaces spaces_;  // but the current one
  Tlb tlb_;
  TableCache tables_;
  const TlbEntry* tlb_entries_ = nullptr;  // of access_mode_
};

}  // namespace orrery::hypervisor::soft

#include "hypervisor/soft/cpu_memory.hpp"  // IWYU pragma: export
