// A vCPU with 2 MiB of RAM and nothing else, for programs in machine code: port writes are
// recorded.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "base/bytes.hpp"
#include "hypervisor/soft/code_pages.hpp"
#include "hypervisor/soft/cpu.hpp"
#include "memory/guest_memory.hpp"

namespace orrery::hypervisor::soft {

struct PortWrite {
  std::uint16_t port;
  Width width;
  std::uint64_t value;
};

class BareMachine : private Environment {
 public:
  explicit BareMachine(const PagingOptions& paging = {})
      : memory_(std::move(
            *memory::GuestMemory::create({{.start = GuestPhysical(0), .size = Bytes(2_MiB)}}))),
        code_pages_(*memory_, paging.directed),
        cpu_(VcpuId(0), *memory_, code_pages_, *this, paging) {}

  Cpu& cpu() { return cpu_; }
  CodePages& code_pages() { return code_pages_; }
  const std::vector<PortWrite>& writes() const { return writes_; }

  void load(std::uint64_t address, ByteSpan bytes) {
    ASSERT_TRUE(memory_->load(GuestPhysical(address), bytes));
  }
  template <typename T>
  void store(std::uint64_t address, T value) {
    load(address, as_bytes(&value, sizeof value));
  }

  std::uint64_t load_word(std::uint64_t address) const {
    std::uint64_t value = 0;
    EXPECT_TRUE(memory_->read(GuestPhysical(address), {reinterpret_cast<std::byte*>(&value), 8}));
    return value;
  }

  // Runs until the vCPU halts, shuts down, or has logged far too much.
  Exit run() { return cpu_.run(); }

  void raise_interrupt(std::uint8_t vector) {
    pending_ = vector;
    cpu_.request_attention();
  }

 private:
  std::uint64_t port_read(std::uint16_t, Width width) override { return mask_of(width); }
  void port_write(std::uint16_t port, Width width, std::uint64_t value) override {
    constexpr std::size_t kFarTooMuch = 100;
    writes_.push_back({port, width, value});
    if (writes_.size() >= kFarTooMuch) cpu_.request_stop();
  }
  std::uint64_t memory_read(GuestPhysical, Width width) override { return mask_of(width); }
  void memory_write(GuestPhysical, Width, std::uint64_t) override {}
  bool interrupt_pending() override { return pending_.has_value(); }
  std::optional<std::uint8_t> acknowledge_interrupt() override {
    return std::exchange(pending_, std::nullopt);
  }
  bool acknowledge_nmi() override { return false; }
  std::uint64_t task_priority() override { return priority_; }
  void set_task_priority(std::uint64_t cr8) override { priority_ = cr8; }
  std::optional<std::uint64_t> read_msr(std::uint32_t) override { return std::nullopt; }
  bool write_msr(std::uint32_t, std::uint64_t) override { return false; }
  std::uint64_t time_stamp() override { return ++time_; }

  std::unique_ptr<memory::GuestMemory> memory_;
  CodePages code_pages_;
  std::vector<PortWrite> writes_;
  std::optional<std::uint8_t> pending_;
  std::uint64_t priority_ = 0;
  std::uint64_t time_ = 0;
  Cpu cpu_;
};

}  // namespace orrery::hypervisor::soft
