// Runs the test files of tests/isa/forms on one executor:
//
//   isa_run --image FILE --index FILE --executor host|soft [--filter TEXT] [--mode 64|32|ring0]
//   [--record] [--exceptions FILE]
//
// --exceptions names cases that are left out where no hardware runs KVM's guests
// (exception_list.hpp).
//
// Exit status 1 when a case is not as expected. --record takes the executor's outcomes as the
// files' expectations, an engine's only where the host can not show them; review what it writes.
#include <cstdio>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/error.hpp"
#include "base/format.hpp"
#include "hypervisor/kvm/hardware.hpp"
#include "hypervisor/soft/decode/instruction_sets.hpp"
#include "isa/cases/bundle.hpp"
#include "isa/cases/check.hpp"
#include "isa/cases/exception_list.hpp"
#include "isa/differences.hpp"
#include "isa/executors.hpp"
#include "isa/instruction.hpp"

namespace orrery::isa {
namespace {

struct Options {
  std::string image, index, executor = "host", filter, mode, exceptions;
  bool record = false;
};

Result<Options> parse(int count, char** arguments) {
  Options options;
  for (int i = 1; i < count; ++i) {
    const std::string argument = arguments[i];
    if (argument == "--record") {
      options.record = true;
      continue;
    }
    if (i + 1 == count) return fail(format("{} needs a value", argument));
    const std::string value = arguments[++i];
    if (argument == "--image") {
      options.image = value;
    } else if (argument == "--index") {
      options.index = value;
    } else if (argument == "--executor") {
      options.executor = value;
    } else if (argument == "--mode") {
      options.mode = value;
    } else if (argument == "--filter") {
      options.filter = value;
    } else if (argument == "--exceptions") {
      options.exceptions = value;
    } else {
      return fail(format("{} is not an option", argument));
    }
  }
  return options;
}

// What the executor makes of each case, as the text of its `out` line.
Result<> record(Executor& executor, const CaseFile& file, const Slot& slot) {
  std::vector<std::string> out;
  for (const Case& one : file.cases) {
    ORRERY_TRY(const PreparedCase prepared, prepare(file, one, slot));
    ORRERY_TRY(const Image after, execute(executor, slot, prepared.before));
    std::string text;
    for (const std::string& change :
         changes(prepared.before, after, prepared.mask, prepared.before.registers.rip)) {
      text += (text.empty() ? "" : " ") + change;
    }
    out.push_back(text);
  }
  return write_expectations(file, out);
}

// Whether the code has instructions of a set that neither host nor engine has here.
bool needs_absent_set(std::span<const std::byte> code, Mode mode) {
  const ZydisDecoder decoder = decoder_for(mode);
  while (const auto instruction = decode(decoder, code)) {
    if (!hypervisor::soft::has_instruction_set(instruction->info)) return true;
    code = code.subspan(instruction->info.length);
  }
  return false;
}

struct Tally {
  unsigned cases = 0;
  unsigned failed = 0;
  unsigned excepted = 0;
  unsigned by_maker = 0;  // differ as processors of another maker are known to
};

// Whether the executor is the host's own processor, which may be of another maker than the
// expectations.
bool is_of_another_maker(const Executor& executor) {
  return !is_reference_processor() && (executor.name() == "host" || executor.name() == "kvm");
}

Result<> run_slot(Executor& executor, const Slot& slot, std::span<const std::byte> code,
                  bool recording, const ExceptionList& exceptions, Tally& tally) {
  ORRERY_TRY(const CaseFile file, read_case_file(slot.path));
  if (!file.host && executor.name() == "host") return {};
  // What the host can show, no other executor may define.
  if (recording && file.host && executor.name() != "host") return {};
  if (recording) {
    executor.load_code(slot.offset, code);
    return record(executor, file, slot);
  }
  for (const Case& one : file.cases) {
    if (exceptions.has(slot.mode, slot.path, one.line)) {
      ++tally.excepted;
      continue;
    }
    executor.load_code(slot.offset, code);  // anew: a test may change its own code
    const std::string wrong = check(executor, file, one, slot);
    ++tally.cases;
    if (wrong.empty()) continue;
    if (is_of_another_maker(executor)) {
      ORRERY_TRY(const PreparedCase prepared, prepare(file, one, slot));
      if (makers_differ(code, slot.mode, prepared.before, prepared.expected)) {
        ++tally.by_maker;
        continue;
      }
    }
    ++tally.failed;
    std::fputs(wrong.c_str(), stdout);
  }
  return {};
}

Result<bool> run(const Options& options) {
  ORRERY_TRY(const std::vector<Slot> slots, read_index(options.index));
  ORRERY_TRY(const std::vector<std::byte> image, read_image(options.image));
  ORRERY_TRY(const std::unique_ptr<Executor> executor, create_executor(options.executor));
  ExceptionList exceptions;
  if (!options.exceptions.empty() && !hypervisor::kvm::processor_has_virtualization()) {
    ORRERY_TRY(exceptions, ExceptionList::read(options.exceptions));
  }
  Tally tally;
  std::string recorded;  // in the first of a file's modes; the others check it
  for (const Slot& slot : slots) {
    if (slot.path.find(options.filter) == std::string::npos) continue;
    if (!executor->supports(slot.mode)) continue;
    if (!options.mode.empty() && mode_named(options.mode) != slot.mode) continue;
    if (options.record && std::exchange(recorded, slot.path) == slot.path) continue;
    const auto code = std::span(image).subspan(slot.offset, slot.length);
    if (needs_absent_set(code, slot.mode)) continue;
    if (const auto done = run_slot(*executor, slot, code, options.record, exceptions, tally);
        !done) {
      return fail(done.error().context(slot.path));
    }
  }
  std::printf("%s: %u cases, %u not as expected, %u left out as known exceptions\n",
              options.executor.c_str(), tally.cases, tally.failed, tally.excepted);
  if (is_of_another_maker(*executor)) {
    const std::uint64_t more = unexplained_of(tally.cases);
    std::printf("a processor of another maker: %u cases differ as known, %llu others may\n",
                tally.by_maker, static_cast<unsigned long long>(more));
    return tally.failed <= more;
  }
  return tally.failed == 0;
}

}  // namespace
}  // namespace orrery::isa

int main(int count, char** arguments) {
  const auto options = orrery::isa::parse(count, arguments);
  const auto passed =
      options ? orrery::isa::run(*options) : orrery::Result<bool>(std::unexpected(options.error()));
  if (!passed) {
    std::fprintf(stderr, "isa_run: %s\n", passed.error().message().c_str());
    // A host without a usable KVM skips its tests (CTest's SKIP_RETURN_CODE).
    return options && options->executor == "kvm" ? 77 : 2;
  }
  return *passed ? 0 : 1;
}
