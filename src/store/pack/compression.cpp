#include "store/pack/compression.hpp"

#include <cstring>
#include <memory>

#include <zstd.h>

#include "base/format.hpp"

namespace orrery::store {
namespace {

// A thread keeps one: making it takes as long as compressing some KiB.
ZSTD_CCtx* compressor() {
  thread_local const std::unique_ptr<ZSTD_CCtx, std::size_t (*)(ZSTD_CCtx*)> kContext(
      ZSTD_createCCtx(), ZSTD_freeCCtx);
  return kContext.get();
}
ZSTD_DCtx* decompressor() {
  thread_local const std::unique_ptr<ZSTD_DCtx, std::size_t (*)(ZSTD_DCtx*)> kContext(
      ZSTD_createDCtx(), ZSTD_freeDCtx);
  return kContext.get();
}

}  // namespace

Compressed compress(ByteSpan bytes, int level) {
  Compressed result;
  result.bytes.resize(ZSTD_compressBound(bytes.size()));
  const std::size_t length = ZSTD_compressCCtx(
      compressor(), result.bytes.data(), result.bytes.size(), bytes.data(), bytes.size(), level);
  if (ZSTD_isError(length) != 0 || length >= bytes.size()) {
    result.bytes.assign(bytes.begin(), bytes.end());
    return result;
  }
  result.bytes.resize(length);
  result.method = Method::kZstd;
  return result;
}

Result<> decompress(ByteSpan bytes, Method method, MutableByteSpan to) {
  if (method == Method::kStored) {
    if (bytes.size() != to.size()) return fail("has another length than its table says");
    if (!to.empty()) std::memcpy(to.data(), bytes.data(), to.size());
    return {};
  }
  const std::size_t length =
      ZSTD_decompressDCtx(decompressor(), to.data(), to.size(), bytes.data(), bytes.size());
  if (ZSTD_isError(length) != 0) {
    return fail(format("does not decompress ({})", ZSTD_getErrorName(length)));
  }
  if (length != to.size()) return fail("decompresses to another length than its table says");
  return {};
}

}  // namespace orrery::store
