#include "storage/qcow2/chain/chain.hpp"

#include <algorithm>

#include "base/format.hpp"
#include "storage/qcow2/mapping.hpp"

namespace orrery::storage::qcow2 {

using Kind = ChainIndex::Place::Kind;

Chain::Chain(std::vector<Layer> layers, std::unique_ptr<Below> base, std::size_t most_pages)
    : layers_(std::move(layers)),
      base_(std::move(base)),
      index_(layers_, layers_.front().size(), most_pages) {}

// Mostly a request lies in one stretch of one file, and the index knows it: then that file's read
// is the whole task.
Task<Result<>> Chain::read(std::uint64_t offset, std::uint64_t length, BufferCursor& to) {
  const ChainIndex::Page* const page = offset < size() ? index_.find(offset) : nullptr;
  if (page == nullptr) return read_parts(offset, length, to);
  const ChainIndex::Place place = index_.locate(*page, offset, length);
  if (place.kind != Kind::kData || place.length != length) return read_parts(offset, length, to);
  return layers_[place.layer].file->read(place.where, to.take(length));
}

Task<Result<>> Chain::read_parts(std::uint64_t offset, std::uint64_t length, BufferCursor& to) {
  const std::uint64_t there = offset >= size() ? 0 : std::min(length, size() - offset);
  const std::uint64_t end = offset + there;
  while (offset < end) {
    const ChainIndex::Page* page = index_.find(offset);
    if (page == nullptr) {
      const Result<const ChainIndex::Page*> got = co_await index_.get(offset);
      if (!got) co_return fail(got.error());
      page = *got;
    }
    const ChainIndex::Place place = index_.locate(*page, offset, end - offset);
    Result<> done;
    if (place.kind == Kind::kData) {
      done = co_await layers_[place.layer].file->read(place.where, to.take(place.length));
    } else {
      done = co_await read_place(place, offset, to);
    }
    if (!done) co_return done;
    offset += place.length;
  }
  to.fill_zeroes(length - there);
  co_return Result<>{};
}

// What is not as it is in a file.
Task<Result<>> Chain::read_place(ChainIndex::Place place, std::uint64_t offset, BufferCursor& to) {
  if (place.kind == Kind::kZero || (place.kind == Kind::kBase && base_ == nullptr)) {
    to.fill_zeroes(place.length);
    co_return Result<>{};
  }
  if (place.kind == Kind::kBase) co_return co_await base_->read(offset, place.length, to);
  const Layer& layer = layers_[place.layer];
  if (place.kind == Kind::kDamaged) {
    co_return fail(damaged(layer.file->path(),
                           format("its tables name what cannot be for {} of the disk", offset)));
  }
  const Mapping mapping = compressed_mapping(place.where, layer.header.cluster_bits);
  co_return co_await unpacked_.read(*layer.file, layer.header, mapping,
                                    offset % layer.header.cluster_size(), place.length, to);
}

Task<Result<BelowExtent>> Chain::map(std::uint64_t offset, std::uint64_t length) {
  if (offset >= size()) co_return BelowExtent{.length = length, .zeroes = true};
  const Result<const ChainIndex::Page*> page = co_await index_.get(offset);
  if (!page) co_return fail(page.error());
  const ChainIndex::Place place = index_.locate(**page, offset, std::min(length, size() - offset));
  if (place.kind == Kind::kBase && base_ != nullptr) {
    co_return co_await base_->map(offset, place.length);
  }
  co_return BelowExtent{.length = place.length,
                        .zeroes = place.kind == Kind::kZero || place.kind == Kind::kBase};
}

// What would resume tasks goes first; the tasks, which look at the rest, go before this does.
void Chain::stop() {
  for (const Layer& layer : layers_) layer.file->stop();
  if (base_) base_->stop();
  index_.abandon();
}

}  // namespace orrery::storage::qcow2
