#include "storage/content_root.hpp"

#include <map>
#include <utility>

#include "storage/content/segment_hasher.hpp"
#include "storage/qcow2/content_record.hpp"
#include "storage/qcow2/disk.hpp"
#include "storage/tools/disk_copy.hpp"

namespace orrery::storage {
namespace {

static_assert(kPiece % kContentSegment == 0);

// Puts the pieces, which come as they are done, into their order.
class Builder {
 public:
  Builder(port::Blocks& disk, std::uint64_t size, SegmentList* list)
      : disk_(disk), root_(size), list_(list) {
    if (list_ != nullptr) *list_ = {.size = size, .segments = {}};
  }

  Task<Result<>> take(Piece piece) {
    auto segments = co_await hash_segments(disk_, piece.offset, piece.buffer);
    if (!segments) co_return fail(segments.error());
    done_.emplace(piece.offset, std::pair(piece.length, std::move(*segments)));
    add_what_is_next();
    co_return Result<>{};
  }
  store::Digest finish() { return root_.finish(); }

 private:
  void add_what_is_next() {
    for (auto first = done_.begin(); first != done_.end() && first->first == next_;) {
      for (const SegmentDigest& segment : first->second.second) {
        root_.add(segment);
        if (list_ != nullptr) list_->segments.push_back(segment);
      }
      next_ += first->second.first;
      first = done_.erase(first);
    }
  }

  port::Blocks& disk_;
  RootHasher root_;
  SegmentList* const list_;
  std::map<std::uint64_t, std::pair<std::uint64_t, std::vector<SegmentDigest>>> done_;
  std::uint64_t next_ = 0;
};

}  // namespace

Result<store::Digest> content_root(EventLoop& loop, port::Blocks& disk, const Progress& progress,
                                   SegmentList* list) {
  ORRERY_CHECK(store::load_hasher());
  const std::uint64_t size = disk.geometry().size.value();
  Builder builder(disk, size, list);
  ORRERY_CHECK(for_each_piece(loop, size, progress,
                              [&](const Piece& piece) { return builder.take(piece); }));
  return builder.finish();
}

std::optional<store::Digest> recorded_root(const port::Blocks& disk) {
  const auto* const qcow2 = dynamic_cast<const qcow2::Disk*>(&disk);
  if (qcow2 == nullptr) return std::nullopt;
  const qcow2::Image& image = qcow2->image();
  const auto roots = qcow2::read_content_roots(image.header(), image.identities());
  return roots ? roots->own : std::nullopt;
}

}  // namespace orrery::storage
