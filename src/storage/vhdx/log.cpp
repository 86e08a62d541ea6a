#include "storage/vhdx/log.hpp"

#include <algorithm>
#include <optional>

#include "base/bits.hpp"
#include "base/format.hpp"
#include "storage/io/crc32c.hpp"
#include "storage/vhdx/layout.hpp"

namespace orrery::storage::vhdx {
namespace {

namespace field = log_field;

std::uint64_t descriptor_sectors(std::uint64_t descriptors) {
  return align_up(field::kDescriptors + descriptors * field::kDescriptorLength, kLogSector) /
         kLogSector;
}

// A whole entry, its bytes put in one piece where the ring's end divides it.
struct Entry {
  std::vector<std::byte> bytes;
  std::uint32_t tail = 0;
  std::uint64_t sequence = 0;
  std::uint32_t descriptors = 0;
  std::uint64_t flushed_file_offset = 0;
  std::uint64_t last_file_offset = 0;
};

class Ring {
 public:
  Ring(ByteSpan log, const Guid& guid) : log_(log), guid_(guid) {
    for (std::uint64_t at = 0; at < log.size(); at += kLogSector)
      entries_.push_back(read_entry(at));
  }

  std::uint64_t size() const { return log_.size(); }
  // Null: none that is whole begins there.
  const Entry* entry_at(std::uint64_t offset) const {
    const std::optional<Entry>& entry = entries_[offset % log_.size() / kLogSector];
    return entry ? &*entry : nullptr;
  }

 private:
  std::optional<Entry> read_entry(std::uint64_t offset) const;
  ByteSpan sector(std::uint64_t offset) const {
    return log_.subspan(offset % log_.size(), kLogSector);
  }

