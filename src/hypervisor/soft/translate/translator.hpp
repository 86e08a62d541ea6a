// The translator of one vCPU: finds hot code, turns it into host code, and executes that.
//
// Only 64-bit code is translated; everything else, and every instruction that translated code does
// not know, is the interpreter's. Own thread of the vCPU, but for forget_pages().
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <vector>

#include "base/error.hpp"
#include "hypervisor/hypervisor.hpp"
#include "hypervisor/soft/access.hpp"
#include "hypervisor/soft/fault.hpp"
#include "hypervisor/soft/translate/code_cache.hpp"
#include "hypervisor/soft/translate/emission.hpp"
#include "hypervisor/soft/translate/emit/gates.hpp"
#include "hypervisor/soft/translate/forgotten.hpp"
#include "hypervisor/soft/translate/local_page.hpp"
#include "hypervisor/soft/translate/lockstep.hpp"
#include "hypervisor/soft/translate/options.hpp"
#include "hypervisor/soft/translate/page.hpp"
#include "hypervisor/soft/translate/plan/planned_forms.hpp"
#include "hypervisor/soft/translate/statistics.hpp"

namespace orrery::hypervisor::soft {
class Cpu;
}

namespace orrery::hypervisor::soft::translate {

class Translator {
 public:
  // Fails where the host gives no memory to execute.
  static Result<std::unique_ptr<Translator>> create(Cpu& cpu, const Options& options);
  ~Translator();

  const Options& options() const { return options_; }

  // For people: the most frequent first.
  std::vector<VcpuStatistics::Detail> details() const;

  // To be called on the vCPU's thread before anything is executed there.
  void enter_thread();

  enum class Outcome : std::uint8_t {
    kExecuted,   // until there was no more, or the vCPU's attention was wanted
    kNothing,    // nothing is translated here
    kInterpret,  // the interpreter has to execute the instruction at RIP
    kFault,      // the instruction at RIP has raised fault()
  };
  // Executes translated code from the vCPU's RIP on. Throws what fetching there throws.
  Outcome run();
  const Fault& fault() const { return *fault_; }

  // The mappings of all pages but global ones may have changed.
  void forget_local_pages();
  // The same, but they are kept in TO, and known again when they are put back: in the same address
  // space, of which nothing has been invalidated meanwhile.
  void take_local_pages(std::vector<LocalPage>& to);
  void put_local_pages(std::span<const LocalPage> pages);

  // Host code of the block that has been translated at RIP, where it is executed, and what of it is
  // hardly ever executed; empty where there is none. For golden files.
  struct HostCode {
    ByteSpan hot;
    ByteSpan cold;
  };
  HostCode host_code(std::uint64_t rip);
  const Layout& layout() const { return layout_; }
  const Gates& gates() const { return gates_; }

  // Raised whenever all translations have been forgotten: what was hot before has to become hot
  // again, so that a cache that is too small holds what is worth most.
  std::uint32_t round() const { return static_cast<std::uint32_t>(statistics_.clears); }

  // Translates the block at RIP. False: the interpreter has to execute it, for now or always.
  bool translate();

 private:
  Translator(Cpu& cpu, const Options& options, std::unique_ptr<CodeCache> cache);

  static AccessAnswer access_helper(Translator* translator, const AccessSite* site,
                                    std::uint64_t linear);
  static std::uint32_t commit_helper(Translator* translator, const AccessSite* site);
  static std::uint32_t callout_helper(Translator* translator, const Callout* callout);
  static Continuation system_helper(Translator* translator, const Callout* callout);
  static std::uint32_t load_x87_helper(Translator* translator, const X87Site* site);
  AccessAnswer access(const AccessSite& site, std::uint64_t linear);
  AccessAnswer refuse_access(const AccessSite& site, const Fault& fault);
  AccessAnswer guarded_access(const AccessSite& site, std::uint64_t linear);
  ExitKind callout(const Callout& site);
  ExitKind execute_callout(const Callout& site);
  bool execute_record(const Callout& site);
  void store_x87();
  Continuation system(const Callout& site);
  Continuation go_on();
  ExitKind stay_on(const Page& page, std::uint64_t next_rip);
  ExitKind leave_to(std::uint64_t rip);
  void stand_at(std::uint64_t rip);
  // The run loop is to look around.
  bool wanted() const;
  // INSTRUCTIONS of the block that is being executed have retired; 0: they will be counted by it.
  void set_partial(std::uint32_t instructions);
  // Counts what the block that has been left did not.
  void settle();

