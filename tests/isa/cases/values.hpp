// The inputs and outcomes of a test as text: `rax=0x1 flags=cf|zf xmm0=0x… [data+10]=0a0b
// fault=#GP(0)`. docs/testing-the-engine.md describes every name.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.hpp"
#include "isa/executor.hpp"
#include "isa/snapshot.hpp"

namespace orrery::isa {

// All that a test can see of a processor, before or after.
struct Image {
  Snapshot registers{};
  std::vector<std::byte> data{};
  std::optional<FaultReport> fault{};
};

// What a test starts from where it names nothing else: every register and byte holds a value of its
// own, so that a wrong write shows.
Image default_image(Mode mode, std::uint64_t code_address);

// NAME=VALUE. `rip` is an offset from CODE_ADDRESS.
Result<> assign(Image& image, std::string_view name, std::string_view value,
                std::uint64_t code_address);

// The bits of an image that a test compares: those that its mode has, without the undefined ones.
class Mask {
 public:
  explicit Mask(Mode mode);

  // A flag, a register, an x87 condition bit (c0 to c3), or `[data+offset:length]`.
  Result<> ignore(std::string_view name);
  void ignore_flags(std::uint64_t flags) { registers_.rflags &= ~flags; }
  void ignore_x87_status(std::uint16_t bits) {
    registers_.fx.status = static_cast<std::uint16_t>(registers_.fx.status & ~bits);
  }

  const Snapshot& registers() const { return registers_; }
  bool data_matters(std::size_t offset) const;

 private:
  struct Range {
    std::size_t start, length;
  };
  Snapshot registers_;  // set bits are compared
  std::vector<Range> ignored_data_;
};

// What of AFTER differs from BEFORE, as assignments that `assign` takes; empty where nothing does.
// A fault, and RIP beside it, are always told.
std::vector<std::string> changes(const Image& before, const Image& after, const Mask& mask,
                                 std::uint64_t code_address);

// A flags value by the names of its bits: "cf|zf", or "-" for none.
std::string flag_names(std::uint64_t flags);
std::string fault_name(const FaultReport& fault);

}  // namespace orrery::isa
