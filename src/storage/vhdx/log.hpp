// The log of a VHDX: what of it has to be done again, and entries for it ([MS-VHDX] 2.3). Private
// to storage/.
#pragma once

#include <cstdint>
#include <vector>

#include "base/bytes.hpp"
#include "base/error.hpp"
#include "storage/vhdx/guid.hpp"

namespace orrery::storage::vhdx {

// What an entry wants to have in the file.
struct LogUpdate {
  std::uint64_t offset = 0;
  std::vector<std::byte> page;    // 4 KiB; empty: zeroes
  std::uint64_t zero_length = 0;  // of zeroes, bytes
};

struct ActiveLog {
  std::vector<LogUpdate> updates;      // in the order in which they are carried out
  std::uint64_t last_file_offset = 0;  // the file has to have this size at least
  std::uint64_t sequence = 0;          // of its last entry
};

// 2.3.3: the newest sequence of entries that is valid and complete. LOG: the ring, as it is in the
// file. Fails where there is none, or where the file was cut off since.
Result<ActiveLog> find_active_log(ByteSpan log, const Guid& guid, std::uint64_t file_size);

struct LogPage {
  std::uint64_t offset = 0;
  ByteSpan bytes;  // 4 KiB
};
struct EntryPlace {
  Guid guid;
  std::uint64_t sequence = 0;
  std::uint32_t place = 0;     // in the log; it is a sequence of its own
  std::uint64_t file_end = 0;  // durable, and behind all that is in use; a multiple of 1 MiB
};
// Bytes of an entry of so many pages.
std::uint64_t entry_length(std::uint64_t pages);
std::vector<std::byte> make_entry(const EntryPlace& place, const std::vector<LogPage>& pages);

}  // namespace orrery::storage::vhdx
