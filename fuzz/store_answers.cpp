// Fuzzes what a client of a store's server reads: an answer of HTTP, which has to come out the same
// in one go and in portions of the input's second byte; the order of an earlier start; and names.
//
//   byte 0   0: a name; 1: an order; else an answer
#include <algorithm>
#include <string>

#include "base/assert.hpp"
#include "base/types.hpp"
#include "http/answer.hpp"
#include "store/remote/access_record.hpp"
#include "store/remote/remote_name.hpp"

namespace orrery::fuzz {
namespace {

constexpr std::uint64_t kMost = 4_KiB;

Result<http::Answer> parse(ByteSpan bytes, std::size_t portion) {
  http::AnswerParser parser(kMost);
  while (!bytes.empty()) {
    const ByteSpan part = bytes.first(std::min(portion, bytes.size()));
    bytes = bytes.subspan(part.size());
    ORRERY_TRY(const bool whole, parser.put(part));
    if (whole) return parser.take();
  }
  ORRERY_CHECK(parser.end());
  return parser.take();
}

void read_answer(ByteSpan bytes, std::size_t portion) {
  const auto at_once = parse(bytes, SIZE_MAX);
  const auto in_parts = parse(bytes, std::max<std::size_t>(portion, 1));
  ORRERY_ASSERT(!at_once || at_once->body.size() <= kMost);
  ORRERY_ASSERT(!in_parts || in_parts->body.size() <= kMost);
  if (!at_once || !in_parts) return;  // where the limit strikes may depend on the portions
  ORRERY_ASSERT(at_once->status == in_parts->status && at_once->body == in_parts->body &&
                at_once->range == in_parts->range && at_once->etag == in_parts->etag);
}

void read_order(ByteSpan bytes) {
  const auto offsets = store::remote::parse_order(bytes);
  ORRERY_ASSERT(offsets.size() <= store::remote::kMostRecorded);
  ORRERY_ASSERT(store::remote::parse_order(store::remote::encode_order(offsets)) == offsets);
}

void read_name(ByteSpan bytes) {
  const std::string text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  const auto name = store::remote::parse_remote_name(text);
  if (!name) return;
  const auto again = store::remote::parse_remote_name(name->server() + "/" + name->image);
  ORRERY_ASSERT(again && again->host == name->host && again->port == name->port);
}

}  // namespace
}  // namespace orrery::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace orrery;
  if (size < 2) return 0;
  const ByteSpan rest = as_bytes(data + 1, size - 1);
  if (data[0] == 0) {
    fuzz::read_name(rest);
  } else if (data[0] == 1) {
    fuzz::read_order(rest);
  } else {
    fuzz::read_answer(rest.subspan(1), data[1]);
  }
  return 0;
}