  ByteSpan log_;
  const Guid& guid_;
  std::vector<std::optional<Entry>> entries_;  // by the sector where they begin
};

// Descriptors and their data, by their signatures and sequence numbers. Nothing that is one of them
// can begin an entry, so entries do not lie over each other, and the checksums of all of them
// together are computed over the log once.
bool is_whole(const Entry& entry) {
  std::uint64_t data_at = descriptor_sectors(entry.descriptors) * kLogSector;
  for (std::uint32_t i = 0; i < entry.descriptors; ++i) {
    const std::byte* const descriptor =
        &entry.bytes[field::kDescriptors + i * field::kDescriptorLength];
    const auto signature = load_le<std::uint32_t>(descriptor);
    const auto offset = load_le<std::uint64_t>(descriptor + field::kFileOffset);
    if (load_le<std::uint64_t>(descriptor + field::kDescriptorSequence) != entry.sequence ||
        !is_aligned(offset, kLogSector) || offset > kMostDiskSize * 2) {
      return false;
    }
    if (signature == field::kZeroSignature) {
      const auto length = load_le<std::uint64_t>(descriptor + field::kLeadingBytes);
      if (!is_aligned(length, kLogSector) || length > kMostDiskSize * 2) return false;
      continue;
    }
    if (signature != field::kDescSignature || data_at + kLogSector > entry.bytes.size()) {
      return false;
    }
    const std::byte* const data = &entry.bytes[data_at];
    const std::uint64_t sequence =
        std::uint64_t{load_le<std::uint32_t>(data + field::kSequenceHigh)} << 32 |
        load_le<std::uint32_t>(data + field::kSequenceLow);
    if (load_le<std::uint32_t>(data) != field::kDataSignature || sequence != entry.sequence) {
      return false;
    }
    data_at += kLogSector;
  }
  return data_at == entry.bytes.size();
}

std::optional<Entry> Ring::read_entry(std::uint64_t offset) const {
  const std::byte* const head = sector(offset).data();
  if (load_le<std::uint32_t>(head) != field::kEntrySignature) return std::nullopt;
  const auto length = load_le<std::uint32_t>(head + field::kEntryLength);
  Entry entry;
  entry.tail = load_le<std::uint32_t>(head + field::kTail);
  entry.sequence = load_le<std::uint64_t>(head + field::kSequenceNumber);
  entry.descriptors = load_le<std::uint32_t>(head + field::kDescriptorCount);
  entry.flushed_file_offset = load_le<std::uint64_t>(head + field::kFlushedFileOffset);
  entry.last_file_offset = load_le<std::uint64_t>(head + field::kLastFileOffset);
  if (length == 0 || !is_aligned(length, kLogSector) || length > log_.size() ||
      !is_aligned(entry.tail, kLogSector) || entry.tail >= log_.size() || entry.sequence == 0 ||
      load_guid(head + field::kLogGuid) != guid_ || entry.last_file_offset > kMostDiskSize * 2 ||
      descriptor_sectors(entry.descriptors) * kLogSector > length) {
    return std::nullopt;
  }
  // A sector within that begins an entry of its own ends the look at this one.
  for (std::uint64_t at = kLogSector; at < length; at += kLogSector) {
    if (load_le<std::uint32_t>(sector(offset + at).data()) == field::kEntrySignature) {
      return std::nullopt;
    }
  }
  entry.bytes.reserve(length);
  for (std::uint64_t at = 0; at < length; at += kLogSector) {
    const ByteSpan part = sector(offset + at);
    entry.bytes.insert(entry.bytes.end(), part.begin(), part.end());
  }
  const auto checksum = load_le<std::uint32_t>(head + field::kChecksum);
  if (!is_whole(entry) || crc32c(entry.bytes, field::kChecksum) != checksum) return std::nullopt;
  return entry;
}

struct Sequence {
  std::vector<const Entry*> entries;
  std::uint64_t end = 0;  // where it ends, perhaps behind the ring's size
  bool valid = false;
};

Sequence sequence_at(const Ring& ring, std::uint64_t begin) {
  Sequence sequence;
  sequence.end = begin;
  std::vector<std::uint64_t> starts;
  while (sequence.end - begin < ring.size()) {
    const Entry* const entry = ring.entry_at(sequence.end);
    if (entry == nullptr || sequence.end - begin + entry->bytes.size() > ring.size()) break;
    if (!sequence.entries.empty() && entry->sequence != sequence.entries.back()->sequence + 1) {
      break;
    }
    starts.push_back(sequence.end % ring.size());
    sequence.end += entry->bytes.size();
    sequence.entries.push_back(entry);
  }
  if (sequence.entries.empty()) return sequence;
  // From its tail on; what lies before that was carried out already.
  const auto tail = std::find(starts.begin(), starts.end(), sequence.entries.back()->tail);
  sequence.valid = tail != starts.end();
  if (sequence.valid) {
    sequence.entries.erase(sequence.entries.begin(),
                           sequence.entries.begin() + (tail - starts.begin()));
  }
  return sequence;
}

void add_updates(std::vector<LogUpdate>& updates, const Entry& entry) {
  std::uint64_t data_at = descriptor_sectors(entry.descriptors) * kLogSector;
  for (std::uint32_t i = 0; i < entry.descriptors; ++i) {
    const std::byte* const descriptor =
        &entry.bytes[field::kDescriptors + i * field::kDescriptorLength];
    LogUpdate update;
    update.offset = load_le<std::uint64_t>(descriptor + field::kFileOffset);
    if (load_le<std::uint32_t>(descriptor) == field::kZeroSignature) {
      update.zero_length = load_le<std::uint64_t>(descriptor + field::kLeadingBytes);
    } else {
      const std::byte* const data = &entry.bytes[data_at];
      update.page.assign(data, data + kLogSector);
      std::copy_n(descriptor + field::kLeadingBytes, 8, update.page.begin());
      std::copy_n(descriptor + field::kTrailingBytes, 4, update.page.begin() + field::kSequenceLow);
      data_at += kLogSector;
    }
    updates.push_back(std::move(update));
  }
}

}  // namespace

Result<ActiveLog> find_active_log(ByteSpan log, const Guid& guid, std::uint64_t file_size) {
  const Ring ring(log, guid);
  std::optional<Sequence> active;
  for (std::uint64_t tail = 0; tail < ring.size();) {
    Sequence current = sequence_at(ring, tail);
    tail = current.valid ? current.end : tail + kLogSector;
    if (!current.valid) continue;
    if (!active || current.entries.back()->sequence > active->entries.back()->sequence) {
      active = std::move(current);
    }
  }
  if (!active) {
    return fail("damaged: its log is said to hold changes, and there are none that are whole");
  }
  const Entry& head = *active->entries.back();
  if (file_size < head.flushed_file_offset) {
    return fail(format("damaged: the file has {} bytes, and had {} once: it was cut off", file_size,
                       head.flushed_file_offset));
  }
  ActiveLog found;
  found.last_file_offset = head.last_file_offset;
  found.sequence = head.sequence;
  for (const Entry* const entry : active->entries) add_updates(found.updates, *entry);
  return found;
}

std::uint64_t entry_length(std::uint64_t pages) {
  return (descriptor_sectors(pages) + pages) * kLogSector;
}

std::vector<std::byte> make_entry(const EntryPlace& place, const std::vector<LogPage>& pages) {
  std::vector<std::byte> bytes(entry_length(pages.size()));
  store_le(bytes.data(), field::kEntrySignature);
  store_le(&bytes[field::kEntryLength], static_cast<std::uint32_t>(bytes.size()));
  store_le(&bytes[field::kTail], place.place);
  store_le(&bytes[field::kSequenceNumber], place.sequence);
  store_le(&bytes[field::kDescriptorCount], static_cast<std::uint32_t>(pages.size()));
  store_guid(&bytes[field::kLogGuid], place.guid);
  store_le(&bytes[field::kFlushedFileOffset], place.file_end);
  store_le(&bytes[field::kLastFileOffset], place.file_end);
  std::byte* descriptor = &bytes[field::kDescriptors];
  std::byte* data = &bytes[descriptor_sectors(pages.size()) * kLogSector];
  for (const LogPage& page : pages) {
    store_le(descriptor, field::kDescSignature);
    std::copy_n(&page.bytes[field::kSequenceLow], 4, descriptor + field::kTrailingBytes);
    std::copy_n(page.bytes.data(), 8, descriptor + field::kLeadingBytes);
    store_le(descriptor + field::kFileOffset, page.offset);
    store_le(descriptor + field::kDescriptorSequence, place.sequence);
    std::copy(page.bytes.begin(), page.bytes.end(), data);
    store_le(data, field::kDataSignature);
    store_le(data + field::kSequenceHigh, static_cast<std::uint32_t>(place.sequence >> 32));
    store_le(data + field::kSequenceLow, static_cast<std::uint32_t>(place.sequence));
    descriptor += field::kDescriptorLength;
    data += kLogSector;
  }
  store_le(&bytes[field::kChecksum], crc32c(bytes, field::kChecksum));
  return bytes;
}

}  // namespace orrery::storage::vhdx
