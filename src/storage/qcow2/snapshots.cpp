#include "storage/qcow2/snapshots.hpp"

#include "base/bits.hpp"
#include "base/format.hpp"

namespace orrery::storage::qcow2 {
namespace {

// What one entry may have besides its fixed part; QEMU writes 24 bytes of extra data.
constexpr std::uint64_t kMostExtra = 1024;

Result<> check_l1(const Snapshot& snapshot, const Header& header, std::uint64_t file_size) {
  const std::uint64_t length = snapshot.l1_entries * 8ull;
  if (length <= kLargestL1 && is_aligned(snapshot.l1_offset, header.cluster_size()) &&
      snapshot.l1_offset <= file_size && length <= file_size - snapshot.l1_offset) {
    return {};
  }
  return fail(
      format("damaged: the L1 table of snapshot \"{}\" ({} entries at {}) is not within the "
             "file",
             snapshot.name, snapshot.l1_entries, snapshot.l1_offset));
}

std::string text_of(const std::vector<std::byte>& bytes, std::size_t at, std::size_t length) {
  return {reinterpret_cast<const char*>(&bytes[at]), length};
}

}  // namespace

Task<Result<std::vector<Snapshot>>> read_snapshot_table(ImageFile& file, const Header& header) {
  namespace field = snapshot_field;
  std::vector<Snapshot> snapshots;
  std::uint64_t at = header.snapshots_offset;
  for (std::uint32_t i = 0; i < header.snapshot_count; ++i) {
    std::vector<std::byte> fixed(field::kEntryLength);
    Result<> read = co_await file.read(at, vectors_of(fixed));
    if (!read) co_return fail(read.error());
    const auto id_length = load_be<std::uint16_t>(&fixed[field::kIdLength]);
    const auto name_length = load_be<std::uint16_t>(&fixed[field::kNameLength]);
    const auto extra_length = load_be<std::uint32_t>(&fixed[field::kExtraLength]);
    if (extra_length > kMostExtra) {
      co_return fail(format("damaged: snapshot {} has {} bytes of extra data", i, extra_length));
    }
    std::vector<std::byte> rest(extra_length + id_length + name_length + std::size_t{1});
    rest.pop_back();  // so that it is never nothing that is pointed to
    read = co_await file.read(at + field::kEntryLength, vectors_of(rest));
    if (!read) co_return fail(read.error());
    Snapshot snapshot;
    snapshot.extra_length = extra_length;
    snapshot.l1_offset = load_be<std::uint64_t>(&fixed[field::kL1Offset]);
    snapshot.l1_entries = load_be<std::uint32_t>(&fixed[field::kL1Size]);
    snapshot.seconds = load_be<std::uint32_t>(&fixed[field::kSeconds]);
    snapshot.state_size = load_be<std::uint32_t>(&fixed[field::kStateSize]);
    if (extra_length >= 8) snapshot.state_size = load_be<std::uint64_t>(rest.data());
    if (extra_length >= 16) {
      snapshot.size = load_be<std::uint64_t>(rest.data() + field::kExtraDiskSize);
    }
    if (snapshot.size > 1ull << 62) co_return fail("damaged: a snapshot's size is no disk's");
    if (id_length != 0) snapshot.id = text_of(rest, extra_length, id_length);
    if (name_length != 0) snapshot.name = text_of(rest, extra_length + id_length, name_length);
    const Result<> checked = check_l1(snapshot, header, file.size());
    if (!checked) co_return fail(checked.error());
    snapshots.push_back(std::move(snapshot));
    at += align_up(field::kEntryLength + rest.size(), 8);
    if (at > file.size() + 8) co_return fail("damaged: the snapshot table reaches behind the file");
  }
  co_return snapshots;
}

std::uint64_t snapshot_table_length(const std::vector<Snapshot>& snapshots) {
  std::uint64_t length = 0;
  for (const Snapshot& each : snapshots) {
    length += align_up(
        snapshot_field::kEntryLength + each.extra_length + each.id.size() + each.name.size(), 8);
  }
  return length;
}

}  // namespace orrery::storage::qcow2
