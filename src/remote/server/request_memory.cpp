#include "remote/server/request_memory.hpp"

#include <algorithm>
#include <utility>

#include "base/assert.hpp"

namespace orrery::remote {
namespace {

constexpr unsigned kSlotShift = 32;
// A chain's id has 16 bits.
constexpr std::size_t kMostSlots = 65'536;

std::uint64_t offset_of(GuestPhysical address) {
  return address.value() & ((std::uint64_t{1} << kSlotShift) - 1);
}

std::uint64_t size_of(const KeptRequest& request) {
  return request.bytes.size() + request.writable;
}

}  // namespace

bool RequestMemory::has_room(const KeptRequest& request) const {
  return busy_ == 0 || (busy_ < kMostSlots && bytes_ + size_of(request) <= kMostBytes);
}

void RequestMemory::enter(KeptRequest request, device::virtio::Chain& chain) {
  if (free_.empty()) {
    free_.push_back(static_cast<std::uint16_t>(slots_.size()));
    slots_.emplace_back();
  }
  const std::uint16_t number = free_.back();
  free_.pop_back();
  Slot& slot = slots_[number];
  slot.busy = true;
  slot.readable = static_cast<std::uint32_t>(request.bytes.size());
  slot.head = 0;
  slot.tail = request.writable;
  bytes_ += size_of(request);
  ++busy_;
  request.bytes.resize(slot.readable + std::size_t{request.writable});
  const GuestPhysical base((std::uint64_t{number} + 1) << kSlotShift);
  chain.clear();
  chain.id = number;
  if (slot.readable != 0) static_cast<void>(chain.add({base, slot.readable}, false));
  if (request.writable != 0) {
    static_cast<void>(chain.add({base + slot.readable, request.writable}, true));
  }
  slot.request = std::move(request);
}

RequestMemory::Slot& RequestMemory::slot_of(const device::virtio::Chain& chain) {
  ORRERY_ASSERT(chain.id < slots_.size() && slots_[chain.id].busy);
  return slots_[chain.id];
}

void RequestMemory::release(Slot& slot) {
  bytes_ -= slot.readable + std::uint64_t{slot.request.writable};
  --busy_;
  slot.busy = false;
  slot.request = {};
  free_.push_back(static_cast<std::uint16_t>(&slot - slots_.data()));
}

FilledRequest RequestMemory::leave(const device::virtio::Chain& chain) {
  Slot& slot = slot_of(chain);
  FilledRequest filled;
  const ByteSpan writable = ByteSpan(slot.request.bytes).subspan(slot.readable);
  const std::uint32_t tail = std::max(slot.tail, slot.head);
  filled.head = slot.head;
  filled.data.reserve(slot.head + writable.size() - tail);
  filled.data.assign(writable.begin(), writable.begin() + slot.head);
  filled.data.insert(filled.data.end(), writable.begin() + tail, writable.end());
  filled.request.tag = slot.request.tag;
  filled.request.packet_bytes = slot.request.packet_bytes;
  filled.request.writable = slot.request.writable;
  release(slot);
  return filled;
}

KeptRequest RequestMemory::put_back(const device::virtio::Chain& chain) {
  Slot& slot = slot_of(chain);
  KeptRequest request{slot.request.tag, slot.request.packet_bytes, slot.request.writable,
                      std::move(slot.request.bytes)};
  request.bytes.resize(slot.readable);
  release(slot);
  return request;
}

std::uint64_t RequestMemory::clear() {
  std::uint64_t packet_bytes = 0;
  for (Slot& slot : slots_) {
    if (!slot.busy) continue;
    packet_bytes += slot.request.packet_bytes;
    release(slot);
  }
  return packet_bytes;
}

RequestMemory::Slot* RequestMemory::slot_at(GuestPhysical address) {
  const std::uint64_t number = address.value() >> kSlotShift;
  if (number == 0 || number > slots_.size()) return nullptr;
  Slot& slot = slots_[number - 1];
  return slot.busy ? &slot : nullptr;
}

std::optional<MutableByteSpan> RequestMemory::find(GuestPhysical address, std::uint64_t size) {
  Slot* const slot = slot_at(address);
  if (slot == nullptr) return std::nullopt;
  MutableByteSpan bytes(slot->request.bytes);
  const std::uint64_t offset = offset_of(address);
  if (offset > bytes.size() || size > bytes.size() - offset) return std::nullopt;
  return bytes.subspan(offset, size);
}

// Devices fill from the start, and some a status at the end; what lies between a hole and the end
// counts as one with the end.
void RequestMemory::note_filled(GuestPhysical address, std::uint64_t size) {
  Slot* const slot = slot_at(address);
  if (slot == nullptr || size == 0) return;
  const std::uint64_t offset = offset_of(address);
  if (offset < slot->readable) return;
  const auto begin = static_cast<std::uint32_t>(offset - slot->readable);
  const auto end = static_cast<std::uint32_t>(begin + size);
  if (begin <= slot->head) {
    slot->head = std::max(slot->head, end);
  } else {
    slot->tail = std::min(slot->tail, begin);
  }
}

}  // namespace orrery::remote
