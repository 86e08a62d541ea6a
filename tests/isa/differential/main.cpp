// Random sequences of the engine's instructions, on the host's own processor and on an engine.
//
//   isa_differential [--seed N] [--count N] [--length N] [--mode 64|32] [--engine soft]
//                    [--only MNEMONIC] [--first N] [--reports N] [--progress SECONDS] [--list]
//
// Every sequence follows from the seed and its number: `--first N --count 1` repeats one, and a
// long run may be split into ranges. Each disagreement is reduced to its instruction and named on a
// line of its own; the first of each instruction is printed whole, and a table at the end counts
// them all. An interrupted run (SIGINT, SIGTERM) tells where to go on. Exit status 1 when there was
// any.
#include <charconv>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <memory>
#include <string>

#include "base/error.hpp"
#include "base/format.hpp"
#include "isa/differences.hpp"
#include "isa/differential/duel.hpp"
#include "isa/differential/inputs.hpp"
#include "isa/executors.hpp"
#include "isa/host/host_executor.hpp"
#include "isa/sandbox.hpp"

namespace orrery::isa::differential {
namespace {

// Sequences are loaded 64 at a time, so that an engine forgets decoded code once per batch.
constexpr std::uint64_t kBatch = 64;
constexpr std::uint64_t kSlotSize = 1024;
constexpr int kSkipped = 77;  // CTest's SKIP_RETURN_CODE

struct Options {
  std::uint64_t seed = 1;
  std::uint64_t count = 100'000;
  std::uint64_t length = 6;
  std::uint64_t first = 0;
  std::uint64_t reports = 20;  // printed whole
  std::uint64_t progress = 0;  // seconds between lines of progress; 0 for none
  Mode mode = Mode::kUser64;
  std::string engine = "soft";
  std::string only{};
  bool list = false;
};

Result<> parse_number(std::string_view name, std::string_view text, std::uint64_t& number) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error == std::errc{} && end == text.data() + text.size()) return {};
  return fail(format("{}: '{}' is not a number", name, text));
}

Result<Options> parse(int count, char** arguments) {
  Options options;
  const std::map<std::string_view, std::uint64_t*> numbers = {
      {"--seed", &options.seed},       {"--count", &options.count},
      {"--length", &options.length},   {"--first", &options.first},
      {"--reports", &options.reports}, {"--progress", &options.progress}};
  for (int i = 1; i < count; ++i) {
    const std::string_view name = arguments[i];
    if (name == "--list") {
      options.list = true;
      continue;
    }
    if (i + 1 == count) return fail(format("{} needs a value", name));
    const std::string_view value = arguments[++i];
    if (const auto number = numbers.find(name); number != numbers.end()) {
      ORRERY_CHECK(parse_number(name, value, *number->second));
    } else if (name == "--mode") {
      options.mode = value == "32" ? Mode::kUser32 : Mode::kUser64;
    } else if (name == "--engine") {
      options.engine = value;
    } else if (name == "--only") {
      options.only = value;
    } else {
      return fail(format("{} is not an option", name));
    }
  }
  return options;
}

// More than a busy host accounts for.
constexpr std::uint64_t kDisturbancesAllowed = 10;

// Set by a signal that asks the run to end behind its batch.
volatile std::sig_atomic_t interrupted = 0;

unsigned long long printable(std::uint64_t number) {
  return number;
}

class Campaign {
 public:
  Campaign(const Options& options, std::span<const Group> groups, Executor& host, Executor& engine)
      : options_(options),
        host_(host),
        engine_(engine),
        maker_(options.mode, groups),
        duel_(host, engine, options.mode),
        pool_(pool_random_) {}

  // Number of disagreements.
  std::uint64_t run() {
    const std::uint64_t end = options_.first + options_.count;
    auto told = std::chrono::steady_clock::now();
    for (next_ = options_.first; next_ < end && interrupted == 0;) {
      const std::uint64_t count = std::min(kBatch, end - next_);
      run_batch(next_, count);
      next_ += count;
      const auto now = std::chrono::steady_clock::now();
      if (options_.progress == 0 || now - told < std::chrono::seconds(options_.progress)) continue;
      told = now;
      std::printf("progress: %llu of %llu, %llu disagreements\n", printable(next_ - options_.first),
                  printable(options_.count), printable(disagreements_));
      std::fflush(stdout);
    }
    print_culprits();
    return disagreements_;
  }

  // The sequence that would have come next; the end of the range in a run that was not interrupted.
  std::uint64_t next() const { return next_; }

  std::uint64_t disturbances() const { return disturbances_; }

 private:
  struct Culprit {
    std::uint64_t count = 0;
    std::uint64_t first = 0;
  };

