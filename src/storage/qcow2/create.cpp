#include "storage/qcow2/create.hpp"

#include <algorithm>

#include "base/bits.hpp"
#include "base/format.hpp"
#include "storage/qcow2/refcount_entry.hpp"

namespace orrery::storage::qcow2 {

// Header, refcount table, refcount blocks, L1 table.
Result<std::vector<std::byte>> make_empty(Header& header) {
  const std::uint64_t cluster = header.cluster_size();
  const std::uint64_t reach = header.l2_reach();
  const std::uint64_t entries = std::max<std::uint64_t>((header.size + reach - 1) / reach, 1);
  if (entries * 8 > kLargestL1) {
    return fail(format("{} bytes are too many for clusters of {} bytes; make them larger",
                       header.size, cluster));
  }
  const std::uint64_t l1_clusters = align_up(entries * 8, cluster) / cluster;
  std::uint64_t blocks = 1;
  std::uint64_t table_clusters = 1;
  while (true) {
    const std::uint64_t all = 1 + table_clusters + blocks + l1_clusters;
    const std::uint64_t per_block = header.refcounts_per_block();
    const std::uint64_t more_blocks = (all + per_block - 1) / per_block;
    const std::uint64_t more_table = align_up(more_blocks * 8, cluster) / cluster;
    if (more_blocks <= blocks && more_table <= table_clusters) break;
    blocks = std::max(blocks, more_blocks);
    table_clusters = std::max(table_clusters, more_table);
  }
  header.refcount_offset = cluster;
  header.refcount_clusters = static_cast<std::uint32_t>(table_clusters);
  const std::uint64_t blocks_at = cluster + table_clusters * cluster;
  header.l1_offset = blocks_at + blocks * cluster;
  header.l1_entries = static_cast<std::uint32_t>(entries);

  ORRERY_TRY(std::vector<std::byte> bytes, write_header(header));
  const std::uint64_t all = 1 + table_clusters + blocks + l1_clusters;
  bytes.resize(all * cluster);
  for (std::uint64_t i = 0; i < blocks; ++i) {
    store_be(&bytes[header.refcount_offset + i * 8], blocks_at + i * cluster);
  }
  for (std::uint64_t i = 0; i < all; ++i) {
    store_refcount(&bytes[blocks_at], i, header.refcount_order, 1);
  }
  return bytes;
}

}  // namespace orrery::storage::qcow2
