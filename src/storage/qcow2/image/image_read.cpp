// Reading of an image's disk.
#include "storage/qcow2/image/in_flight.hpp"

namespace orrery::storage::qcow2 {

Task<Result<>> Image::read(std::uint64_t offset, std::uint64_t length, BufferCursor& to) {
  const InFlight in_flight(*this);
  while (length != 0) {
    std::optional<Result<Mapping>> known = map_now(offset, length);
    const Result<Mapping> mapping = known ? std::move(*known) : co_await map(offset, length);
    if (!mapping) co_return fail(mapping.error());
    const std::uint64_t part = mapping->length;
    Result<> done;
    switch (mapping->kind) {
      case Mapping::Kind::kData: done = co_await file_->read(mapping->host, to.take(part)); break;
      case Mapping::Kind::kZero: to.fill_zeroes(part); break;
      case Mapping::Kind::kUnallocated:
        if (below_ == nullptr) {
          to.fill_zeroes(part);
        } else {
          done = co_await below_->read(offset, part, to);
        }
        break;
      case Mapping::Kind::kCompressed:
        done = co_await unpacked_.read(*file_, header_, *mapping, offset % header_.cluster_size(),
                                       part, to);
        break;
    }
    if (!done) co_return done;
    offset += part;
    length -= part;
  }
  co_return Result<>{};
}

Task<Result<>> Image::read_range(std::uint64_t offset, MutableByteSpan to) {
  const std::vector<MutableByteSpan> buffers{to};
  BufferCursor cursor(buffers);
  co_return co_await read(offset, to.size(), cursor);
}

}  // namespace orrery::storage::qcow2