  Random random_for(std::uint64_t number) const {
    return Random(Random(options_.seed).next() ^ number * 0xd134'2543'de82'ef95);
  }

  std::vector<Unit> units_for(Random& random) const {
    std::vector<Unit> units;
    for (std::uint64_t i = 0; i < options_.length; ++i) units.push_back(maker_.make(random));
    return units;
  }

  void run_batch(std::uint64_t first, std::uint64_t count) {
    std::vector<std::byte> code(kBatch * kSlotSize, std::byte{0xcc});
    std::vector<Layout> layouts;
    std::vector<Random> randoms;
    for (std::uint64_t i = 0; i < count; ++i) {
      Random random = random_for(first + i);
      layouts.push_back(lay_out(units_for(random), options_.mode, i * kSlotSize));
      std::copy(layouts[i].code.begin(), layouts[i].code.end(),
                code.begin() + static_cast<std::ptrdiff_t>(i * kSlotSize));
      randoms.push_back(random);
    }
    host_.load_code(0, code);
    engine_.load_code(0, code);
    for (std::uint64_t i = 0; i < count; ++i) {
      const Snapshot start = random_registers(options_.mode, kCodeBase + i * kSlotSize, randoms[i]);
      const auto data = pool_.window(randoms[i]);
      const std::uint64_t offset = i * kSlotSize;
      if (duel_.agree(layouts[i], offset, start, data)) continue;
      if (duel_.host_was_disturbed(layouts[i], offset, start, data)) {
        ++disturbances_;
        continue;
      }
      disagree(first + i, start, data);
    }
  }

  void disagree(std::uint64_t number, const Snapshot& start, std::span<const std::byte> data) {
    ++disagreements_;
    Random random = random_for(number);
    const Trial trial = duel_.without_needless_units(
        {.units = units_for(random), .start = start, .data = {data.begin(), data.end()}});
    const ZydisMnemonic mnemonic =
        trial.units.empty() ? ZYDIS_MNEMONIC_INVALID : trial.units.back().mnemonic;
    std::printf("sequence %llu of seed %llu disagrees: %s\n", printable(number),
                printable(options_.seed), ZydisMnemonicGetString(mnemonic));
    Culprit& culprit = culprits_[mnemonic];
    if (culprit.count++ == 0) {
      culprit.first = number;
      if (culprits_.size() <= options_.reports) print_trial(trial, number);
    }
    std::fflush(stdout);
  }

  void print_trial(const Trial& trial, std::uint64_t number) {
    std::printf("repeat with --seed %llu --first %llu --count 1%s\n%s\n", printable(options_.seed),
                printable(number), is_32bit(options_.mode) ? " --mode 32" : "",
                duel_.report(duel_.with_plain_inputs(trial)).c_str());
  }

  void print_culprits() const {
    for (const auto& [mnemonic, culprit] : culprits_) {
      std::printf("%-14s %llu disagreements, first in sequence %llu\n",
                  ZydisMnemonicGetString(mnemonic), printable(culprit.count),
                  printable(culprit.first));
    }
  }

  const Options& options_;
  Executor& host_;
  Executor& engine_;
  UnitMaker maker_;
  Duel duel_;
  Random pool_random_{Random(options_.seed).next()};
  DataPool pool_;
  std::map<ZydisMnemonic, Culprit> culprits_;
  std::uint64_t next_ = 0;
  std::uint64_t disagreements_ = 0;
  std::uint64_t disturbances_ = 0;
};

void list_groups(std::span<const Group> groups) {
  std::size_t forms = 0;
  for (const Group& group : groups) {
    std::printf("%-14s %zu forms\n", ZydisMnemonicGetString(group.mnemonic), group.forms.size());
    forms += group.forms.size();
  }
  std::printf("%zu mnemonics, %zu forms\n", groups.size(), forms);
}

Result<bool> run(const Options& options) {
  const std::vector<Group> groups = find_groups(options.mode, options.only);
  if (groups.empty()) return fail("the engine's table has no such instruction");
  if (options.list) return list_groups(groups), true;
  if (is_32bit(options.mode) && !host::has_32bit_code()) {
    std::printf("left out: the kernel here has no segment for 32-bit code\n");
    std::exit(kSkipped);
  }

  ORRERY_TRY(const auto host, create_executor("host"));
  ORRERY_TRY(const auto engine, create_executor(options.engine));
  for (const int number : {SIGINT, SIGTERM}) {
    std::signal(number, [](int) { interrupted = 1; });
  }
  Campaign campaign(options, groups, *host, *engine);
  const auto start = std::chrono::steady_clock::now();
  const std::uint64_t disagreements = campaign.run();
  const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
  const std::uint64_t done = campaign.next() - options.first;
  std::printf(
      "seed %llu: %llu sequences of %llu instructions out of %zu, %llu disagreements, "
      "%.1f s\n",
      printable(options.seed), printable(done), printable(options.length), groups.size(),
      printable(disagreements), seconds.count());
  if (campaign.disturbances() != 0) {
    std::printf("the host was disturbed %llu times: it agreed when asked again\n",
                printable(campaign.disturbances()));
  }
  if (done < options.count) {
    std::printf("interrupted; go on with --first %llu --count %llu\n", printable(campaign.next()),
                printable(options.count - done));
  }
  return disagreements <= (is_reference_processor() ? 0 : unexplained_of(done)) &&
         campaign.disturbances() <= kDisturbancesAllowed;
}

}  // namespace
}  // namespace orrery::isa::differential

int main(int count, char** arguments) {
  namespace differential = orrery::isa::differential;
  const auto options = differential::parse(count, arguments);
  const auto passed = options ? differential::run(*options)
                              : orrery::Result<bool>(std::unexpected(options.error()));
  if (!passed) {
    std::fprintf(stderr, "isa_differential: %s\n", passed.error().message().c_str());
    return 2;
  }
  return *passed ? 0 : 1;
}
