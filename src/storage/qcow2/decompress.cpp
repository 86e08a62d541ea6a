#include "storage/qcow2/decompress.hpp"

#include <memory>

#include <zlib.h>
#include <zstd.h>

namespace orrery::storage::qcow2 {
namespace {

// Raw deflate (RFC 1951), without a header, in a window of 4 KiB or more.
Result<> inflate_all(ByteSpan from, MutableByteSpan to) {
  z_stream stream{};
  stream.next_in = const_cast<Bytef*>(reinterpret_cast<const Bytef*>(from.data()));
  stream.avail_in = static_cast<uInt>(from.size());
  stream.next_out = reinterpret_cast<Bytef*>(to.data());
  stream.avail_out = static_cast<uInt>(to.size());
  if (inflateInit2(&stream, -MAX_WBITS) != Z_OK) return fail("zlib cannot start");
  const int code = inflate(&stream, Z_FINISH);
  const bool whole =
      stream.avail_out == 0 && (code == Z_STREAM_END || code == Z_BUF_ERROR || code == Z_OK);
  inflateEnd(&stream);
  if (!whole) return fail("is no deflate data of a cluster's length");
  return {};
}

Result<> unpack_zstd(ByteSpan from, MutableByteSpan to) {
  const std::unique_ptr<ZSTD_DCtx, decltype(&ZSTD_freeDCtx)> context(ZSTD_createDCtx(),
                                                                     &ZSTD_freeDCtx);
  if (!context) return fail("zstd cannot start");
  ZSTD_inBuffer input{from.data(), from.size(), 0};
  ZSTD_outBuffer output{to.data(), to.size(), 0};
  while (output.pos < output.size) {
    const std::size_t before = input.pos + output.pos;
    const std::size_t code = ZSTD_decompressStream(context.get(), &output, &input);
    if (ZSTD_isError(code) != 0) return fail(ZSTD_getErrorName(code));
    if (input.pos + output.pos == before) return fail("is no zstd data of a cluster's length");
  }
  return {};
}

}  // namespace

Result<> decompress(Compression compression, ByteSpan from, MutableByteSpan to) {
  return compression == Compression::kZstd ? unpack_zstd(from, to) : inflate_all(from, to);
}

}  // namespace orrery::storage::qcow2
