// The part of Cpu that is inlined into every handler: a memory access that hits the software TLB
// (mmu/tlb.hpp) is one comparison and a move. What misses goes to mmu/access.cpp. The interface is
// in cpu.hpp, which includes this file at its end.
#pragma once

#include <cstdint>
#include <cstring>

#include "hypervisor/soft/cpu.hpp"

namespace orrery::hypervisor::soft {

// ---- Where an operand lies

inline std::uint64_t Cpu::effective_offset(const Instruction& i) const {
  std::uint64_t offset = registers_[i.base] + (registers_[i.index] << i.scale) +
                         static_cast<std::uint64_t>(std::int64_t{i.displacement});
  if (i.address_size != 8) [[unlikely]] {
    offset &= i.address_size == 4 ? 0xffff'ffffu : 0xffffu;
  }
  return offset;
}

inline std::uint64_t Cpu::operand_linear(const Instruction& i, std::uint64_t extra, unsigned size,
                                         Access access) {
  const std::uint64_t offset = effective_offset(i) + extra;
  if (code_size_ == CodeSize::k64) [[likely]] {
    // Only FS and GS have a base in 64-bit code; segment_base_64_ is 0 for the others.
    const std::uint64_t linear =
        segment_base_64_[i.segment] + (i.address_size == 8 ? offset : offset & 0xffff'ffff);
    if (!is_canonical(linear) || !is_canonical(linear + size - 1)) [[unlikely]] {
      raise_non_canonical(static_cast<x86::SegmentRegister>(i.segment));
    }
    return linear;
  }
  return segment_linear(static_cast<x86::SegmentRegister>(i.segment), offset, size, access);
}

inline std::uint64_t Cpu::flat_linear(const Instruction& i) const {
  return segment_base_64_[i.segment] + registers_[i.base] + (registers_[i.index] << i.scale) +
         static_cast<std::uint64_t>(std::int64_t{i.displacement});
}

template <typename T, Access access>
[[gnu::always_inline]] inline bool Cpu::quick_address_at(std::uint64_t linear,
                                                         std::uint64_t& host) const {
  const TlbEntry& entry = tlb_entry(linear);
  const std::uint64_t offset =
      linear ^ (access == Access::kWrite ? entry.write_tag : entry.read_tag);
  if (!TlbEntry::hits(offset, sizeof(T))) [[unlikely]]
    return false;
  host = entry.host + offset;
  return true;
}

template <typename T>
inline T Cpu::load_host(std::uint64_t host) {
  T value;
  std::memcpy(&value, reinterpret_cast<const void*>(host), sizeof value);
  return value;
}

template <typename T>
inline void Cpu::store_host(std::uint64_t host, T value) {
  std::memcpy(reinterpret_cast<void*>(host), &value, sizeof value);
}

// ---- By linear address

template <typename T>
T Cpu::read_as(std::uint64_t linear, AccessMode mode) {
  const TlbEntry& entry = tlb_.entry(mode, linear);
  const std::uint64_t offset = linear ^ entry.read_tag;
  T value;
  if (TlbEntry::hits(offset, sizeof(T))) [[likely]] {
    std::memcpy(&value, reinterpret_cast<const void*>(entry.host + offset), sizeof value);
  } else {
    read_slow(linear, &value, sizeof value, mode);
  }
  return value;
}

template <typename T>
void Cpu::write_as(std::uint64_t linear, T value, AccessMode mode) {
  const TlbEntry& entry = tlb_.entry(mode, linear);
  const std::uint64_t offset = linear ^ entry.write_tag;
  if (TlbEntry::hits(offset, sizeof(T))) [[likely]] {
    std::memcpy(reinterpret_cast<void*>(entry.host + offset), &value, sizeof value);
  } else {
    write_slow(linear, &value, sizeof value, mode);
  }
}

template <typename T, typename Function>
[[gnu::always_inline]] inline void Cpu::modify_host(std::uint64_t host, bool locked,
                                                    Function function) {
  T* place = reinterpret_cast<T*>(host);
  if (!locked) {
    store_host<T>(host, function(load_host<T>(host)));
    return;
  }
  T expected = __atomic_load_n(place, __ATOMIC_RELAXED);
  while (!__atomic_compare_exchange_n(place, &expected, function(expected), true, __ATOMIC_SEQ_CST,
                                      __ATOMIC_RELAXED)) {
  }
}

template <typename T, typename Function>
void Cpu::modify_linear(std::uint64_t linear, bool locked, Function function) {
  if (std::byte* host = host_address(linear, sizeof(T), Access::kWrite)) [[likely]] {
    return modify_host<T>(reinterpret_cast<std::uint64_t>(host), locked, function);
  }
  probe_write(linear, sizeof(T));
  if (const auto place = locked ? guarded_place(linear, sizeof(T)) : std::nullopt) {
    modify_host<T>(reinterpret_cast<std::uint64_t>(place->host), locked, function);
    return note_guarded_write(*place, sizeof(T));
  }
  const auto split = hold_split_lock(locked, linear, sizeof(T));
  write<T>(linear, function(read<T>(linear)));
}

template <typename T>
[[gnu::noinline, gnu::cold]] T Cpu::load_slowly(const Instruction& i, std::uint64_t extra) {
  return read<T>(operand_linear(i, extra, sizeof(T), Access::kRead));
}

template <typename T>
[[gnu::noinline, gnu::cold]] void Cpu::store_slowly(const Instruction& i, T value,
                                                    std::uint64_t extra) {
  write<T>(operand_linear(i, extra, sizeof(T), Access::kWrite), value);
}

// ---- The memory operand of an instruction

template <typename T>
[[gnu::always_inline]] inline T Cpu::load(const Instruction& i, std::uint64_t extra) {
  if (i.flat) [[likely]] {
    const std::uint64_t linear = flat_linear(i) + extra;
    const TlbEntry& entry = tlb_entry(linear);
    const std::uint64_t offset = linear ^ entry.read_tag;
    if (TlbEntry::hits(offset, sizeof(T))) [[likely]]
      return load_host<T>(entry.host + offset);
  }
  return load_slowly<T>(i, extra);
}

template <typename T>
[[gnu::always_inline]] inline void Cpu::store(const Instruction& i, T value, std::uint64_t extra) {
  if (i.flat) [[likely]] {
    const std::uint64_t linear = flat_linear(i) + extra;
    const TlbEntry& entry = tlb_entry(linear);
    const std::uint64_t offset = linear ^ entry.write_tag;
    if (TlbEntry::hits(offset, sizeof(T))) [[likely]]
      return store_host<T>(entry.host + offset, value);
  }
  store_slowly<T>(i, value, extra);
}

template <typename T, typename Function>
[[gnu::always_inline]] inline void Cpu::modify(const Instruction& i, Function function,
                                               std::uint64_t extra) {
  if (i.flat) [[likely]] {
    const std::uint64_t linear = flat_linear(i) + extra;
    const TlbEntry& entry = tlb_entry(linear);
    const std::uint64_t offset = linear ^ entry.write_tag;
    if (TlbEntry::hits(offset, sizeof(T))) [[likely]]
      return modify_host<T>(entry.host + offset, i.locked, function);
  }
  modify_linear<T>(checked_linear(i, extra, sizeof(T), Access::kWrite), i.locked, function);
}

template <typename T, Access access>
[[gnu::always_inline]] inline bool Cpu::quick_address(const Instruction& i,
                                                      std::uint64_t& host) const {
  if (!i.flat) [[unlikely]]
    return false;
  return quick_address_at<T, access>(flat_linear(i), host);
}

template <typename T, Access access>
[[gnu::always_inline]] inline bool Cpu::quick_stack_address(std::int64_t offset,
                                                            std::uint64_t& host) const {
  if (!code_64bit()) [[unlikely]]
    return false;
  return quick_address_at<T, access>(
      registers_[static_cast<unsigned>(x86::Gpr::kRsp)] + static_cast<std::uint64_t>(offset), host);
}

// ---- Stack

template <typename T>
[[gnu::noinline, gnu::cold]] void Cpu::push_slowly(T value) {
  const std::uint64_t top = stack_pointer_moved(-static_cast<std::int64_t>(sizeof(T)));
  write<T>(stack_linear(top, sizeof(T), Access::kWrite), value);
  gpr(x86::Gpr::kRsp) = top;
}

template <typename T>
[[gnu::always_inline]] inline void Cpu::push(T value) {
  const std::uint64_t top = gpr(x86::Gpr::kRsp) - sizeof(T);
  const TlbEntry& entry = tlb_entry(top);
  const std::uint64_t offset = top ^ entry.write_tag;
  if (code_64bit() && TlbEntry::hits(offset, sizeof(T))) [[likely]] {
    store_host<T>(entry.host + offset, value);
    gpr(x86::Gpr::kRsp) = top;
  } else {
    push_slowly<T>(value);
  }
}

template <typename T>
[[gnu::noinline, gnu::cold]] T Cpu::top_of_stack_slowly() {
  return read<T>(stack_linear(gpr(x86::Gpr::kRsp), sizeof(T), Access::kRead));
}

template <typename T>
[[gnu::always_inline]] inline T Cpu::top_of_stack() {
  const std::uint64_t top = gpr(x86::Gpr::kRsp);
  const TlbEntry& entry = tlb_entry(top);
  const std::uint64_t offset = top ^ entry.read_tag;
  if (code_64bit() && TlbEntry::hits(offset, sizeof(T))) [[likely]]
    return load_host<T>(entry.host + offset);
  return top_of_stack_slowly<T>();
}

template <typename T>
[[gnu::always_inline]] inline T Cpu::pop() {
  const T value = top_of_stack<T>();
  gpr(x86::Gpr::kRsp) = stack_pointer_moved(sizeof(T));
  return value;
}

inline std::uint64_t Cpu::stack_pointer_moved(std::int64_t distance) const {
  const std::uint64_t old = registers_[static_cast<unsigned>(x86::Gpr::kRsp)];
  const std::uint64_t moved = old + static_cast<std::uint64_t>(distance);
  if (stack_address_size_ == 8) [[likely]]
    return moved;
  return stack_address_size_ == 4 ? moved & 0xffff'ffff
                                  : (old & ~std::uint64_t{0xffff}) | (moved & 0xffff);
}

}  // namespace orrery::hypervisor::soft
