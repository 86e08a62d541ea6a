// Sessions over real connections: who may come, who is missed, and what is held back.
#include <atomic>
#include <future>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "remote/faulty_relay.hpp"
#include "remote/link_fixture.hpp"
#include "remote/packet/codec.hpp"

namespace orrery::remote {
namespace {

using std::chrono::milliseconds;
using ::testing::HasSubstr;

constexpr LinkTiming kImpatient{milliseconds(20), milliseconds(80)};

// Answers commands; holds on to I/O requests for ever.
class Service final : public SessionService {
 public:
  Service(ServerLink& link, std::atomic<int>& alive) : link_(link), alive_(alive) { ++alive_; }
  ~Service() override { --alive_; }
  void take(const Packet& packet) override {
    const auto* const command = std::get_if<Command>(&packet.body);
    if (command == nullptr) return;
    link_.send(Feedback{link_.vm(), command->tag, ResultCode::kDone, command->data});
  }
  bool holds_anything() const override { return true; }

 private:
  ServerLink& link_;
  std::atomic<int>& alive_;
};

class LinkTest : public ::testing::Test {
 protected:
  void start_server(milliseconds lease = milliseconds(60'000)) {
    server_ = std::make_unique<TestServer>(
        [this](ServerLink& link) -> Result<std::unique_ptr<SessionService>> {
          if (refuse_) return fail("there is no room today");
          return std::make_unique<Service>(link, services_);
        },
        ServerLink::Options{.timing = kImpatient, .lease = lease});
  }

  void start_client(const std::string& port) {
    client_.call([&] {
      link_ = std::make_unique<ClientLink>(
          client_.loop(), client_options(port, kImpatient),
          ClientLink::Callbacks{
              .packet =
                  [this](const Packet& packet) {
                    answers_.push_back(std::get<Feedback>(packet.body).tag);
                    if (answers_.size() == wanted_) enough_.set_value();
                  },
              .credit = [] {},
              .lost = [this](const Error& why) { lost_.set_value(why.message()); }});
    });
  }
  void TearDown() override {
    client_.call([&] { link_.reset(); });
  }

  void command(std::uint64_t tag) { link_->send(Command{{}, tag, CommandCode::kReset, {}}); }
  bool wait_for_answers() {
    return enough_.get_future().wait_for(std::chrono::seconds(20)) == std::future_status::ready;
  }
  std::string wait_until_lost() {
    auto future = lost_.get_future();
    if (future.wait_for(std::chrono::seconds(20)) != std::future_status::ready) return "not lost";
    return future.get();
  }

  std::atomic<int> services_ = 0;
  std::atomic<bool> refuse_ = false;
  std::unique_ptr<TestServer> server_;
  LoopThread client_;
  std::unique_ptr<ClientLink> link_;
  std::vector<std::uint64_t> answers_;
  std::size_t wanted_ = 1;
  std::promise<void> enough_;
  std::promise<std::string> lost_;
};

TEST_F(LinkTest, PacketsSentByAnyThreadAreAnswered) {
  start_server();
  start_client(server_->port());
  constexpr std::uint64_t kEach = 500;
  wanted_ = 4 * kEach;
  std::vector<std::thread> threads;
  for (std::uint64_t n = 0; n < 4; ++n) {
    threads.emplace_back([this, n] {
      for (std::uint64_t tag = 0; tag < kEach; ++tag) command(n * kEach + tag);
    });
  }
  for (std::thread& thread : threads) thread.join();
  ASSERT_TRUE(wait_for_answers());
  std::ranges::sort(answers_);
  for (std::uint64_t tag = 0; tag < wanted_; ++tag) EXPECT_EQ(answers_[tag], tag);
}

TEST_F(LinkTest, AServerThatComesLateIsWaitedFor) {
  FileDescriptor reserved = *listen_tcp("127.0.0.1:0", 1);
  const std::string address = tcp_address(reserved.get())->text;
  reserved.reset();
  start_client(address.substr(address.rfind(':') + 1));
  command(1);
  std::this_thread::sleep_for(milliseconds(30));  // some attempts fail
  server_ = std::make_unique<TestServer>(
      [this](ServerLink& link) { return std::make_unique<Service>(link, services_); },
      ServerLink::Options{.timing = kImpatient}, address);
  EXPECT_TRUE(wait_for_answers());
}

TEST_F(LinkTest, AServerThatStartedAnewHasLostTheSession) {
  start_server();
  const std::string address = "127.0.0.1:" + server_->port();
  start_client(server_->port());
  command(1);
  ASSERT_TRUE(wait_for_answers());
  server_.reset();
  server_ = std::make_unique<TestServer>(
      [this](ServerLink& link) { return std::make_unique<Service>(link, services_); },
      ServerLink::Options{.timing = kImpatient}, address);
  EXPECT_THAT(wait_until_lost(), HasSubstr("started anew"));
}

TEST_F(LinkTest, TheReasonOfARefusalArrives) {
  refuse_ = true;
  start_server();
  start_client(server_->port());
  EXPECT_THAT(wait_until_lost(), HasSubstr("no room today"));
}

TEST_F(LinkTest, AVmThatDoesNotComeBackIsForgotten) {
  start_server(milliseconds(50));
  start_client(server_->port());
  command(1);
  ASSERT_TRUE(wait_for_answers());
  EXPECT_EQ(services_, 1);
  client_.call([&] { link_.reset(); });
  for (unsigned n = 0; n < 1000 && services_ != 0; ++n) {
    std::this_thread::sleep_for(milliseconds(5));
  }
  EXPECT_EQ(services_, 0);
}

// Whoever stalls is not heard, so both sides give the connection up, and the next one works.
TEST_F(LinkTest, AConnectionThatStandsStillIsGivenUp) {
  start_server();
  FaultyRelay relay(server_->port(), {.seed = 5, .one_in_stalls = 12, .stall = milliseconds(200)});
  start_client(relay.port());
  wanted_ = 60;
  for (std::uint64_t tag = 1; tag <= 60; ++tag) {
    command(tag);
    std::this_thread::sleep_for(milliseconds(2));
  }
  ASSERT_TRUE(wait_for_answers());
  EXPECT_GE(relay.connections(), 2u);
  for (std::uint64_t tag = 1; tag <= 60; ++tag) EXPECT_EQ(answers_[tag - 1], tag);
}

TEST_F(LinkTest, CreditRunsOutWhereRequestsAreNotDone) {
  start_server();
  start_client(server_->port());
  command(1);
  ASSERT_TRUE(wait_for_answers());
  std::vector<std::byte> payload(1 << 20);
  unsigned sent = 0;
  while (link_->has_credit() && sent < 100) {
    link_->send(QueueRequest{.tag = ++sent, .data = payload});
  }
  EXPECT_EQ(sent, Link::kWindow / payload.size());
}

// What is no VMM of ours does not get as far as a session.
TEST_F(LinkTest, StrangersAreTurnedAway) {
  start_server();
  auto socket = begin_connecting(*find_tcp_server("127.0.0.1", server_->port()));
  ASSERT_TRUE(socket);
  pollfd polled{socket->get(), POLLOUT, 0};
  ASSERT_EQ(::poll(&polled, 1, 5000), 1);
  const std::vector<std::byte> hello = encode(Hello{}, 0, 0);  // without TLS
  ASSERT_GT(::send(socket->get(), hello.data(), hello.size(), MSG_NOSIGNAL), 0);
  // It is told so (an alert), and then there is the end.
  std::byte answer[256];
  ssize_t count = 1;
  while (count > 0) {
    polled.events = POLLIN;
    ASSERT_EQ(::poll(&polled, 1, 5000), 1);
    count = ::recv(socket->get(), answer, sizeof answer, 0);
  }
  EXPECT_EQ(services_, 0);
}

}  // namespace
}  // namespace orrery::remote
