#include "storage/disk_format.hpp"

#include <array>

#include "base/format.hpp"

namespace orrery::storage {
namespace {

struct Known {
  std::string_view magic;
  Format format;
};
using namespace std::string_view_literals;
constexpr std::array kKnown{
    Known{"QFI\xfb"sv, Format::kQcow2},
    Known{"vhdxfile"sv, Format::kVhdx},
    Known{"conectix"sv, Format::kVhd},                 // dynamic or differencing
    Known{"KDMV"sv, Format::kVmdk},                    // sparse extents
    Known{"COWD"sv, Format::kOther},                   // VMDK of ESX
    Known{"# Disk DescriptorFile"sv, Format::kOther},  // VMDK, a description
    Known{"<<< "sv, Format::kOther},                   // VDI
    Known{"QED\0"sv, Format::kOther},
    Known{"WithoutFreeSpace"sv, Format::kOther},  // Parallels
    Known{"WithouFreSpacExt"sv, Format::kOther},
};

}  // namespace

Format detect_format(ByteSpan start) {
  const std::string_view text(reinterpret_cast<const char*>(start.data()), start.size());
  for (const Known& known : kKnown) {
    if (text.starts_with(known.magic)) return known.format;
  }
  return Format::kRaw;
}

std::string_view name_of(Format format) {
  switch (format) {
    case Format::kRaw: return "raw";
    case Format::kQcow2: return "qcow2";
    case Format::kVhdx: return "vhdx";
    case Format::kVhd: return "vhd";
    case Format::kVmdk: return "vmdk";
    case Format::kOther: return "an image of another format";
  }
  return "";
}

std::string_view qemu_name_of(Format format) {
  return format == Format::kVhd ? "vpc" : name_of(format);
}

Result<Format> parse_format(std::string_view name) {
  for (const Format each :
       {Format::kRaw, Format::kQcow2, Format::kVhdx, Format::kVhd, Format::kVmdk}) {
    if (name == name_of(each) || name == qemu_name_of(each)) return each;
  }
  return fail(format("\"{}\" is not a format of disks; write raw, qcow2, vhdx, vhd or vmdk", name));
}

}  // namespace orrery::storage
