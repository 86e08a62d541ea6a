// Taking what lies below a disk into it, while it reads the same.
#include <algorithm>

#include "base/format.hpp"
#include "storage/chain_link.hpp"
#include "storage/disk_image.hpp"
#include "storage/qcow2/content_record.hpp"
#include "storage/request/run_task.hpp"
#include "storage/tools/disk_copy.hpp"
#include "storage/tools/disk_tools.hpp"
#include "storage/tools/open_alone.hpp"

namespace orrery::storage {
namespace {

using qcow2::Access;

// What LAYER holds of a stretch; it hides what is below it behind its end, too.
Task<Result<port::BlockExtent>> find_held(port::Blocks& layer, std::uint64_t offset,
                                          std::uint64_t length) {
  const std::uint64_t end = layer.geometry().size.value();
  if (offset >= end) {
    co_return port::BlockExtent{
        .length = length, .allocated = true, .zeroes = true, .host_offset = {}};
  }
  co_return co_await map_piece(layer, offset, std::min(length, end - offset));
}

// Of a stretch that DISK leaves to what is below: what LAYER holds.
Task<Result<>> take_stretch(port::Blocks& disk, port::Blocks& layer, std::uint64_t offset,
                            MutableByteSpan buffer) {
  while (!buffer.empty()) {
    const Result<port::BlockExtent> held = co_await find_held(layer, offset, buffer.size());
    if (!held) co_return fail(held.error());
    Result<> done;
    if (held->allocated && held->zeroes) {
      done = co_await zero_piece(disk, offset, held->length);
    } else if (held->allocated) {
      const MutableByteSpan bytes = buffer.first(held->length);
      done = co_await read_all(disk, offset, bytes);
      if (done) done = co_await write_all(disk, offset, bytes);
    }
    if (!done) co_return done;
    offset += held->length;
    buffer = buffer.subspan(held->length);
  }
  co_return Result<>{};
}

Task<Result<>> take_piece(port::Blocks& disk, port::Blocks& layer, Piece piece) {
  MutableByteSpan rest = piece.buffer.first(piece.length);
  while (!rest.empty()) {
    const std::uint64_t offset = piece.offset + (piece.length - rest.size());
    const Result<port::BlockExtent> extent = co_await map_piece(disk, offset, rest.size());
    if (!extent) co_return fail(extent.error());
    if (!extent->allocated) {
      const Result<> done = co_await take_stretch(disk, layer, offset, rest.first(extent->length));
      if (!done) co_return done;
    }
    rest = rest.subspan(extent->length);
  }
  co_return Result<>{};
}

// The image lies over what LAYER lies over, and knows of it what LAYER knew.
Task<Result<>> skip_layer(qcow2::Image& image, const qcow2::Image& layer) {
  // What was taken is durable before it is needed.
  Result<> done = co_await image.flush();
  if (!done) co_return done;
  const auto roots = qcow2::read_content_roots(layer.header(), layer.identities());
  if (!roots) co_return fail(roots.error().context(layer.path()));
  const std::string& below = layer.header().backing;
  image.header().backing = below.empty() ? below : absolute_path(backing_path(layer.path(), below));
  image.header().set_backing_format(layer.header().backing_format());
  co_return co_await image.record_parent(layer.identities().parent, roots->parent);
}

}  // namespace

Result<> merge_backing(EventLoop& loop, const std::string& path, const Progress& progress) {
  ORRERY_CHECK(expect_qcow2(path, std::nullopt));
  DiskOptions whole;
  whole.path = path;
  whole.format = Format::kQcow2;
  ORRERY_TRY(const auto disk, open_disk(loop, whole));
  qcow2::Image& image = dynamic_cast<qcow2::Disk&>(*disk).image();
  if (image.header().backing.empty()) return fail(path + ": has no backing file to be taken in");
  ORRERY_TRY(const DiskOptions below, options_below(path, image.header()));
  if (below.format != Format::kQcow2) {
    return fail(
        format("{}: lies over a {}, and only a qcow2 is taken in", path, name_of(*below.format)));
  }
  ORRERY_TRY(const auto layer, open_alone(loop, below.path, Access::kRead));
  ORRERY_CHECK(run_task(loop, image.content_stays()));
  ORRERY_CHECK(
      for_each_piece(loop, disk->geometry().size.value(), progress,
                     [&](const Piece& piece) { return take_piece(*disk, *layer, piece); }));
  return run_task(loop, skip_layer(image, layer->image()));
}

Result<> forget_parent_root(EventLoop& loop, const std::string& path) {
  ORRERY_TRY(const auto disk, open_alone(loop, path, Access::kWrite));
  qcow2::Image& image = disk->image();
  const auto roots = qcow2::read_content_roots(image.header(), image.identities());
  if (!roots) return fail(roots.error().context(path));
  if (!roots->parent) return {};
  return run_task(loop, image.record_parent(image.identities().parent));
}

}  // namespace orrery::storage
