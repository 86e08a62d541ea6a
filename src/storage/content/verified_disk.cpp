#include "storage/content/verified_disk.hpp"

#include <algorithm>

#include "base/bits.hpp"
#include "base/format.hpp"
#include "storage/request/submitted.hpp"
#include "storage/request/transfers.hpp"

namespace orrery::storage {
namespace {

using Kind = port::BlockRequest::Kind;

std::uint64_t segments_of(std::uint64_t bytes) {
  return (bytes + kContentSegment - 1) / kContentSegment;
}

std::uint64_t longest(const std::vector<VerifiedDisk::Link>& links) {
  std::uint64_t most = 0;
  for (const auto& link : links) most = std::max(most, link.disk->geometry().size.value());
  return most;
}

}  // namespace

VerifiedDisk::VerifiedDisk(EventLoop& loop, std::string path, std::unique_ptr<port::Blocks> disk,
                           std::vector<Link> links)
    : TaskDisk(loop, std::move(path)),
      disk_(std::move(disk)),
      links_(std::move(links)),
      verified_(segments_of(longest(links_))) {
  geometry_ = disk_->geometry();
}

// What would resume the tasks goes first, then the tasks.
VerifiedDisk::~VerifiedDisk() {
  disk_.reset();
  for (Link& link : links_) link.disk.reset();
  drop_jobs();
}

bool VerifiedDisk::read_at_once(const port::BlockRequest& request) {
  if (request.length == 0 || request.offset + request.length < request.offset) return false;
  const std::uint64_t end = segments_of(request.offset + request.length);
  for (std::uint64_t i = request.offset / kContentSegment; i < end; ++i) {
    if (!is_verified(i)) return false;
  }
  return disk_->read_at_once(request);
}

Task<Result<>> VerifiedDisk::serve(const port::BlockRequest& request) {
  if (request.kind == Kind::kRead) {
    const std::uint64_t end = segments_of(request.offset + request.length);
    for (std::uint64_t i = request.offset / kContentSegment; i < end; ++i) {
      if (is_verified(i)) continue;
      const Result<> fits = co_await verify(i);
      if (!fits) co_return fits;
    }
  }
  co_return co_await Submitted(*disk_, request);
}

Task<Result<>> VerifiedDisk::verify(std::uint64_t segment) {
  std::vector<std::byte> buffer(kContentSegment);
  const Result<> fits = co_await verify_links(segment, buffer);
  if (fits) verified_[segment].store(1, std::memory_order_release);
  co_return fits;
}

Task<Result<>> VerifiedDisk::verify_links(std::uint64_t segment, MutableByteSpan buffer) {
  const std::uint64_t offset = segment * kContentSegment;
  for (Link& link : links_) {
    const SegmentDigest* const expected = link.expected.find(segment);
    const std::uint64_t size = link.disk->geometry().size.value();
    if (offset >= size) break;  // what is below does not show through behind the end
    const std::uint64_t length = std::min(kContentSegment, size - offset);
    const auto found = co_await hash_segments(*link.disk, offset, buffer.first(length));
    if (!found) co_return fail(found.error());
    const bool holds = !found->empty();
    const bool fits =
        holds == (expected != nullptr) && (!holds || found->front().digest == expected->digest);
    if (!fits) {
      co_return fail(format(
          "{}: changed: at {} it holds {}, and {} was recorded, of {}; bring back a copy of that "
          "time, or see what else has changed with `orrery disk check --content`",
          link.path, offset, holds ? "the content " + short_hex(found->front().digest) : "nothing",
          expected != nullptr ? short_hex(expected->digest) : "nothing", link.recorded));
    }
    if (holds && found->front().whole) break;
  }
  co_return Result<>{};
}

Task<Result<port::BlockExtent>> VerifiedDisk::find_extent(std::uint64_t offset,
                                                          std::uint64_t length) {
  co_return co_await Mapped(*disk_, offset, length);
}

Task<Result<>> VerifiedDisk::change_size(Bytes size) {
  const Result<> done = co_await resize_to(*disk_, size);
  geometry_ = disk_->geometry();
  co_return done;
}

}  // namespace orrery::storage
