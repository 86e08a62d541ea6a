// Console backends (vmm/console/).
#include <cstring>
#include <thread>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/files/file_descriptor.hpp"
#include "vmm/console/escape_keys.hpp"
#include "vmm/console/file_console.hpp"
#include "vmm/console/pty_console.hpp"
#include "vmm/console/socket_console.hpp"

namespace orrery::vmm {
namespace {

using namespace std::chrono_literals;

std::vector<std::byte> bytes_of(std::string_view text) {
  const ByteSpan bytes = as_bytes(text.data(), text.size());
  return {bytes.begin(), bytes.end()};
}
std::string text_of(const std::vector<std::byte>& bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

TEST(EscapeKeys, LeaveOtherBytesAlone) {
  EscapeKeys keys;
  auto bytes = bytes_of("plain\x01\x01text\x01q");
  EXPECT_TRUE(keys.filter(bytes).empty());
  EXPECT_EQ(text_of(bytes), "plain\x01text\x01q");
}

TEST(EscapeKeys, WorkAcrossReads) {
  EscapeKeys keys;
  auto first = bytes_of("a\x01");
  EXPECT_TRUE(keys.filter(first).empty());
  EXPECT_EQ(text_of(first), "a");
  auto second = bytes_of("xb\x01h");
  EXPECT_EQ(keys.filter(second), (std::vector{EscapeCommand::kQuit, EscapeCommand::kHelp}));
  EXPECT_EQ(text_of(second), "b");
}

class ConsoleTest : public ::testing::Test {
 protected:
  // Runs the loop until WHAT is true, at most two seconds.
  template <typename What>
  bool run_until(What what) {
    const auto end = std::chrono::steady_clock::now() + 2s;
    while (!what() && std::chrono::steady_clock::now() < end) {
      loop_->poll();
      std::this_thread::yield();
    }
    return what();
  }

  static std::size_t say(port::Console& console, std::string_view text) {
    return console.write(as_bytes(text.data(), text.size()));
  }

  static std::string hear(int descriptor) {
    char buffer[256];
    const ssize_t size = ::read(descriptor, buffer, sizeof buffer);
    return {buffer, static_cast<std::size_t>(std::max<ssize_t>(size, 0))};
  }

  static std::string taken_by_guest(port::Console& console) {
    std::vector<std::byte> bytes(256);
    bytes.resize(console.read(bytes));
    return text_of(bytes);
  }

  std::unique_ptr<EventLoop> loop_ = EventLoop::create().value();
  std::string path_ = "/tmp/orrery-console-" + std::to_string(::getpid());
};

TEST_F(ConsoleTest, FileGetsAllOutputEvenWithoutTheLoop) {
  {
    auto console = FileConsole::create(*loop_, path_).value();
    const std::string text(60'000, 'x');
    EXPECT_EQ(say(*console, text), text.size());
    console->drain();
  }
  const FileDescriptor file(::open(path_.c_str(), O_RDONLY));
  EXPECT_EQ(::lseek(file.get(), 0, SEEK_END), 60'000);
  ::unlink(path_.c_str());
}

TEST_F(ConsoleTest, FullConsoleTellsWhenThereIsRoomAgain) {
  auto console = FileConsole::create(*loop_, path_).value();
  bool writable = false;
  console->set_callbacks([] {}, [&] { writable = true; });
  const std::string text(100'000, 'x');
  EXPECT_LT(say(*console, text), text.size());
  EXPECT_FALSE(writable);
  EXPECT_TRUE(run_until([&] { return writable; }));
  ::unlink(path_.c_str());
}

TEST_F(ConsoleTest, SocketServesOneClientAfterTheOther) {
  auto console = SocketConsole::create(*loop_, path_).value();
  bool readable = false;
  console->set_callbacks([&] { readable = true; }, [] {});
  EXPECT_EQ(say(*console, "nobody listens"), 14u);
  for (int round = 0; round < 2; ++round) {
    FileDescriptor client(::socket(AF_UNIX, SOCK_STREAM, 0));
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::memcpy(address.sun_path, path_.data(), path_.size());
    ASSERT_EQ(::connect(client.get(), reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
    ASSERT_EQ(::write(client.get(), "in", 2), 2);
    readable = false;
    ASSERT_TRUE(run_until([&] { return readable; }));
    EXPECT_EQ(taken_by_guest(*console), "in");
    say(*console, "out");
    console->drain();
    EXPECT_EQ(hear(client.get()), "out");
    client.reset();
    loop_->poll();
  }
  console.reset();
  EXPECT_NE(::access(path_.c_str(), F_OK), 0);
}

TEST_F(ConsoleTest, SocketRefusesAPathInUse) {
  const auto first = SocketConsole::create(*loop_, path_);
  ASSERT_TRUE(first.has_value());
  const auto second = SocketConsole::create(*loop_, path_);
  ASSERT_FALSE(second.has_value());
  EXPECT_NE(second.error().message().find(path_), std::string::npos);
}

TEST_F(ConsoleTest, PtyIsFoundAndLeftAndFoundAgain) {
  auto console = PtyConsole::create(*loop_).value();
  bool readable = false;
  console->set_callbacks([&] { readable = true; }, [] {});
  for (int round = 0; round < 2; ++round) {
    FileDescriptor person(::open(console->path().c_str(), O_RDWR | O_NOCTTY));
    ASSERT_TRUE(person);
    ASSERT_EQ(::write(person.get(), "key", 3), 3);
    readable = false;
    ASSERT_TRUE(run_until([&] { return readable; }));
    EXPECT_EQ(taken_by_guest(*console), "key");
    say(*console, "answer");
    pollfd there{.fd = person.get(), .events = POLLIN, .revents = 0};
    EXPECT_TRUE(run_until([&] { return ::poll(&there, 1, 0) == 1; }));
    EXPECT_EQ(hear(person.get()), "answer");
    person.reset();
    std::this_thread::sleep_for(1ms);
    loop_->poll();
  }
}

TEST_F(ConsoleTest, InputThatTheGuestDoesNotTakeWaitsOutside) {
  auto console = SocketConsole::create(*loop_, path_).value();
  FileDescriptor client(::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, path_.data(), path_.size());
  ASSERT_EQ(::connect(client.get(), reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  const std::string block(20'000, 'y');
  ASSERT_EQ(::write(client.get(), block.data(), block.size()), static_cast<ssize_t>(block.size()));
  std::size_t total = 0;
  EXPECT_TRUE(run_until([&] {
    total += taken_by_guest(*console).size();
    return total == block.size();
  }));
}

}  // namespace
}  // namespace orrery::vmm
