// The NAT network (network/user_network.hpp): what a guest sees on its wire.
#include "network/user_network.hpp"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "base/files/file_descriptor.hpp"
#include "network/tap.hpp"

namespace orrery::network {
namespace {

using namespace std::chrono_literals;

constexpr std::array<std::uint8_t, 6> kGuestMac{2, 0, 0, 0, 0, 1};

std::vector<std::byte> bytes_of(const std::vector<std::uint8_t>& values) {
  const ByteSpan bytes = as_bytes(values.data(), values.size());
  return {bytes.begin(), bytes.end()};
}

// ARP: who has 10.0.2.TARGET? Tell 10.0.2.15 (RFC 826).
std::vector<std::byte> arp_request(std::uint8_t target) {
  std::vector<std::uint8_t> frame(6, 0xff);
  frame.insert(frame.end(), kGuestMac.begin(), kGuestMac.end());
  for (const int value : {8, 6, 0, 1, 8, 0, 6, 4, 0, 1}) {
    frame.push_back(static_cast<std::uint8_t>(value));
  }
  frame.insert(frame.end(), kGuestMac.begin(), kGuestMac.end());
  for (const int value : {10, 0, 2, 15, 0, 0, 0, 0, 0, 0, 10, 0, 2, int{target}}) {
    frame.push_back(static_cast<std::uint8_t>(value));
  }
  frame.resize(60);
  return bytes_of(frame);
}

class UserNetworkTest : public ::testing::Test {
 protected:
  void open(const UserNetworkOptions& options = {}) {
    auto network = create_user_network(*loop_, options);
    ASSERT_TRUE(network.has_value()) << network.error().message();
    network_ = std::move(*network);
    network_->set_callbacks(
        [this](const port::Frame& frame) {
          if (full_) return false;
          received_.emplace_back(frame.bytes.begin(), frame.bytes.end());
          loop_->stop();
          return true;
        },
        [] {});
  }

  // Runs the loop until a frame has come, or for a while.
  void run() {
    const auto timer = loop_->create_timer([this] { loop_->stop(); });
    timer->arm(std::chrono::steady_clock::now() + 2s);
    loop_->run();
  }

  // An ARP reply's operation is 2.
  bool got_arp_reply() const {
    return std::any_of(received_.begin(), received_.end(), [](const auto& frame) {
      return frame.size() >= 42 && frame[12] == std::byte{8} && frame[13] == std::byte{6} &&
             frame[21] == std::byte{2};
    });
  }

  std::unique_ptr<EventLoop> loop_ = EventLoop::create().value();
  std::unique_ptr<port::Frames> network_;
  std::vector<std::vector<std::byte>> received_;
  bool full_ = false;
};

TEST_F(UserNetworkTest, GatewayAnswersArp) {
  open();
  const auto request = arp_request(2);
  EXPECT_TRUE(network_->send({request, {}}));
  run();
  EXPECT_TRUE(got_arp_reply());
}

TEST_F(UserNetworkTest, KeepsFramesForAGuestWithoutRoom) {
  open();
  full_ = true;
  const auto request = arp_request(2);
  network_->send({request, {}});
  loop_->post([this] { loop_->post([this] { loop_->stop(); }); });
  loop_->run();
  EXPECT_TRUE(received_.empty());
  full_ = false;
  network_->resume();
  run();
  EXPECT_TRUE(got_arp_reply());
}

TEST_F(UserNetworkTest, ForwardsListenOnTheHost) {
  // A port that was free a moment ago.
  const FileDescriptor probe(::socket(AF_INET, SOCK_STREAM, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  ASSERT_EQ(::bind(probe.get(), reinterpret_cast<sockaddr*>(&address), size), 0);
  ASSERT_EQ(::getsockname(probe.get(), reinterpret_cast<sockaddr*>(&address), &size), 0);
  UserNetworkOptions options;
  options.forwards = {{.protocol = PortForward::Protocol::kTcp,
                       .host_address = "127.0.0.1",
                       .host_port = ntohs(address.sin_port),
                       .guest_port = 22}};
  ASSERT_EQ(::listen(probe.get(), 1), 0);
  const auto refused = create_user_network(*loop_, options);
  ASSERT_FALSE(refused.has_value());
  EXPECT_NE(refused.error().message().find("in use"), std::string::npos)
      << refused.error().message();
  const_cast<FileDescriptor&>(probe).reset();

  open(options);
  const FileDescriptor client(::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0));
  ASSERT_EQ(::connect(client.get(), reinterpret_cast<sockaddr*>(&address), sizeof address), -1);
  EXPECT_EQ(errno, EINPROGRESS);
  run();
  // The gateway asks for the guest's MAC before it can open the connection.
  EXPECT_FALSE(received_.empty());
}

TEST_F(UserNetworkTest, SurvivesRandomFrames) {
  open();
  std::srand(1);
  for (int i = 0; i < 2000; ++i) {
    std::vector<std::byte> frame = arp_request(2);
    frame.resize(static_cast<std::size_t>(std::rand() % 1600));
    for (int j = 0; j < 8 && !frame.empty(); ++j) {
      frame[static_cast<std::size_t>(std::rand()) % frame.size()] =
          static_cast<std::byte>(std::rand());
    }
    network_->send({frame, {}});
    loop_->poll();
  }
}

TEST(Tap, NamesTheRemedyWhenItCannotAttach) {
  const auto loop = EventLoop::create().value();
  const auto tap = open_tap(*loop, "a-name-that-is-too-long");
  ASSERT_FALSE(tap.has_value());
}

}  // namespace
}  // namespace orrery::network
