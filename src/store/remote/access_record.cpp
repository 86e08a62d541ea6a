#include "store/remote/access_record.hpp"

#include <algorithm>

#include <sys/stat.h>
#include <unistd.h>

namespace orrery::store::remote {
namespace {

constexpr std::uint64_t kMagic = 0x31445244524F524F;  // "ORORDRD1"

}  // namespace

std::vector<std::byte> encode_order(const std::vector<std::uint64_t>& offsets) {
  ByteWriter writer;
  writer.write(kMagic);
  writer.write(static_cast<std::uint64_t>(offsets.size()));
  for (const std::uint64_t offset : offsets) writer.write(offset);
  return writer.take();
}

std::vector<std::uint64_t> parse_order(ByteSpan bytes) {
  ByteReader reader(bytes);
  const auto magic = reader.read<std::uint64_t>();
  const auto count = reader.read<std::uint64_t>();
  if (!magic || *magic != kMagic || !count) return {};
  std::vector<std::uint64_t> offsets;
  while (offsets.size() < std::min<std::uint64_t>(*count, kMostRecorded)) {
    const auto offset = reader.read<std::uint64_t>();
    if (!offset) return offsets;
    offsets.push_back(*offset);
  }
  return offsets;
}

AccessRecord::AccessRecord(FileDescriptor file) : file_(std::move(file)) {
  constexpr std::size_t kMostBytes = 16 + kMostRecorded * 8;
  std::vector<std::byte> bytes(kMostBytes);
  const ssize_t count = file_ ? ::pread(file_.get(), bytes.data(), bytes.size(), 0) : 0;
  bytes.resize(static_cast<std::size_t>(std::max<ssize_t>(count, 0)));
  earlier_ = parse_order(bytes);
}

void AccessRecord::note(const Image::GroupPlace& group, std::uint64_t offset) {
  if (std::chrono::steady_clock::now() - begun_ > kRecordedTime) return;
  const std::lock_guard lock(mutex_);
  if (offsets_.size() < kMostRecorded && seen_.insert(group).second) offsets_.push_back(offset);
}

void AccessRecord::save() {
  const std::lock_guard lock(mutex_);
  if (!file_ || offsets_.empty() || offsets_.size() < earlier_.size() / 2) return;
  const std::vector<std::byte> bytes = encode_order(offsets_);
  // In place, as a sandboxed process makes no files; what a crash leaves half is still an order.
  if (::pwrite(file_.get(), bytes.data(), bytes.size(), 0) == static_cast<ssize_t>(bytes.size())) {
    (void)!::ftruncate(file_.get(), static_cast<off_t>(bytes.size()));
  }
}

}  // namespace orrery::store::remote
