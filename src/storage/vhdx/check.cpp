#include "storage/vhdx/check.hpp"

#include "base/format.hpp"

namespace orrery::storage::vhdx {
namespace {

void error(CheckReport& report, std::string text) {
  ++report.errors;
  if (report.messages.size() < CheckReport::kMostMessages)
    report.messages.push_back(std::move(text));
}

void count_entries(CheckReport& report, const Image& image) {
  const Bat& bat = image.bat();
  for (std::uint64_t index = 0; index < bat.shape().entries; ++index) {
    const Result<> checked = image.check_entry(index);
    if (!checked) error(report, checked.error().message());
    const BlockEntry entry = decode_entry(bat.raw(index));
    if (bat.shape().is_bitmap(index)) continue;
    if (entry.has_place()) ++report.data_clusters;
    if (entry.state == BlockState::kZero) ++report.zero_clusters;
  }
}

}  // namespace

CheckReport check(const Image& image) {
  CheckReport report;
  if (!image.headers_whole()) {
    error(report, "one of the two headers or region tables is damaged, and the other is used");
  }
  count_entries(report, image);
  auto uses = image.uses();
  if (!uses) return report;  // counted already
  FileSpace space;
  const auto overlap = space.reset(std::move(*uses), image.file_size());
  if (overlap) {
    error(report, format("what is at {} ({} bytes) lies over what is at {}", overlap->first.offset,
                         overlap->first.length, overlap->second.offset));
  }
  return report;
}

}  // namespace orrery::storage::vhdx
