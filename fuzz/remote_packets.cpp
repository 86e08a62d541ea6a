// Fuzzes the decoder of packets with a stream of them, cut up as a receiver does: what is accepted
// has to be the same bytes again when it is encoded. What an answer brings is taken for a
// description of a device model, too.
#include <algorithm>

#include "base/assert.hpp"
#include "remote/packet/codec.hpp"
#include "remote/packet/description.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace orrery;
  using namespace orrery::remote;
  ByteSpan rest = as_bytes(data, size);
  while (true) {
    const auto length = packet_length(rest);
    if (!length || !*length || **length > rest.size()) return 0;
    const ByteSpan bytes = rest.first(**length);
    rest = rest.subspan(**length);
    const auto packet = decode(bytes);
    if (!packet) continue;
    const auto again = encode(packet->body, packet->header.sequence, packet->header.acknowledged);
    ORRERY_ASSERT(std::ranges::equal(again, bytes));
    const auto* const feedback = std::get_if<Feedback>(&packet->body);
    if (feedback == nullptr) continue;
    const auto description = decode_description(feedback->data);
    if (description) ORRERY_ASSERT(decode_description(encode(*description)) == *description);
  }
}
