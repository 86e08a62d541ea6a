// The control socket itself: its file, and clients of this process's.
#include <array>
#include <filesystem>
#include <fstream>
#include <future>
#include <string_view>
#include <thread>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>
#include <sys/mman.h>
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
    return on_loop<bool>([&] { return target.state.paused; });
  }
  int under_way() {
    return on_loop<int>([&] { return target.snapshots_under_way; });
  }
  template <typename T>
  T on_loop(std::function<T()> look) {
    std::promise<T> answer;
    loop->post([&] { answer.set_value(look()); });
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

class SnapshotOverSocketTest : public SocketTest {
 protected:
  SnapshotOverSocketTest() {
    for (FileDescriptor& each : files) {
      each = FileDescriptor(::memfd_create("file", MFD_CLOEXEC));
      numbers.push_back(each.get());
    }
  }
  std::array<FileDescriptor, 3> files;
  std::vector<int> numbers;
  const Json begin = {{"command", "snapshot-begin"}, {"name", "one"}, {"overlays", {"/new.qcow2"}}};
};

TEST_F(SnapshotOverSocketTest, TheVmGetsOpenFiles) {
  serve();
  Client client = std::move(*Client::connect(path));
  const auto begun = client.ask(begin, numbers);
  ASSERT_TRUE(begun.has_value()) << begun.error().message();
  EXPECT_TRUE(snapshot::from_json(begun->at("manifest")).has_value());
  EXPECT_EQ(target.requested.name, "one");
  EXPECT_EQ(target.requested.overlays.at(0).path, "/new.qcow2");
  const int theirs[] = {target.requested.memory.get(), target.requested.state.get(),
                        target.requested.overlays[0].file.get()};
  constexpr std::string_view kLetters = "abc";
  for (std::size_t i = 0; i < files.size(); ++i) {
    ASSERT_EQ(::pwrite(theirs[i], &kLetters[i], 1, 0), 1);
    char letter = 0;
    ASSERT_EQ(::pread(files[i].get(), &letter, 1, 0), 1);
    EXPECT_EQ(letter, kLetters[i]) << "another file";
  }
  const auto finished = client.ask({{"command", "snapshot-finish"}});
  ASSERT_TRUE(finished.has_value()) << finished.error().message();
  EXPECT_EQ(finished->at("pause_ns"), 3'000'000);
}

TEST_F(SnapshotOverSocketTest, ASnapshotEndsWithItsClient) {
  serve();
  {
    Client client = std::move(*Client::connect(path));
    ASSERT_TRUE(client.ask(begin, numbers).has_value());
    EXPECT_FALSE(client.ask(begin, numbers).has_value()) << "a second one";
    EXPECT_EQ(under_way(), 1);
  }
  while (under_way() != 0) std::this_thread::yield();
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
