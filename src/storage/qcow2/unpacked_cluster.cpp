#include "storage/qcow2/unpacked_cluster.hpp"

#include <algorithm>

#include "base/format.hpp"
#include "storage/qcow2/decompress.hpp"

namespace orrery::storage::qcow2 {

Task<Result<>> UnpackedCluster::read(ImageFile& file, const Header& header, Mapping mapping,
                                     std::uint64_t skip, std::uint64_t length, BufferCursor& to) {
  if (file_ != &file || entry_ != mapping.entry) {
    const Result<> loaded = co_await load(file, header, mapping);
    if (!loaded) co_return loaded;
  }
  to.copy_in(ByteSpan(bytes_).subspan(skip, length));
  co_return Result<>{};
}

Task<Result<>> UnpackedCluster::load(ImageFile& file, const Header& header, Mapping mapping) {
  if (mapping.host >= file.size()) {
    co_return fail(
        damaged(file.path(),
                format("a compressed cluster at {} lies behind the file's end", mapping.host)));
  }
  // The last sector may be cut off by the file's end.
  std::vector<std::byte> packed(std::min(mapping.host_length, file.size() - mapping.host));
  const Result<> read = co_await file.read(mapping.host, vectors_of(packed));
  if (!read) co_return read;
  std::vector<std::byte> cluster(header.cluster_size());
  const Result<> unpacked = decompress(header.compression, packed, cluster);
  if (!unpacked) {
    co_return fail(damaged(file.path(), format("the compressed cluster at {}: {}", mapping.host,
                                               unpacked.error().message())));
  }
  bytes_ = std::move(cluster);
  entry_ = mapping.entry;
  file_ = &file;
  co_return Result<>{};
}

}  // namespace orrery::storage::qcow2
