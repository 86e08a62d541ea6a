// Growing and shrinking of an image's disk.
#include <algorithm>
#include <array>

#include "base/bits.hpp"
#include "base/format.hpp"
#include "storage/qcow2/image/in_flight.hpp"

namespace orrery::storage::qcow2 {

Task<Result<>> Image::resize(std::uint64_t size) {
  const Result<> writable = co_await check_writable();
  if (!writable) co_return writable;
  const std::uint64_t old = size_;
  Result<> done;
  if (size > old) {
    done = co_await grow_l1(size);
    // What of the backing file lay behind the old end is not to appear.
    const std::uint64_t end = size_below();
    if (done && end > old) {
      size_ = size;
      done = co_await write_zeroes(old, std::min(size, end) - old, Unmap::kMay);
      size_ = old;
    }
  } else if (size < old) {
    done = co_await write_zeroes(size, old - size, Unmap::kMay);
  }
  // The zeroes before the size that makes them matter.
  if (done) done = co_await flush();
  std::array<std::byte, 8> bytes{};
  store_be(bytes.data(), size);
  if (done) done = co_await file_->write(field::kSize, vectors_of(bytes));
  if (done) done = co_await file_->sync();
  if (!done) co_return done;
  header_.size = size;
  size_ = size;
  co_return Result<>{};
}

// A longer L1 table, elsewhere; the header changes to it in one write.
Task<Result<>> Image::grow_l1(std::uint64_t size) {
  const std::uint64_t reach = header_.l2_reach();
  const std::uint64_t entries = (size + reach - 1) / reach;
  if (entries <= l1_.size()) co_return Result<>{};
  if (entries * 8 > kLargestL1) {
    co_return fail(format("{}: can not have {} bytes; convert it to a qcow2 with larger clusters",
                          path(), size));
  }
  const std::uint64_t cluster = header_.cluster_size();
  const std::uint64_t clusters = align_up(entries * 8, cluster) / cluster;
  const Result<Run> run = co_await refcounts_.allocate_all(clusters);
  if (!run) co_return fail(run.error().context(path()));
  // Everything that the table names is durable before the table is.
  Result<> done = co_await flush();
  if (!done) co_return done;
  std::vector<std::byte> table(clusters * cluster);
  for (std::size_t i = 0; i < l1_.size(); ++i) store_be(&table[i * 8], l1_[i]);
  done = co_await file_->write(run->offset, vectors_of(table));
  if (done) done = co_await file_->sync();
  std::array<std::byte, 12> fields{};
  store_be(fields.data(), static_cast<std::uint32_t>(entries));
  store_be(fields.data() + 4, run->offset);
  if (done) done = co_await file_->write(field::kL1Size, vectors_of(fields));
  if (done) done = co_await file_->sync();
  if (!done) co_return done;
  const std::uint64_t old_length = std::max<std::uint64_t>(header_.l1_entries * 8ull, 1);
  if (header_.l1_offset != 0) {
    refcounts_.remove_metadata(header_.l1_offset, old_length);
    refcounts_.retire(header_.l1_offset, old_length);
  }
  refcounts_.add_metadata(run->offset, table.size());
  header_.l1_entries = static_cast<std::uint32_t>(entries);
  header_.l1_offset = run->offset;
  l1_.resize(entries);
  co_return Result<>{};
}

}  // namespace orrery::storage::qcow2
