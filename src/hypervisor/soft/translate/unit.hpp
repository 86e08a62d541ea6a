// A block on its way to becoming host code: all that its emitter has to know, so that it may work
// beside the vCPU.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "hypervisor/soft/translate/page.hpp"
#include "hypervisor/soft/translate/plan/item.hpp"

namespace orrery::hypervisor::soft::translate {

struct Unit {
  PageStamp page{};
  std::vector<Item> items;  // liveness filled in
  // Host code of the same page that the block jumps to.
  struct Body {
    std::uint64_t rip;
    std::uint64_t address;
  };
  std::vector<Body> bodies;
  // The instructions' bytes: the guest may change its own.
  std::vector<std::byte> code;

  // Makes the items' bytes their own.
  void keep_bytes();
  // 0: none is known.
  std::uint64_t body_of(std::uint64_t rip) const;
};

}  // namespace orrery::hypervisor::soft::translate
