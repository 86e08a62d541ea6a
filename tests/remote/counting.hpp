// A device on a server that counts its requests, and a client that keeps it busy: what both see
// shows a request that was lost, or carried out twice.
#pragma once

#include <atomic>
#include <cstring>

#include <gtest/gtest.h>

#include "remote/faulty_relay.hpp"
#include "remote/link_fixture.hpp"

namespace orrery::remote {

constexpr std::uint64_t kInterruptEvery = 7;

// Answers each write with how many there were, and says when one is not the next of its client.
class CountingDevice final : public SessionService {
 public:
  explicit CountingDevice(ServerLink& link, std::atomic<std::uint64_t>& count)
      : link_(link), count_(count) {}

  void take(const Packet& packet) override {
    const auto& request = std::get<IoRequest>(packet.body);
    const auto value = load_le<std::uint64_t>(request.data.data());
    EXPECT_EQ(value, count_ + 1) << "a request is missing, or came twice";
    ++count_;
    link_.give_back(packet.header.length);
    if (count_ % kInterruptEvery == 0) {
      link_.send(Interrupt{link_.vm(), request.to.device, InterruptKind::kMessage,
                           static_cast<std::uint32_t>(count_ / kInterruptEvery), 0});
    }
    if (request.posted != 0) return;
    const std::uint64_t answer = count_;
    link_.send(
        Feedback{link_.vm(), request.tag, ResultCode::kDone, as_bytes(&answer, sizeof answer)});
  }
  bool holds_anything() const override { return true; }

 private:
  ServerLink& link_;
  std::atomic<std::uint64_t>& count_;
};

// Keeps some requests under way until all have been answered.
class CountingClient {
 public:
  CountingClient(LoopThread& thread, const std::string& port, const LinkTiming& timing,
                 std::uint64_t requests)
      : thread_(thread), requests_(requests) {
    thread_.call([&] {
      link_ = std::make_unique<ClientLink>(
          thread_.loop(), client_options(port, timing),
          ClientLink::Callbacks{.packet = [this](const Packet& packet) { take(packet); },
                                .credit = [this] { send_some(); },
                                .lost = [this](const Error& why) { end(why.message()); }});
      send_some();
    });
  }
  ~CountingClient() {
    thread_.call([&] { link_.reset(); });
  }

  // Why it ended, if not as it should have.
  std::string wait() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return over_; });
    return trouble_;
  }
  std::uint64_t interrupts() const { return interrupts_; }

 private:
  static bool is_posted(std::uint64_t number) { return number % 5 == 0; }

  void send_some() {
    constexpr std::uint64_t kUnderWay = 600;
    while (sent_ < requests_ && sent_ - answered_ < kUnderWay && link_->has_credit()) {
      ++sent_;
      const bool posted = is_posted(sent_) && sent_ != requests_;
      link_->send(IoRequest{.to = {DeviceId(5), link_->server(), VmId(7)},
                            .tag = sent_,
                            .direction = IoDirection::kWrite,
                            .posted = static_cast<std::uint8_t>(posted),
                            .size = 8,
                            .data = as_bytes(&sent_, sizeof sent_)});
    }
  }

  void take(const Packet& packet) {
    if (const auto* const interrupt = std::get_if<Interrupt>(&packet.body)) {
      EXPECT_EQ(interrupt->line, ++interrupts_) << "an interrupt is missing, or came twice";
      return;
    }
    const auto& feedback = std::get<Feedback>(packet.body);
    ++answered_;
    if (is_posted(answered_) && answered_ != requests_) ++answered_;
    EXPECT_EQ(feedback.tag, answered_) << "an answer is missing, or came twice";
    EXPECT_EQ(load_le<std::uint64_t>(feedback.data.data()), answered_);
    if (answered_ == requests_) return end("");
    send_some();
  }

  void end(const std::string& trouble) {
    const std::lock_guard lock(mutex_);
    over_ = true;
    trouble_ = trouble;
    changed_.notify_all();
  }

  LoopThread& thread_;
  const std::uint64_t requests_;
  std::unique_ptr<ClientLink> link_;
  std::uint64_t sent_ = 0;
  std::uint64_t answered_ = 0;
  std::uint64_t interrupts_ = 0;
  std::mutex mutex_;
  std::condition_variable changed_;
  bool over_ = false;
  std::string trouble_;
};

struct Outcome {
  std::string trouble;
  std::uint64_t counted = 0;
  std::uint64_t interrupts = 0;
  unsigned cuts = 0;
};

inline Outcome run_counted(std::uint64_t requests, const RelayFaults& faults,
                           const LinkTiming& timing) {
  std::atomic<std::uint64_t> count = 0;
  TestServer server([&](ServerLink& link) { return std::make_unique<CountingDevice>(link, count); },
                    {.timing = timing});
  FaultyRelay relay(server.port(), faults);
  LoopThread thread;
  CountingClient client(thread, relay.port(), timing, requests);
  Outcome outcome;
  outcome.trouble = client.wait();
  outcome.counted = count;
  outcome.interrupts = client.interrupts();
  outcome.cuts = relay.cuts();
  return outcome;
}

inline void expect_each_once(const Outcome& outcome, std::uint64_t requests) {
  EXPECT_EQ(outcome.trouble, "");
  EXPECT_EQ(outcome.counted, requests);
  // (The last one may still be on its way.)
  EXPECT_GE(outcome.interrupts + 1, requests / kInterruptEvery);
}

}  // namespace orrery::remote
