#include "device/pci/resources.hpp"

#include <algorithm>
#include <mutex>
#include <vector>

#include "base/bits.hpp"
#include "base/format.hpp"

namespace orrery::device::pci {
namespace {

struct Request {
  Address address;
  Function* function;
  unsigned bar;
  Function::Bar what;
};

// The next free address of a window that is filled from its start.
struct Filler {
  std::uint64_t next;
  std::uint64_t end;

  std::optional<std::uint64_t> take(std::uint64_t size) {
    const std::uint64_t base = align_up(next, size);
    if (base < next || base > end || end - base < size) return std::nullopt;
    next = base + size;
    return base;
  }
};

std::vector<Request> requests_of(const Root& root) {
  std::vector<Request> requests;
  for (const auto& [address, function] : root.functions()) {
    for (unsigned bar = 0; bar < kBarCount; ++bar) {
      const Function::Bar& what = function->bars()[bar];
      if (what.kind != BarKind::kNone) requests.push_back({address, function, bar, what});
    }
  }
  std::ranges::stable_sort(requests, std::ranges::greater{},
                           [](const Request& request) { return request.what.size; });
  return requests;
}

}  // namespace

Result<> assign_resources(Root& root, const InterruptRouter& router,
                          const ResourceWindows& windows) {
  Filler memory{windows.memory_start.value(), windows.memory_end.value()};
  Filler io{windows.io_start, windows.io_end};
  for (const Request& request : requests_of(root)) {
    const bool is_io = request.what.kind == BarKind::kIo;
    const auto base = (is_io ? io : memory).take(request.what.size);
    if (!base) {
      return fail(format(
          "PCI 00:{:02x}.{}: no room for BAR {} of {} ({} bytes of {}); use fewer "
          "devices or less memory below 4 GiB",
          request.address.slot, request.address.function, request.bar, request.function->name(),
          request.what.size, is_io ? "ports" : "memory addresses"));
    }
    const std::lock_guard lock(request.function->host().device_lock());
    request.function->program_bar(request.bar, *base);
  }
  for (const auto& [address, function] : root.functions()) {
    const std::lock_guard lock(function->host().device_lock());
    if (function->pin() != Pin::kNone) {
      const unsigned line = InterruptRouter::line_of(address.slot, function->pin());
      function->program_interrupt_line(router.route(line).value_or(0));
    }
    function->enable_decoding();
  }
  return {};
}

}  // namespace orrery::device::pci
