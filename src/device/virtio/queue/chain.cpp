#include "device/virtio/queue/chain.hpp"

#include <algorithm>
#include <utility>

#include <nlohmann/json.hpp>

namespace orrery::device::virtio {
namespace {

// Walks LENGTH bytes from OFFSET in the first of SEGMENTS, giving pieces to VISIT(address, size)
// until it says false; moves SEGMENTS and OFFSET behind what was visited.
template <typename Visit>
bool walk(std::span<const Segment>& segments, std::uint64_t& offset, std::uint64_t length,
          Visit visit) {
  while (length > 0) {
    if (segments.empty()) return false;
    const Segment& segment = segments.front();
    const std::uint64_t size = std::min<std::uint64_t>(length, segment.length - offset);
    if (size > 0 && !visit(segment.address + offset, size)) return false;
    length -= size;
    offset += size;
    if (offset == segment.length) {
      segments = segments.subspan(1);
      offset = 0;
    }
  }
  return true;
}

}  // namespace

void Chain::clear() {
  segments.clear();
  readable_segments = 0;
  readable_bytes = writable_bytes = 0;
  slots = 1;
}

bool Chain::add(const Segment& segment, bool device_writable) {
  if (device_writable) {
    writable_bytes += segment.length;
  } else {
    if (readable_segments != segments.size()) return false;
    ++readable_segments;
    readable_bytes += segment.length;
  }
  segments.push_back(segment);
  return true;
}

State Chain::save() const {
  State list = State::array();
  for (const Segment& segment : segments) {
    list.push_back({segment.address.value(), segment.length});
  }
  return {
      {"id", id}, {"slots", slots}, {"readable", readable_segments}, {"segments", std::move(list)}};
}

Chain Chain::from(const State& state) {
  Chain chain;
  chain.id = state.at("id").get<std::uint16_t>();
  chain.slots = state.at("slots").get<std::uint16_t>();
  const auto readable = state.at("readable").get<std::uint32_t>();
  for (const State& entry : state.at("segments")) {
    const Segment segment{GuestPhysical(entry.at(0).get<std::uint64_t>()),
                          entry.at(1).get<std::uint32_t>()};
    static_cast<void>(chain.add(segment, chain.segments.size() >= readable));
  }
  return chain;
}

bool ChainReader::read(MutableByteSpan destination) {
  return walk(segments_, offset_, destination.size(), [&](GuestPhysical from, std::uint64_t size) {
    if (!host_.dma_read(from, destination.first(size))) return false;
    destination = destination.subspan(size);
    return true;
  });
}

bool ChainReader::skip(std::uint64_t count) {
  return walk(segments_, offset_, count, [](GuestPhysical, std::uint64_t) { return true; });
}

bool ChainWriter::write(ByteSpan source) {
  return walk(segments_, offset_, source.size(), [&](GuestPhysical to, std::uint64_t size) {
    if (!host_.dma_write(to, source.first(size))) return false;
    source = source.subspan(size);
    written_ += size;
    return true;
  });
}

bool ChainWriter::skip(std::uint64_t count) {
  return walk(segments_, offset_, count, [](GuestPhysical, std::uint64_t) { return true; });
}

bool map_range(Host& host, std::span<const Segment> segments, std::uint64_t skip,
               std::uint64_t length, DmaDirection direction, std::vector<DmaSpan>& spans) {
  const std::size_t before = spans.size();
  std::uint64_t offset = 0;
  const auto pass = [](GuestPhysical, std::uint64_t) { return true; };
  const auto map = [&](GuestPhysical address, std::uint64_t size) {
    const auto span = host.dma_map(address, size, direction);
    if (span) spans.push_back(*span);
    return span.has_value();
  };
  if (walk(segments, offset, skip, pass) && walk(segments, offset, length, map)) return true;
  for (std::size_t i = before; i < spans.size(); ++i) host.dma_unmap(spans[i]);
  spans.resize(before);
  return false;
}

void unmap_all(Host& host, std::vector<DmaSpan>& spans) {
  for (const DmaSpan& span : spans) host.dma_unmap(span);
  spans.clear();
}

}  // namespace orrery::device::virtio
