#include "storage/qcow2/decompress.hpp"

#include <memory>

#include <zstd.h>

#include "storage/io/inflate.hpp"

namespace orrery::storage::qcow2 {
namespace {

// Without a header, in a window of 4 KiB or more.
Result<> unpack_deflate(ByteSpan from, MutableByteSpan to) {
  ORRERY_TRY(const std::size_t length, inflate_into(DeflateHead::kNone, from, to));
  if (length != to.size()) return fail("is no deflate data of a cluster's length");
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
  return compression == Compression::kZstd ? unpack_zstd(from, to) : unpack_deflate(from, to);
}

}  // namespace orrery::storage::qcow2
