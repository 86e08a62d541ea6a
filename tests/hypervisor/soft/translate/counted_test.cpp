// Counted mode: the interpreter and the translator retire the same instructions, and stop at a
// given count in the same state.
#include <algorithm>
#include <array>
#include <cstdint>
#include <optional>
#include <random>
#include <span>
#include <string>
#include <variant>
#include <vector>

#include <gtest/gtest.h>

#include "hypervisor/soft/translate/lockstep_report.hpp"
#include "hypervisor/soft/translate/options.hpp"
#include "long_mode.hpp"
#include "translated.hpp"

namespace orrery::hypervisor::soft {
namespace {

using translate::Options;
using Bytes8 = std::vector<std::uint8_t>;

constexpr std::uint64_t kStart = 0x7f60;  // most programs go on in the next page
constexpr std::uint64_t kTick = 0x9100;
constexpr std::uint64_t kFunction = 0xc000;
constexpr std::uint64_t kFrameFunction = 0xc100;
constexpr std::uint64_t kTicks = 0xe800;
constexpr std::uint8_t kTickVector = 0x40;
constexpr std::uint32_t kTurns = 1000;

void append(Bytes8& code, std::initializer_list<std::uint8_t> bytes) {
  code.insert(code.end(), bytes);
}

// CALL.
void append_call(Bytes8& code, std::uint64_t address) {
  const auto distance = static_cast<std::uint32_t>(address - (kStart + code.size() + 5));
  append(code, {0xe8});
  for (unsigned n = 0; n < 4; ++n) code.push_back(static_cast<std::uint8_t>(distance >> 8 * n));
}

// Changes the immediate operand of the instruction behind it.
void append_self_modification(Bytes8& code) {
  const auto place = static_cast<std::uint32_t>(kStart + code.size() + 7 + 3);
  append(code, {0x88, 0x04, 0x25});  // mov [place], al
  for (unsigned n = 0; n < 4; ++n) code.push_back(static_cast<std::uint8_t>(place >> 8 * n));
  append(code, {0x48, 0x83, 0xc2, 0x00});  // add rdx, 0
}

void append_word(Bytes8& code, std::uint32_t word) {
  for (unsigned n = 0; n < 4; ++n) code.push_back(static_cast<std::uint8_t>(word >> 8 * n));
}

// Instructions of 8 bytes with [rdi + DISTANCE]: where one faults, the handler goes on behind it.
void append_long_access(Bytes8& code, std::uint32_t distance, std::mt19937& random) {
  switch (random() % 4) {
    case 0: append(code, {0x48, 0x8b, 0x94, 0x27}); break;   // mov rdx, [...]
    case 1: append(code, {0x48, 0x89, 0x84, 0x27}); break;   // mov [...], rax
    case 2: append(code, {0x4c, 0x01, 0xbc, 0x27}); break;   // add [...], r15
    default: append(code, {0x4c, 0x13, 0x9c, 0x27}); break;  // adc r11, [...]
  }
  append_word(code, distance);
}

void append_access(Bytes8& code, std::uint8_t distance, std::mt19937& random) {
  const auto aligned = static_cast<std::uint8_t>(distance & 0x70);
  switch (random() % 10) {
    case 0: return append(code, {0x48, 0x8b, 0x57, distance});                 // mov rdx, [...]
    case 1: return append(code, {0x48, 0x89, 0x47, distance});                 // mov [...], rax
    case 2: return append(code, {0x01, 0x47, distance});                       // add [...], eax
    case 3: return append(code, {0x4c, 0x89, 0x7f, distance});                 // mov [...], r15
    case 4: return append(code, {0x4c, 0x8b, 0x5f, distance});                 // mov r11, [...]
    case 5: return append(code, {0x0f, 0x10, 0x4f, distance});                 // movups xmm1, [...]
    case 6: return append(code, {0x0f, 0x29, 0x4f, aligned});                  // movaps [...], xmm1
    case 7: return append(code, {0x38, 0x47, distance, 0x72, 2, 0xff, 0xc6});  // cmp; jc; inc esi
    case 8: return append(code, {0xf0, 0x0f, 0xc1, 0x57, distance});   // lock xadd [...], edx
    default: return append(code, {0x48, 0x8d, 0x74, 0x47, distance});  // lea rsi, [... + rax]
  }
}

// Fields of a structure that lies in a page, across two, or half in one that is not present.
void append_fields(Bytes8& code, std::mt19937& random) {
  constexpr std::array<std::uint32_t, 4> kPlaces = {0xd100, 0xd800, 0xdfb0, 0xffb0};
  const std::uint32_t place = kPlaces[random() % kPlaces.size()];
  append(code, {0x48, 0x89, 0xc7, 0x83, 0xe7, 0x30, 0x81, 0xc7});  // mov; and edi, 30; add edi
  append_word(code, place);
  for (unsigned n = 2 + random() % 7; n != 0; --n) {
    const auto distance = static_cast<std::uint8_t>(random() % 64);
    if (place == kPlaces.back()) {
      append_long_access(code, distance, random);
    } else {
      append_access(code, distance, random);
    }
    if (random() % 8 == 0) append(code, {0x48, 0xff, 0xc0});         // inc rax
    if (random() % 8 == 0) append(code, {0x4d, 0x01, 0xfb});         // add r11, r15
    if (random() % 16 == 0) append(code, {0x48, 0x83, 0xc7, 0x10});  // add rdi, 10
  }
  if (random() % 4 == 0) append(code, {0x48, 0x8b, 0x7f, 0x08});  // mov rdi, [rdi + 8]
}

// Two structures by turns, one through [rdi], the other through [r8 + r9 * 2], and known addresses.
void append_pairs(Bytes8& code, std::mt19937& random) {
  constexpr std::array<std::uint32_t, 4> kPlaces = {0xd100, 0xd120, 0xdfb0, 0xe200};
  append(code, {0x48, 0x89, 0xc7, 0x83, 0xe7, 0x30, 0x81, 0xc7});  // mov; and edi, 30; add edi
  append_word(code, kPlaces[random() % kPlaces.size()]);
  append(code, {0x49, 0x89, 0xc0, 0x41, 0x83, 0xe0, 0x18, 0x49, 0x81, 0xc0});  // the same of r8
  append_word(code, kPlaces[random() % kPlaces.size()]);
  append(code, {0x41, 0x89, 0xc1, 0x41, 0x83, 0xe1, 0x07});  // mov r9d, eax; and r9d, 7
  for (unsigned n = 3 + random() % 10; n != 0; --n) {
    const auto distance = static_cast<std::uint8_t>(random() % 64);
    switch (random() % 12) {
      case 0:
      case 1:
      case 2: append_access(code, distance, random); break;
      case 3: append(code, {0x4b, 0x8b, 0x54, 0x48, distance}); break;        // mov rdx, [...]
      case 4: append(code, {0x4b, 0x89, 0x44, 0x48, distance}); break;        // mov [...], rax
      case 5: append(code, {0x43, 0x01, 0x44, 0x48, distance}); break;        // add [...], eax
      case 6: append(code, {0x4b, 0x13, 0x54, 0x48, distance}); break;        // adc rdx, [...]
      case 7: append(code, {0x43, 0x0f, 0x10, 0x4c, 0x48, distance}); break;  // movups xmm1, [...]
      case 8:                                                                 // cmp; jc; inc esi
        append(code, {0x43, 0x38, 0x44, 0x48, distance, 0x72, 2, 0xff, 0xc6});
        break;
      case 9:
        append(code, {0x48, 0x8b, 0x15});  // mov rdx, [0xd100 + distance]
        append_word(code, static_cast<std::uint32_t>(0xd100 + distance - kStart - code.size() - 4));
        break;
      case 10:
        append(code, {0x48, 0x01, 0x05});  // add [0xdfb0 + distance], rax
        append_word(code, static_cast<std::uint32_t>(0xdfb0 + distance - kStart - code.size() - 4));
        break;
      default:
        if (random() % 3 == 0) append(code, {0x49, 0x83, 0xc0, 0x08});  // add r8, 8
        if (random() % 3 == 0) append(code, {0x57, 0x5f});              // push rdi; pop rdi
    }
  }
}

// What functions do with the stack, which crosses into another page now and then.
void append_stack(Bytes8& code, std::mt19937& random) {
  append(code,
         {0x49, 0x89, 0xe1, 0x48, 0x89, 0xc2, 0x83, 0xe2, 0x38});  // mov r9, rsp; edx = al & 38
  append(code, {0x48, 0x8d, 0xa2, 0x10, 0xe0, 0, 0});              // lea rsp, [rdx + e010]
  unsigned depth = 0;
  for (unsigned n = 4 + random() % 8; n != 0; --n) {
    switch (random() % 9) {
      case 0: append(code, {0x50}), ++depth; break;                       // push rax
      case 1: append(code, {0x41, 0x57}), ++depth; break;                 // push r15
      case 2: append(code, {0x6a, 0x85}), ++depth; break;                 // push -7b
      case 3: append(code, {0x48, 0x89, 0x44, 0x24, 0xf8}); break;        // mov [rsp - 8], rax
      case 4: append(code, {0x48, 0x89, 0x64, 0x24, 0xf0}); break;        // mov [rsp - 10], rsp
      case 5: append(code, {0x48, 0x8d, 0x74, 0x24, 0x08}); break;        // lea rsi, [rsp + 8]
      case 6: append(code, {0xa8, 0x01, 0x75, 0x02, 0xff, 0xc6}); break;  // test; jnz; inc esi
      case 7: append_call(code, kFrameFunction); break;
      default:
        if (depth == 0) break;
        append(code, {0x41, 0x5a}), --depth;  // pop r10
    }
  }
  append(code, {0x4c, 0x89, 0xcc});  // mov rsp, r9
}

void append_random(Bytes8& code, std::mt19937& random) {
  switch (random() % 22) {
    case 20:
    case 21: return append_pairs(code, random);
    case 16:
    case 17: return append_stack(code, random);
    case 18:
    case 19: return append_fields(code, random);
    case 0: return append(code, {0x48, 0xff, 0xc0});                          // inc rax
    case 1: return append(code, {0x50, 0x5a});                                // push, pop rdx
    case 2: return append(code, {0x48, 0x01, 0x04, 0x25, 0, 0xd0, 0, 0});     // add [d000],rax
    case 3: return append(code, {0x48, 0x01, 0x04, 0x25, 0xfc, 0xdf, 0, 0});  // over the page
    case 4: return append(code, {0xa8, 0x01, 0x75, 0x03, 0x48, 0xff, 0xc3});  // test; jnz; inc
    case 5: return append(code, {0x73, 0x04, 0x49, 0x83, 0xc2, 0x03});        // jnc; add r10, 3
    case 6: return append_call(code, kFunction);
    case 7: return append(code, {0x48, 0x01, 0x04, 0x25, 0, 0, 0x02, 0});           // faults
    case 8: return append(code, {0x66, 0x0f, 0x6e, 0xc0, 0x66, 0x0f, 0xfe, 0xc8});  // movd, paddd
    case 9: return append(code, {0x9c, 0x5e, 0xfa, 0xfb});  // pushf; pop rsi; cli; sti
    case 10:                                                // rep stosb of 80 bytes over the page
      return append(code, {0x51, 0xbf, 0xe0, 0xdf, 0, 0, 0xb9, 0x50, 0, 0, 0, 0xf3, 0xaa, 0x59});
    case 11: return append(code, {0xd9, 0xe8, 0xdd, 0xd8});              // fld1; fstp st0
    case 12: return append(code, {0x49, 0xff, 0xc7, 0x4d, 0x01, 0xfb});  // inc r15; add r11, r15
    default:
      if (random() % 8 == 0) return append_self_modification(code);
      return append(code, {0xd0, 0xc8, 0x72, 0xfc});  // ror al, 1; jc back to it
  }
}

// kTurns times what SEED chooses, then HLT. AL is made odd and even by turns; the inner loop ends
// since a rotation of a byte that is not 0xff finds a 0 bit.
Bytes8 random_program(std::uint32_t seed) {
  std::mt19937 random(seed);
  Bytes8 code;
  append(code, {0x24, 0x7f});  // and al, 0x7f
  for (unsigned n = 0; n < 12; ++n) append_random(code, random);
  append(code, {0x24, 0x7f, 0xff, 0xc9, 0x0f, 0x85});  // and al, 0x7f; dec ecx; jnz
  const auto distance = static_cast<std::uint32_t>(0 - (code.size() + 4));
  for (unsigned n = 0; n < 4; ++n) code.push_back(static_cast<std::uint8_t>(distance >> 8 * n));
  code.push_back(0xf4);
  return code;
}

class CountedMachine {
 public:
  CountedMachine(std::span<const std::uint8_t> code, std::optional<Options> options,
                 std::uint32_t turns = kTurns) {
    if (options) {
      EXPECT_TRUE(cpu().use_translator(*options));
    }
    put_tables(machine_);
    // add rsp, 8; add qword [rsp], 8; iretq: past the access that faults.
    constexpr std::uint8_t kSkip[] = {0x48, 0x83, 0xc4, 8, 0x48, 0x83, 0x04, 0x24, 8, 0x48, 0xcf};
    constexpr std::uint8_t kCountTick[] = {0x48, 0xff, 0x04, 0x25, 0, 0xe8, 0, 0, 0x48, 0xcf};
    constexpr std::uint8_t kAddOne[] = {0x48, 0xff, 0xc3, 0xc3};  // inc rbx; ret
    machine_.load(kHandler, std::as_bytes(std::span(kSkip)));
    machine_.load(kTick, std::as_bytes(std::span(kCountTick)));
    machine_.load(kFunction, std::as_bytes(std::span(kAddOne)));
    // push rbp; mov rbp, rsp; push rbx; push r15; mov [rbp - 20], rax; add ebx, [rbp - 20];
    // pop r15; pop rbx; pop rbp; ret 0
    constexpr std::uint8_t kFrame[] = {0x55, 0x48, 0x89, 0xe5, 0x53, 0x41, 0x57,
                                       0x48, 0x89, 0x45, 0xe0, 0x03, 0x5d, 0xe0,
                                       0x41, 0x5f, 0x5b, 0x5d, 0xc2, 0,    0};
    machine_.load(kFrameFunction, std::as_bytes(std::span(kFrame)));
    machine_.load(kStart, std::as_bytes(code));
    machine_.store(kIdt + kTickVector * 16,
                   kTick | std::uint64_t{kCode64} << 16 | std::uint64_t{0x8e} << 40);
    x86::CpuState state = long_mode();
    state.cr4 |= x86::cr4::kFxsave;
    state.rip = kStart;
    state.rflags |= x86::rflags::kInterrupt;
    state[x86::Gpr::kRcx] = turns;
    cpu().import_state(state);
  }

