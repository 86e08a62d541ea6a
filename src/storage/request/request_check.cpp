#include "storage/request/request_check.hpp"

#include "base/format.hpp"

namespace orrery::storage {
namespace {

using Kind = port::BlockRequest::Kind;

constexpr std::uint32_t kSectorSize = 512;

bool is_transfer(Kind kind) {
  return kind == Kind::kRead || kind == Kind::kWrite;
}

}  // namespace

Result<> check_request(const port::BlockRequest& request, const port::BlockGeometry& geometry,
                       const std::string& path) {
  if (request.kind == Kind::kFlush) return {};
  const std::uint64_t size = geometry.size.value();
  if (request.offset > size || request.length > size - request.offset) {
    return fail(format("{}: {} bytes at {} lie outside the disk of {} bytes", path, request.length,
                       request.offset, size));
  }
  if ((request.offset | request.length) % kSectorSize != 0) {
    return fail(
        format("{}: {} bytes at {} are not whole sectors", path, request.length, request.offset));
  }
  if (request.kind != Kind::kRead && geometry.read_only) return fail(path + ": read-only");
  std::uint64_t in_buffers = 0;
  for (const MutableByteSpan buffer : request.buffers) in_buffers += buffer.size();
  if (is_transfer(request.kind) && in_buffers != request.length) {
    return fail(
        format("{}: buffers of {} bytes for a request of {}", path, in_buffers, request.length));
  }
  return {};
}

}  // namespace orrery::storage
