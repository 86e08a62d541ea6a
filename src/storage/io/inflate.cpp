#include "storage/io/inflate.hpp"

#include <zlib.h>

namespace orrery::storage {

Result<std::size_t> inflate_into(DeflateHead head, ByteSpan from, MutableByteSpan to) {
  z_stream stream{};
  stream.next_in = const_cast<Bytef*>(reinterpret_cast<const Bytef*>(from.data()));
  stream.avail_in = static_cast<uInt>(from.size());
  stream.next_out = reinterpret_cast<Bytef*>(to.data());
  stream.avail_out = static_cast<uInt>(to.size());
  const int window = head == DeflateHead::kZlib ? MAX_WBITS : -MAX_WBITS;
  if (inflateInit2(&stream, window) != Z_OK) return fail("zlib cannot start");
  const int code = inflate(&stream, Z_FINISH);
  const std::size_t done = to.size() - stream.avail_out;
  inflateEnd(&stream);
  const bool full = stream.avail_out == 0 && (code == Z_BUF_ERROR || code == Z_OK);
  if (code != Z_STREAM_END && !full) return fail("is no deflate data");
  return done;
}

}  // namespace orrery::storage