  bool can_translate() const;
  void note_controls();
  void note_rings();
  // What becomes of PLAN in the page's access mode.
  Plan plan_in(const Page& page, const Plan& plan) const;
  Page* page_at(std::uint64_t rip);
  template <typename Function>
  void for_each_local_slot(Function function);
  Page* find_page(std::uint64_t linear, GuestPhysical physical);
  void renew(Page& page);
  void add_block(Page& page, std::uint64_t rip, const BlockEntry& entry);
  const BlockEntry* find(std::uint64_t rip);
  ExitKind execute(std::uint64_t code);
  Outcome undo_transfer();
  Outcome run_in_lockstep();
  Outcome check_block(const BlockEntry& block, const Page& page, ExitKind kind);
  void link(const LinkSite& site);
  template <typename Site>
  const Site& site_of_exit() const;
  void renew_entry(const EntrySite& site, const BlockEntry& block);
  void note_indirect(std::uint64_t site);
  bool is_followed(const Page& page, const Item& item);
  bool leads_mostly_to(const Page& page, std::uint64_t target);
  // What is at RIP, into JOB. False: nothing that can be translated now.
  bool read(Page& page, std::uint64_t rip, Emission::Job& job);
  void decode_items(Page& page, std::uint64_t rip);
  bool decode_crossing(const Page& page, ByteSpan head, Item& item);
  void find_liveness(Page& page);
  static void find_bodies(const Page& page, Unit& unit);
  FlagSet live_at(Page& page, std::uint64_t rip);
  ByteSpan bytes_at(const Page& page, std::uint64_t rip, unsigned most);
  void take_finished();
  // Its page may have changed since it was begun: then there is nothing to be taken.
  void take(const Emission::Job& job);
  void clear();

  Cpu& cpu_;
  Options options_;
  Layout layout_;
  std::unique_ptr<CodeCache> cache_;
  bool host_has_avx_;
  Gates gates_{};
  Statistics statistics_;
  std::uint32_t next_id_ = 1;
  std::uint32_t first_id_ = 1;  // since clear()

  PageMap pages_;
  Forgotten forgotten_;
  std::vector<Page*> slots_;  // by page_slot(); good where State::page_ids has the page's id
  // Of which slots the page is not a global one: those have an id in one address space only.
  std::array<std::uint64_t, State::kPageSlots / 64> local_slots_{};

  // What find() answered last; good where the page at that place still has this id, which no other
  // page had.
  struct Known {
    std::uint64_t rip;
    const BlockEntry* entry;  // or nullptr: nothing
    std::uint32_t page_id;
  };
  static constexpr std::size_t kKnown = 8192;
  std::vector<Known> known_;
  Known& known(std::uint64_t rip) { return known_[(rip ^ rip >> 12) % kKnown]; }

  PlannedForms forms_;
  std::vector<Item> items_;               // of the block that is being read
  std::array<std::byte, 32> crossing_{};  // an instruction that lies in two pages

  // What State's rings follow from.
  struct Controls {
    std::uint64_t star, lstar, syscall_mask, efer, cr4;
    friend bool operator==(const Controls&, const Controls&) = default;
  };
  Controls controls_{};

  std::unique_ptr<Lockstep> lockstep_;  // or nullptr
  std::optional<Emission> emission_;    // set once there are gates

  std::optional<Fault> fault_;
  std::uint64_t pending_address_ = 0;          // of an access to be committed
  std::optional<GuardedPlace> pending_place_;  // it is made in guest memory, and only noted
  std::unique_lock<std::mutex> split_lock_;    // of the access in progress, where it crosses a page
};

}  // namespace orrery::hypervisor::soft::translate
