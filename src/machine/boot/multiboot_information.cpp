#include "machine/boot/multiboot_information.hpp"

#include <algorithm>
#include <array>

namespace orrery::machine::boot {
namespace {

struct Information {
  static constexpr std::uint32_t kMemory = 1u << 0;
  static constexpr std::uint32_t kCommandLine = 1u << 2;
  static constexpr std::uint32_t kModules = 1u << 3;
  static constexpr std::uint32_t kMemoryMap = 1u << 6;
  static constexpr std::uint32_t kLoaderName = 1u << 9;

  std::uint32_t flags = kMemory | kCommandLine | kModules | kMemoryMap | kLoaderName;
  std::uint32_t mem_lower = 0;  // KiB from 0
  std::uint32_t mem_upper = 0;  // KiB from 1 MiB to the first hole
  std::uint32_t boot_device = 0;
  std::uint32_t cmdline = 0;
  std::uint32_t mods_count = 0;
  std::uint32_t mods_addr = 0;
  std::array<std::uint32_t, 4> syms{};
  std::uint32_t mmap_length = 0;
  std::uint32_t mmap_addr = 0;
  std::uint32_t drives_length = 0;
  std::uint32_t drives_addr = 0;
  std::uint32_t config_table = 0;
  std::uint32_t boot_loader_name = 0;
  std::array<std::uint32_t, 12> apm_vbe_and_framebuffer{};
};
static_assert(offsetof(Information, mmap_length) == 44);
static_assert(offsetof(Information, boot_loader_name) == 64);
static_assert(sizeof(Information) == 116);

struct Module {
  std::uint32_t mod_start, mod_end, string, reserved;
};

struct [[gnu::packed]] MapEntry {
  std::uint32_t size;  // of the fields that follow
  std::uint64_t base_addr, length;
  std::uint32_t type;
};
static_assert(sizeof(MapEntry) == 24);

constexpr std::uint64_t kHighestAddress = 0xffff'ffff;  // all pointers are 32-bit

// A block of memory that is filled front to back and knows the guest addresses of its parts.
class Arena {
 public:
  std::uint32_t append(ByteSpan bytes) {
    const auto offset = static_cast<std::uint32_t>(content_.size());
    content_.insert(content_.end(), bytes.begin(), bytes.end());
    content_.resize((content_.size() + 7) & ~std::size_t{7});
    return base_ + offset;
  }
  std::uint32_t append(const std::string& text) {
    return append(as_bytes(text.c_str(), text.size() + 1));
  }
  void set_base(GuestPhysical base) { base_ = static_cast<std::uint32_t>(base.value()); }
  MutableByteSpan content() { return content_; }

 private:
  std::uint32_t base_ = 0;
  std::vector<std::byte> content_;
};

Result<std::vector<Module>> place_modules(Layout& layout, const Payload& payload) {
  std::vector<Module> modules;
  for (const Image& image : payload.modules) {
    ORRERY_TRY(const GuestPhysical place,
               layout.place_above(std::max(layout.end(), kHighMemory), image.bytes.size(),
                                  "the module " + image.name));
    const std::uint64_t end = place.value() + image.bytes.size();
    if (end > kHighestAddress) return fail("the modules do not fit below 4 GiB");
    layout.copy(place, image.bytes);
    modules.push_back(
        {static_cast<std::uint32_t>(place.value()), static_cast<std::uint32_t>(end), 0, 0});
  }
  return modules;
}

std::vector<MapEntry> memory_map(const MemoryMap& map) {
  std::vector<MapEntry> entries;
  for (const Range& range : map.ranges()) {
    entries.push_back({sizeof(MapEntry) - sizeof(MapEntry::size), range.start.value(),
                       range.size.value(), static_cast<std::uint32_t>(range.kind)});
  }
  return entries;
}

template <typename T>
ByteSpan bytes_of(const std::vector<T>& values) {
  return as_bytes(values.data(), values.size() * sizeof(T));
}

Information fill(Arena& arena, const Layout& layout, const Payload& payload,
                 std::vector<Module> modules) {
  Information information;
  arena.append(as_bytes(&information, sizeof information));
  const MemoryMap& map = layout.destination().map;
  information.mem_lower = static_cast<std::uint32_t>(kExtendedBiosDataArea.value() / 1_KiB);
  information.mem_upper = static_cast<std::uint32_t>((map.usable_low_end() - kHighMemory) / 1_KiB);
  const std::string& arguments = payload.command_line;
  information.cmdline =
      arena.append(payload.kernel.name + (arguments.empty() ? "" : " ") + arguments);
  for (std::size_t i = 0; i < modules.size(); ++i) {
    modules[i].string = arena.append(payload.modules[i].name);
  }
  information.mods_count = static_cast<std::uint32_t>(modules.size());
  information.mods_addr = arena.append(bytes_of(modules));
  const std::vector<MapEntry> entries = memory_map(map);
  information.mmap_length = static_cast<std::uint32_t>(entries.size() * sizeof(MapEntry));
  information.mmap_addr = arena.append(bytes_of(entries));
  information.boot_loader_name = arena.append(std::string("orrery"));
  std::copy_n(as_bytes(&information, sizeof information).begin(), sizeof information,
              arena.content().begin());
  return information;
}

}  // namespace

Result<GuestPhysical> place_multiboot_information(Layout& layout, const Payload& payload) {
  ORRERY_TRY(const std::vector<Module> modules, place_modules(layout, payload));
  // Filled twice: the first time for its size, the second with its address known.
  Arena measure;
  fill(measure, layout, payload, modules);
  ORRERY_TRY(const GuestPhysical base,
             layout.place_above(std::max(layout.end(), kHighMemory), measure.content().size(),
                                "the multiboot information"));
  if (base.value() + measure.content().size() > kHighestAddress) {
    return fail("the multiboot information does not fit below 4 GiB");
  }
  Arena arena;
  arena.set_base(base);
  fill(arena, layout, payload, modules);
  layout.copy(base, arena.content());
  return base;
}

}  // namespace orrery::machine::boot
