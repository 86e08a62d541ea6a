// Reading of an image's disk.
#include <algorithm>
#include <cstring>

#include "base/format.hpp"
#include "storage/qcow2/decompress.hpp"
#include "storage/qcow2/in_flight.hpp"
#include "storage/request/read_below.hpp"

namespace orrery::storage::qcow2 {

Task<Result<>> Image::read(std::uint64_t offset, std::uint64_t length, BufferCursor& to) {
  const InFlight in_flight(*this);
  while (length != 0) {
    const Result<Mapping> mapping = co_await map(offset, length);
    if (!mapping) co_return fail(mapping.error());
    const std::uint64_t part = mapping->length;
    Result<> done;
    switch (mapping->kind) {
      case Mapping::Kind::kData: done = co_await file_->read(mapping->host, to.take(part)); break;
      case Mapping::Kind::kZero: to.fill_zeroes(part); break;
      case Mapping::Kind::kUnallocated:
        done = co_await read_below(backing_, offset, part, to);
        break;
      case Mapping::Kind::kCompressed:
        done = co_await read_compressed(*mapping, offset % header_.cluster_size(), part, to);
        break;
    }
    if (!done) co_return done;
    offset += part;
    length -= part;
  }
  co_return Result<>{};
}

Task<Result<>> Image::read_compressed(const Mapping& mapping, std::uint64_t skip,
                                      std::uint64_t length, BufferCursor& to) {
  if (decompressed_entry_ != mapping.entry) {
    const Result<> loaded = co_await load_compressed(mapping);
    if (!loaded) co_return loaded;
  }
  to.copy_in(ByteSpan(decompressed_).subspan(skip, length));
  co_return Result<>{};
}

Task<Result<>> Image::load_compressed(const Mapping& mapping) {
  if (mapping.host >= file_->size()) {
    co_return fail(
        damaged(format("a compressed cluster at {} lies behind the file's end", mapping.host)));
  }
  // The last sector may be cut off by the file's end.
  std::vector<std::byte> packed(std::min(mapping.host_length, file_->size() - mapping.host));
  const Result<> read = co_await file_->read(mapping.host, vectors_of(packed));
  if (!read) co_return read;
  std::vector<std::byte> cluster(header_.cluster_size());
  const Result<> unpacked = decompress(header_.compression, packed, cluster);
  if (!unpacked) {
    co_return fail(damaged(
        format("the compressed cluster at {}: {}", mapping.host, unpacked.error().message())));
  }
  decompressed_ = std::move(cluster);
  decompressed_entry_ = mapping.entry;
  co_return Result<>{};
}

Task<Result<>> Image::read_range(std::uint64_t offset, MutableByteSpan to) {
  const std::vector<MutableByteSpan> buffers{to};
  BufferCursor cursor(buffers);
  co_return co_await read(offset, to.size(), cursor);
}

}  // namespace orrery::storage::qcow2
