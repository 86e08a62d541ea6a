// A slot of translated code whose page is not global: what is kept of it with its address space.
#pragma once

#include <cstdint>

namespace orrery::hypervisor::soft::translate {

struct Page;

struct LocalPage {
  Page* page;
  std::uint32_t id;  // the page's, when it was left
  std::uint16_t slot;
};

}  // namespace orrery::hypervisor::soft::translate