  Cpu& cpu() { return machine_.cpu(); }

  std::uint64_t run_to_end() {
    EXPECT_TRUE(std::holds_alternative<Halted>(machine_.run()));
    return cpu().retired();
  }
  void run_to(std::uint64_t count) {
    cpu().stop_at(count);
    const Exit exit = machine_.run();
    ASSERT_TRUE(std::holds_alternative<CountReached>(exit));
    EXPECT_EQ(std::get<CountReached>(exit).instructions, count);
    EXPECT_EQ(cpu().retired(), count);
  }
  bool is_open() {
    const x86::CpuState state = cpu().export_state();
    return (state.rflags & x86::rflags::kInterrupt) != 0 && !state.interrupt_shadow;
  }
  void tick() { machine_.raise_interrupt(kTickVector); }
  std::vector<std::uint64_t> memory() const {
    std::vector<std::uint64_t> words;
    for (std::uint64_t at = 0xa000; at < 0x10000; at += 8) words.push_back(machine_.load_word(at));
    return words;
  }

 private:
  BareMachine machine_;
};

void expect_same(CountedMachine& translated, CountedMachine& interpreted) {
  const x86::CpuState left = translated.cpu().export_state();
  const x86::CpuState right = interpreted.cpu().export_state();
  EXPECT_EQ(translate::differences_of(left, right), "");
  EXPECT_EQ(left.rip, right.rip);
  EXPECT_EQ(left.rflags, right.rflags);
  EXPECT_EQ(left.interrupt_shadow, right.interrupt_shadow);
  EXPECT_EQ(translated.memory(), interpreted.memory());
}

constexpr Options kLinked{.hot_after = 0, .exact_flags = true, .counted = true};
constexpr Options kShort{
    .hot_after = 2, .most_instructions = 3, .exact_flags = true, .counted = true};
constexpr Options kTraced{.hot_after = 8, .exact_flags = true, .counted = true};
constexpr Options kAlone{.hot_after = 0, .chain = false, .exact_flags = true, .counted = true};

class CountedPrograms : public testing::TestWithParam<std::uint32_t> {};

TEST_P(CountedPrograms, StopInTheSameStateAtTheSameCounts) {
  const Bytes8 code = random_program(GetParam());
  CountedMachine whole(code, std::nullopt);
  const std::uint64_t total = whole.run_to_end();
  ASSERT_GT(total, kTurns * 10);
  std::mt19937 random(GetParam());
  for (const Options& options : {kLinked, kShort, kTraced, kAlone}) {
    CountedMachine translated(code, options);
    CountedMachine interpreted(code, std::nullopt);
    std::vector<std::uint64_t> counts = {0, 1, total - 1};
    for (unsigned n = 0; n < 12; ++n) counts.push_back(random() % total);
    std::sort(counts.begin(), counts.end());
    for (const std::uint64_t count : counts) {
      SCOPED_TRACE("at " + std::to_string(count) + " of " + std::to_string(total));
      translated.run_to(count);
      interpreted.run_to(count);
      expect_same(translated, interpreted);
      if (HasFailure()) return;
    }
    EXPECT_EQ(translated.run_to_end(), total);
    EXPECT_EQ(interpreted.run_to_end(), total);
    expect_same(translated, interpreted);
  }
}

TEST_P(CountedPrograms, TakeInterruptsAtTheSameCounts) {
  const Bytes8 code = random_program(GetParam());
  CountedMachine translated(code, kLinked);
  CountedMachine interpreted(code, std::nullopt);
  std::mt19937 random(GetParam());
  std::uint64_t count = 0;
  std::uint64_t ticks = 0;
  for (unsigned n = 0; n < 6; ++n) {
    count += 1 + random() % 1500;
    translated.run_to(count);
    interpreted.run_to(count);
    ASSERT_EQ(translated.is_open(), interpreted.is_open());
    if (!translated.is_open()) continue;
    ++ticks;
    translated.tick();
    interpreted.tick();
  }
  EXPECT_EQ(translated.run_to_end(), interpreted.run_to_end());
  expect_same(translated, interpreted);
  EXPECT_EQ(translated.memory()[(kTicks - 0xa000) / 8], ticks);
}

TEST_P(CountedPrograms, CountEveryBlockAsTheInterpreterDoes) {
  Options options = kLinked;
  options.lockstep = true;
  CountedMachine machine(random_program(GetParam()), options, 50);
  CountedMachine interpreted(random_program(GetParam()), std::nullopt, 50);
  EXPECT_EQ(machine.run_to_end(), interpreted.run_to_end());
  EXPECT_EQ(counted(machine.cpu(), "differences"), 0u);
}

#ifdef ORRERY_SANITIZED  // thirty times as slow
constexpr std::uint32_t kSeeds = 8;
#else
constexpr std::uint32_t kSeeds = 40;
#endif
INSTANTIATE_TEST_SUITE_P(Seeds, CountedPrograms, testing::Range(1u, kSeeds + 1));

// By hand: what the definition says of faults, repetitions, and HLT.
TEST(Counted, CountsWhatRetires) {
  // inc rax; add [0x20000], rax (faults; three instructions in the handler); rep stosb of 40 pages'
  // worth; dec ecx; jnz; hlt
  constexpr std::uint8_t kProgram[] = {0x48, 0xff, 0xc0, 0x48, 0x01, 0x04, 0x25, 0,    0,    0x02,
                                       0,    0x51, 0xbf, 0xe0, 0xdf, 0,    0,    0xb9, 0x50, 0,
                                       0,    0,    0xf3, 0xaa, 0x59, 0xff, 0xc9, 0x75, 0xe3, 0xf4};
  constexpr std::uint64_t kEachTurn = 1 + 3 + 5 + 2;
  for (const auto& options : {std::optional<Options>{}, std::optional(kLinked)}) {
    CountedMachine machine(kProgram, options, 300);
    EXPECT_EQ(machine.run_to_end(), 300 * kEachTurn + 1);
    EXPECT_EQ(machine.cpu().all_statistics().instructions, 300 * kEachTurn + 1);
  }
}

TEST(Counted, ACountThatIsPastStopsAtOnce) {
  constexpr std::uint8_t kProgram[] = {0xff, 0xc9, 0x75, 0xfc, 0xf4};  // dec ecx; jnz; hlt
  CountedMachine machine(kProgram, kLinked, 5000);
  machine.run_to(9000);
  machine.cpu().stop_at(10);
  const Exit exit = machine.cpu().run();
  ASSERT_TRUE(std::holds_alternative<CountReached>(exit));
  EXPECT_EQ(std::get<CountReached>(exit).instructions, 9000u);
  EXPECT_EQ(machine.run_to_end(), 10'001u);
}

}  // namespace
}  // namespace orrery::hypervisor::soft
