// The few pieces of host code that all translated code of a vCPU shares: in, out, and to the
// engine's helpers and back.
//
// Called by translated code (`call`, the host's stack being the engine's own) with arguments in the
// two temporaries. All guest registers and flags survive but where it is said otherwise.
#pragma once

#include <cstdint>

#include "base/error.hpp"
#include "hypervisor/soft/translate/code_cache.hpp"
#include "hypervisor/soft/translate/emit/host_registers.hpp"
#include "hypervisor/soft/translate/emit/layout.hpp"

namespace orrery::hypervisor::soft {
class Cpu;
}

namespace orrery::hypervisor::soft::translate {

struct AccessSite;
struct Callout;
struct X87Site;
class Translator;

// The engine's side. kNone lets the code go on.
struct AccessAnswer {
  std::uint64_t pointer;  // to access instead; 0: leave
  std::uint64_t commit;   // 1: State's commit gate has to be called after the access
};
// Where to go on: at `code`, or, where that is 0, to leave with `kind`.
struct Continuation {
  std::uint64_t code;
  std::uint64_t kind;
};
struct Helpers {
  AccessAnswer (*access)(Translator*, const AccessSite*, std::uint64_t linear);
  std::uint32_t (*commit)(Translator*, const AccessSite*);
  std::uint32_t (*callout)(Translator*, const Callout*);
  Continuation (*system)(Translator*, const Callout*);
  std::uint32_t (*load_x87)(Translator*, const X87Site*);
};

struct Gates {
  // ExitKind enter(code): executes translated code until it comes back.
  std::uint32_t (*enter)(std::uint64_t code);

  // Jumped to. First temporary: State::next_rip; second: State::exit_site: the address of a
  // LinkSite, an IndirectSite or an EntrySite, or the mnemonic that the interpreter has to execute.
  // The guest's flags are the host's, or, of those called `_saved`, in State::saved_flags.
  std::uint64_t exit_continue;
  std::uint64_t exit_continue_saved;
  std::uint64_t exit_stale_saved;
  std::uint64_t exit_link;
  std::uint64_t exit_link_saved;
  std::uint64_t exit_indirect_saved;
  std::uint64_t exit_interpret;

  // First temporary: linear address; second: AccessSite. Gives the pointer in the first temporary.
  // Returns behind the call, or, where the access has to be committed, 5 bytes further on: behind
  // the jump that stands there. Leaves where the access faults.
  std::uint64_t access;
  // Second temporary: AccessSite.
  std::uint64_t commit;
  // First temporary: Callout.
  std::uint64_t callout;
  // Jumped to, with the guest's flags in the host's. First temporary: Callout. Goes on wherever
  // that leads.
  std::uint64_t system;
  // First temporary: RIP to leave to (kInterpret) where vectors must not be used; second: the
  // mnemonic there. Loads the guest's
  // vector registers. The guest's flags are in State::saved_flags, or nobody needs them.
  std::uint64_t load_vectors;
  std::uint64_t load_avx;  // the same where the YMM registers are needed
  // First temporary: X87Site. Loads the guest's x87 unit, or leaves (kInterpret) where it must not
  // be used.
  std::uint64_t load_x87;
};

// Writes them to CACHE. TRANSLATOR is what helpers are called with.
Result<Gates> make_gates(CodeCache& cache, const Layout& layout, const Helpers& helpers,
                         Translator* translator, HostRegisters registers);

}  // namespace orrery::hypervisor::soft::translate
