// Doubles for device tests and fuzzers: a Host with memory, a clock that only moves when told, and
// a log of what the device asked for; and a Console that is two strings.
//
// Everything runs on the calling thread: nothing happens in the background, so tests never sleep.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/types.hpp"
#include "device/host.hpp"
#include "port/clock.hpp"
#include "port/console.hpp"

namespace orrery::testing {

struct Msi {
  std::uint64_t address = 0;
  std::uint32_t data = 0;
  friend bool operator==(const Msi&, const Msi&) = default;
};

class FakeHost : public device::Host {
 public:
  // MEMORY_SIZE bytes of RAM from guest-physical 0.
  explicit FakeHost(std::size_t memory_size = 0) : memory(memory_size) {}

  // ---- For the test ----

  std::vector<std::byte> memory;
  std::map<unsigned, bool> lines;           // current levels; absent: never set
  std::map<unsigned, unsigned> line_rises;  // how often a line went from low to high
  std::vector<Msi> msis;
  std::vector<device::PowerRequest> power_requests;
  unsigned mapped_spans = 0;  // dma_map() without dma_unmap()

  bool line(unsigned number) const {
    const auto found = lines.find(number);
    return found != lines.end() && found->second;
  }

  // Moves the clock and rings, in order and with the device's lock held, what falls due.
  void advance(Ticks span) {
    const Ticks end = now_ + span.value();
    while (Alarm* next = earliest(end)) {
      now_ = std::max(now_, *next->deadline);
      next->deadline.reset();
      const std::lock_guard lock(mutex_);
      next->ring();
    }
    now_ = end;
  }

  // When the next timer is due, if any is armed.
  std::optional<Ticks> next_deadline() {
    const Alarm* next = earliest(Ticks(INT64_MAX));
    return next == nullptr ? std::nullopt : next->deadline;
  }

  // Runs posted work, and what that posts, up to LIMIT pieces. Returns how many ran.
  std::size_t run_posted(std::size_t limit = SIZE_MAX) {
    std::size_t count = 0;
    for (; count < limit && !posted_.empty(); ++count) {
      const std::function<void()> work = std::move(posted_.front());
      posted_.pop_front();
      const std::lock_guard lock(mutex_);
      work();
    }
    return count;
  }

  template <typename T>
  T load(std::uint64_t address) const {
    T value{};
    std::memcpy(&value, memory.data() + address, sizeof value);
    return value;
  }
  template <typename T>
  void store(std::uint64_t address, const T& value) {
    std::memcpy(memory.data() + address, &value, sizeof value);
  }

  // ---- Host ----

  void set_line(unsigned line, bool asserted) override {
    bool& level = lines[line];
    if (asserted && !level) ++line_rises[line];
    level = asserted;
  }
  void send_msi(std::uint64_t address, std::uint32_t data) override {
    // A fuzzed device may send without end: the newest are kept.
    if (msis.size() >= kKeptMsis) msis.erase(msis.begin());
    msis.push_back({address, data});
  }

  bool dma_read(GuestPhysical address, MutableByteSpan destination) override {
    if (!inside(address, destination.size())) return false;
    std::memcpy(destination.data(), memory.data() + address.value(), destination.size());
    return true;
  }
  bool dma_write(GuestPhysical address, ByteSpan source) override {
    if (!inside(address, source.size())) return false;
    std::memcpy(memory.data() + address.value(), source.data(), source.size());
    return true;
  }
  std::optional<device::DmaSpan> dma_map(GuestPhysical address, std::uint64_t size,
                                         device::DmaDirection direction) override {
    if (!inside(address, size)) return std::nullopt;
    ++mapped_spans;
    return device::DmaSpan{address, MutableByteSpan(memory).subspan(address.value(), size),
                           direction};
  }
  void dma_unmap(const device::DmaSpan& /*span*/) override { --mapped_spans; }

  Ticks now() override { return now_; }
  std::unique_ptr<device::Timer> create_timer(std::function<void()> ring) override {
    return std::make_unique<FakeTimer>(*this, std::move(ring));
  }
  void post(std::function<void()> work) override { posted_.push_back(std::move(work)); }
  void request_power(device::PowerRequest request) override { power_requests.push_back(request); }
  std::mutex& device_lock() override { return mutex_; }

 private:
  static constexpr std::size_t kKeptMsis = 4096;

  struct Alarm {
    std::function<void()> ring;
    std::optional<Ticks> deadline;
  };
  class FakeTimer : public device::Timer {
   public:
    FakeTimer(FakeHost& host, std::function<void()> ring) : host_(host) {
      alarm_.ring = std::move(ring);
      host_.alarms_.push_back(&alarm_);
    }
    ~FakeTimer() override { std::erase(host_.alarms_, &alarm_); }
    void arm(Ticks deadline) override { alarm_.deadline = deadline; }
    void cancel() override { alarm_.deadline.reset(); }

   private:
    FakeHost& host_;
    Alarm alarm_;
  };

  bool inside(GuestPhysical address, std::uint64_t size) const {
    return size <= memory.size() && address.value() <= memory.size() - size;
  }
  Alarm* earliest(Ticks until) {
    Alarm* best = nullptr;
    for (Alarm* alarm : alarms_) {
      if (!alarm->deadline || *alarm->deadline > until) continue;
      if (best == nullptr || *alarm->deadline < *best->deadline) best = alarm;
    }
    return best;
  }

  std::mutex mutex_;
  Ticks now_;
  std::vector<Alarm*> alarms_;
  std::deque<std::function<void()>> posted_;
};

// What the device writes lands in `output`; `room` bounds how much more it takes.
class FakeConsole : public port::Console {
 public:
  std::string output;
  std::size_t room = SIZE_MAX;

  // Bytes arrive from outside; calls back as a backend's loop would.
  void type(std::string_view text) {
    input_.append(text);
    if (readable_) readable_();
  }
  // Room appears again.
  void drain(std::size_t bytes) {
    room = bytes;
    if (writable_) writable_();
  }
  std::size_t waiting() const { return input_.size(); }

  std::size_t write(ByteSpan bytes) override {
    const std::size_t taken = std::min(room, bytes.size());
    output.append(reinterpret_cast<const char*>(bytes.data()), taken);
    if (room != SIZE_MAX) room -= taken;
    return taken;
  }
  std::size_t read(MutableByteSpan destination) override {
    const std::size_t given = std::min(destination.size(), input_.size());
    std::memcpy(destination.data(), input_.data(), given);
    input_.erase(0, given);
    return given;
  }
  void set_callbacks(port::Notify readable, port::Notify writable) override {
    readable_ = std::move(readable);
    writable_ = std::move(writable);
  }

 private:
  std::string input_;
  port::Notify readable_;
  port::Notify writable_;
};

class FakeClock : public port::Clock {
 public:
  Ticks monotonic_now;
  Ticks wall_now{1'700'000'000'000'000'000};  // 2023-11-14 22:13:20 UTC

  void advance(Ticks span) {
    monotonic_now += span.value();
    wall_now += span.value();
  }
  Ticks monotonic() override { return monotonic_now; }
  Ticks wall() override { return wall_now; }
};

}  // namespace orrery::testing
