// The control socket itself: its file, and clients of this process's.
#include <filesystem>
#include <fstream>
#include <future>
#include <thread>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>
#include <sys/stat.h>

#include "vmm/control/client.hpp"
#include "vmm/control/fake_target.hpp"
#include "vmm/control/server.hpp"

namespace orrery::vmm::control {
namespace {

using Json = nlohmann::json;

class SocketTest : public ::testing::Test {
 protected:
  void SetUp() override {
    char name[] = "/tmp/orrery-control-XXXXXX";
    ASSERT_NE(::mkdtemp(name), nullptr);
    folder = name;
    path = folder + "/socket";
  }
  ~SocketTest() override {
    stop();
    std::filesystem::remove_all(folder);
  }
  void serve() {
    auto made = Server::create(*loop, target, path);
    ASSERT_TRUE(made.has_value()) << made.error().message();
    server = std::move(*made);
    thread = std::thread([this] { loop->run(); });
  }
  bool paused() {
    std::promise<bool> answer;
    loop->post([&] { answer.set_value(target.state.paused); });
    return answer.get_future().get();
  }
  void stop() {
    if (!thread.joinable()) return;
    loop->stop();
    thread.join();
    server.reset();
  }

  std::string folder;
  std::string path;
  testing::FakeControlTarget target;
  std::unique_ptr<EventLoop> loop = EventLoop::create().value();
  std::unique_ptr<Server> server;
  std::thread thread;
};

TEST_F(SocketTest, OnlyTheOwnerCanConnectAndTheFileGoes) {
  serve();
  struct stat status {};
  ASSERT_EQ(::stat(path.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode, S_IFSOCK | S_IRUSR | S_IWUSR);
  stop();
  EXPECT_FALSE(std::filesystem::exists(path));
}

TEST_F(SocketTest, ClientsAreServedSideBySide) {
  serve();
  std::vector<Client> clients;
  for (int i = 0; i < 5; ++i) clients.push_back(std::move(*Client::connect(path)));
  for (int round = 0; round < 3; ++round) {
    for (Client& client : clients) {
      const auto answer = client.ask({{"command", "status"}});
      ASSERT_TRUE(answer.has_value()) << answer.error().message();
      EXPECT_EQ(answer->at("vcpus"), 2);
    }
  }
}

TEST_F(SocketTest, WhoComesWhenAllPlacesAreTakenWaitsForOne) {
  serve();
  std::vector<Client> clients;
  for (std::size_t i = 0; i < Server::kMostClients; ++i) {
    clients.push_back(std::move(*Client::connect(path)));
    ASSERT_TRUE(clients.back().ask({{"command", "status"}}).has_value());
  }
  Client late = std::move(*Client::connect(path));
  clients.pop_back();
  EXPECT_TRUE(late.ask({{"command", "status"}}).has_value());
}

TEST_F(SocketTest, AClientIsToldWhenTheVmEnds) {
  target.stands = false;
  serve();
  Client client = std::move(*Client::connect(path));
  std::thread ends([this] {
    while (!paused()) std::this_thread::yield();
    stop();
  });
  const auto answer = client.ask({{"command", "pause"}});
  ends.join();
  ASSERT_FALSE(answer.has_value());
  EXPECT_NE(answer.error().message().find("ended"), std::string::npos);
}

TEST_F(SocketTest, NobodyListens) {
  const auto client = Client::connect(path);
  ASSERT_FALSE(client.has_value());
  EXPECT_NE(client.error().message().find("--control " + path), std::string::npos);
}

TEST_F(SocketTest, OtherFilesAreLeftAlone) {
  std::ofstream(path) << "a disk";
  const auto made = Server::create(*loop, target, path);
  EXPECT_FALSE(made.has_value());
  EXPECT_EQ(std::filesystem::file_size(path), 6U);
}

TEST_F(SocketTest, WhatAKilledVmLeftIsReplaced) {
  serve();
  std::filesystem::rename(path, folder + "/left");
  stop();
  std::filesystem::rename(folder + "/left", path);
  serve();
  EXPECT_TRUE(Client::connect(path).has_value());
}

}  // namespace
}  // namespace orrery::vmm::control
