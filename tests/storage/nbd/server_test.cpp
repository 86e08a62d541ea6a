// Clients on real sockets: none waits for another.
#include "storage/nbd/server.hpp"

#include <cstdlib>
#include <filesystem>

#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "base/sockets/listening_socket.hpp"
#include "storage/nbd/client_bytes.hpp"
#include "storage/nbd/disk_catalogue.hpp"
#include "storage/nbd/memory_disk.hpp"

namespace orrery::storage::nbd {
namespace {

class NbdServer : public ::testing::Test {
 protected:
  void SetUp() override {
    char name[] = "/tmp/orrery-nbd-XXXXXX";
    ASSERT_NE(::mkdtemp(name), nullptr);
    folder_ = name;
    auto listener = listen_unix(path(), Server::kBacklog);
    ASSERT_TRUE(listener) << listener.error().message();
    server_ = Server::create(*loop_, *catalogue_, std::move(*listener)).value();
    server_->on_empty([this](bool served) {
      ++emptied_;
      served_ = served;
    });
  }
  void TearDown() override {
    server_->drop_clients();
    run_until([this] { return server_->clients() == 0; });
    server_.reset();
    std::filesystem::remove_all(folder_);
  }

  std::string path() const { return folder_ + "/socket"; }
  // Fails after a time that nothing needs.
  void run_until(const std::function<bool()>& done) {
    const auto limit = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    while (!done()) {
      loop_->poll();
      ASSERT_LT(std::chrono::steady_clock::now(), limit);
    }
  }
  FileDescriptor connect() {
    FileDescriptor socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path().copy(address.sun_path, sizeof address.sun_path - 1);
    EXPECT_EQ(::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address),
              0);
    return socket;
  }
  static void give(const FileDescriptor& socket, const std::vector<std::byte>& bytes) {
    ASSERT_EQ(::send(socket.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL),
              static_cast<ssize_t>(bytes.size()));
  }
  std::vector<std::byte> take(const FileDescriptor& socket, std::size_t length) {
    std::vector<std::byte> bytes(length);
    std::size_t done = 0;
    run_until([&] {
      const ssize_t count = ::recv(socket.get(), bytes.data() + done, length - done, 0);
      if (count > 0) done += static_cast<std::size_t>(count);
      return done == length;
    });
    return bytes;
  }
  bool is_closed(const FileDescriptor& socket) {
    std::byte byte{};
    return ::recv(socket.get(), &byte, 1, 0) == 0;
  }
  FileDescriptor connect_to_export() {
    FileDescriptor client = connect();
    take(client, 18);
    give(client, testing::client_flags(3));
    give(client, testing::option(Option::kExportName));
    take(client, 10);
    return client;
  }

  const std::unique_ptr<EventLoop> loop_ = EventLoop::create().value();
  testing::MemoryDisk disk_{*loop_, 64_MiB};
  const std::unique_ptr<DiskCatalogue> catalogue_ =
      DiskCatalogue::create(disk_, "disk", "").value();
  std::unique_ptr<Server> server_;
  std::string folder_;
  int emptied_ = 0;
  bool served_ = false;
};

TEST_F(NbdServer, NoClientWaitsForAnother) {
  const FileDescriptor silent = connect();
  const FileDescriptor greedy = connect_to_export();
  for (int i = 0; i < 4; ++i)
    give(greedy, testing::request({.length = 32_MiB}));  // and reads nothing
  const FileDescriptor halfway = connect_to_export();
  give(halfway, testing::request({.command = Command::kWrite, .length = 4096}));
  const FileDescriptor wrong = connect_to_export();
  give(wrong, std::vector<std::byte>(28, std::byte{0xFF}));
  const FileDescriptor good = connect_to_export();
  for (std::uint64_t i = 0; i < 20; ++i) {
    give(good, testing::request({.handle = i, .offset = i * 512, .length = 512}));
    const auto reply = take(good, 16 + 512);
    EXPECT_EQ(load_be<std::uint64_t>(reply.data() + 8), i);
  }
  EXPECT_EQ(server_->clients(), 5u);
}

TEST_F(NbdServer, TellsWhenTheLastClientHasGone) {
  {
    const FileDescriptor silent = connect();
    take(silent, 18);
  }
  run_until([this] { return emptied_ == 1; });
  EXPECT_FALSE(served_);
  {
    const FileDescriptor one = connect_to_export();
    { const FileDescriptor other = connect_to_export(); }
    run_until([this] { return server_->clients() == 1; });
    EXPECT_EQ(emptied_, 1);
  }
  run_until([this] { return emptied_ == 2; });
  EXPECT_TRUE(served_);
}

TEST_F(NbdServer, HasSoManyClientsAndLetsOthersWait) {
  std::vector<FileDescriptor> clients;
  for (std::size_t i = 0; i < Server::kMostClients; ++i) clients.push_back(connect_to_export());
  const FileDescriptor next = connect();
  loop_->poll();
  EXPECT_EQ(server_->clients(), Server::kMostClients);
  clients.pop_back();
  take(next, 18);
  EXPECT_EQ(server_->clients(), Server::kMostClients);
}

TEST_F(NbdServer, StopsWhenAllThatWasAskedForIsDone) {
  const FileDescriptor client = connect_to_export();
  const FileDescriptor idle = connect_to_export();
  disk_.holding = true;
  give(client, testing::request({.command = Command::kFlush, .handle = 4}));
  run_until([this] { return !disk_.order.empty(); });
  server_->stop();
  for (int i = 0; i < 100; ++i) loop_->poll();
  EXPECT_EQ(emptied_, 0);
  disk_.release();
  EXPECT_EQ(load_be<std::uint64_t>(take(client, 16).data() + 8), 4u);
  run_until([&] { return is_closed(client) && is_closed(idle); });
  ::shutdown(client.get(), SHUT_WR);
  ::shutdown(idle.get(), SHUT_WR);
  run_until([this] { return emptied_ == 1; });
}

}  // namespace
}  // namespace orrery::storage::nbd
