#include "base/sockets/acceptor.hpp"

#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "base/sockets/listening_socket.hpp"
#include "support/temporary_folder.hpp"

namespace orrery {
namespace {

class AcceptorTest : public ::testing::Test {
 protected:
  static constexpr std::size_t kMost = 2;

  void SetUp() override {
    auto listener = listen_unix(path(), 8);
    ASSERT_TRUE(listener);
    auto acceptor = Acceptor::create(*loop_, std::move(*listener), "test", kMost,
                                     [this](FileDescriptor client) -> Result<> {
                                       if (refuses_) return fail("not now");
                                       welcomed_.push_back(std::move(client));
                                       return {};
                                     });
    ASSERT_TRUE(acceptor);
    acceptor_ = std::move(*acceptor);
  }

  std::string path() const { return folder_.path("socket"); }
  void connect() {
    auto client = connect_unix(path());
    ASSERT_TRUE(client);
    clients_.push_back(std::move(*client));
  }
  std::size_t welcomed() {
    while (loop_->poll() != 0) {
    }
    return welcomed_.size();
  }

  const std::unique_ptr<EventLoop> loop_ = EventLoop::create().value();
  const testing::TemporaryFolder folder_;
  std::unique_ptr<Acceptor> acceptor_;
  std::vector<FileDescriptor> clients_;
  std::vector<FileDescriptor> welcomed_;
  bool refuses_ = false;
};

TEST_F(AcceptorTest, WelcomesAsManyAsThereIsRoomFor) {
  for (int n = 0; n < 4; ++n) connect();
  EXPECT_EQ(welcomed(), kMost);
  acceptor_->farewell();
  EXPECT_EQ(welcomed(), kMost + 1);
  acceptor_->farewell();
  acceptor_->farewell();
  EXPECT_EQ(welcomed(), 4u);
}

TEST_F(AcceptorTest, WhoIsTurnedAwayTakesNoRoom) {
  refuses_ = true;
  for (int n = 0; n < 3; ++n) connect();
  EXPECT_EQ(welcomed(), 0u);
  refuses_ = false;
  for (int n = 0; n < 3; ++n) connect();
  EXPECT_EQ(welcomed(), kMost);
}

}  // namespace
}  // namespace orrery
