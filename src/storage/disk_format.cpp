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
    Known{"KDMV"sv, Format::kOther},                   // VMDK, sparse extents
    Known{"COWD"sv, Format::kOther},                   // VMDK of ESX
    Known{"# Disk DescriptorFile"sv, Format::kOther},  // VMDK, a description
    Known{"vhdxfile"sv, Format::kOther},
    Known{"conectix"sv, Format::kOther},  // VHD, dynamic
    Known{"<<< "sv, Format::kOther},      // VDI
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
    case Format::kOther: return "an image of another format";
  }
  return "";
}

Result<Format> parse_format(std::string_view name) {
  if (name == "raw") return Format::kRaw;
  if (name == "qcow2") return Format::kQcow2;
  return fail(format("\"{}\" is not a format of disks; write raw or qcow2", name));
}

}  // namespace orrery::storage
