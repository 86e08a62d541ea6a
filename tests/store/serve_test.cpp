// The store's server: what it answers, and how its clients leave each other alone.
#include <cstdlib>
#include <filesystem>

#include <arpa/inet.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/format.hpp"
#include "base/sockets/listening_socket.hpp"
#include "http/answer.hpp"
#include "store/collect.hpp"
#include "store/disks.hpp"
#include "store/serve/server.hpp"

namespace orrery::store::serve {
namespace {

using namespace std::chrono_literals;

class ServeTest : public ::testing::Test {
 protected:
  void SetUp() override {
    char name[] = "/tmp/orrery-serve-XXXXXX";
    ASSERT_NE(::mkdtemp(name), nullptr);
    folder_ = name;
    store_ = Store::create(host_files(folder_)).value();
    disk_ = testing::make_disk(random_, 2000, 500);
    ASSERT_TRUE(testing::add_disk(*store_, "disk", disk_, random_));
    start({});
  }
  void TearDown() override {
    stop();
    std::filesystem::remove_all(folder_);
  }
  void start(const http::Limits& limits) {
    stop();
    auto listener = listen_tcp("127.0.0.1:0", Server::kBacklog).value();
    address_ = tcp_address(listener.get()).value().text;
    server_ = Server::create(*loop_, Store::open(host_files(folder_)).value(), std::move(listener),
                             {.limits = limits, .uploads = nullptr, .wrap = {}})
                  .value();
  }
  void stop() {
    if (!server_) return;
    bool empty = false;
    server_->stop([&] { empty = true; });
    server_->drop_clients();
    run_until([&] { return empty; });
    server_.reset();
  }
  void run_until(const std::function<bool()>& done) {
    const auto limit = std::chrono::steady_clock::now() + 20s;
    while (!done()) {
      loop_->poll();
      ASSERT_LT(std::chrono::steady_clock::now(), limit);
    }
  }
  FileDescriptor connect() {
    FileDescriptor socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port =
        htons(static_cast<std::uint16_t>(std::stoi(address_.substr(address_.find(':') + 1))));
    EXPECT_EQ(::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address),
              0);
    return socket;
  }
  static void give(const FileDescriptor& socket, const std::string& text) {
    ASSERT_EQ(::send(socket.get(), text.data(), text.size(), MSG_NOSIGNAL),
              static_cast<ssize_t>(text.size()));
  }
  Result<http::Answer> take(const FileDescriptor& socket) {
    http::AnswerParser parser(1_GiB);
    Result<bool> whole = false;
    std::vector<std::byte> bytes(64_KiB);
    bool closed = false;
    run_until([&] {
      const ssize_t count = ::recv(socket.get(), bytes.data(), bytes.size(), MSG_DONTWAIT);
      closed = count == 0 || (count < 0 && errno != EAGAIN);
      if (count > 0) whole = parser.put(ByteSpan(bytes).first(static_cast<std::size_t>(count)));
      return closed || !whole || *whole;
    });
    if (!whole) return fail(whole.error());
    if (closed) ORRERY_CHECK(parser.end());
    return parser.take();
  }
  Result<http::Answer> get(const FileDescriptor& socket, const std::string& path,
                           const std::string& headers = "") {
    give(socket, format("GET {} HTTP/1.1\r\nHost: h\r\n{}\r\n", path, headers));
    return take(socket);
  }
  bool is_closed(const FileDescriptor& socket) {
    std::byte byte{};
    return ::recv(socket.get(), &byte, 1, MSG_DONTWAIT) == 0;
  }
  std::string any_pack() const {
    return std::filesystem::directory_iterator(folder_ + "/packs")->path().filename();
  }

  std::mt19937_64 random_{7};
  const std::unique_ptr<EventLoop> loop_ = EventLoop::create().value();
  std::string folder_;
  std::string address_;
  std::unique_ptr<Store> store_;
  testing::DiskBytes disk_;
  std::unique_ptr<Server> server_;
};

TEST_F(ServeTest, OneConnectionGetsListManifestPackTableAndContent) {
  const FileDescriptor client = connect();
  const auto list = get(client, "/images").value();
  EXPECT_EQ(list.status, 200u);
  const std::string text(reinterpret_cast<const char*>(list.body.data()), list.body.size());
  EXPECT_NE(text.find("\"name\": \"disk\""), std::string::npos) << text;
  const auto manifest = get(client, "/images/disk").value();
  EXPECT_EQ(parse_manifest(manifest.body).value().size, disk_.size());
  EXPECT_EQ(get(client, "/images/disk", format("If-None-Match: {}\r\n", manifest.etag))->status,
            304u);
  const auto content = get(client, "/images/disk/content").value();
  EXPECT_EQ(content.body, disk_);
  const auto part = get(client, "/images/disk/content", "Range: bytes=5000-9999\r\n").value();
  EXPECT_EQ(part.status, 206u);
  EXPECT_EQ(part.range, (http::ByteRange{5000, 5000}));
  EXPECT_TRUE(std::equal(part.body.begin(), part.body.end(), disk_.begin() + 5000));
  const auto pack = get(client, "/packs/" + any_pack()).value();
  EXPECT_EQ(pack.body.size(), std::filesystem::file_size(folder_ + "/packs/" + any_pack()));
  const auto table = get(client, "/packs/" + any_pack() + "/table").value();
  EXPECT_TRUE(std::equal(table.body.rbegin(), table.body.rend(), pack.body.rbegin()));
  EXPECT_EQ(server_->clients(), 1u);
}

TEST_F(ServeTest, TellsWhatIsWrong) {
  const FileDescriptor client = connect();
  for (const char* const path :
       {"/", "/images/", "/images/none", "/images/../orrery-store", "/images/%2e%2e/lock",
        "/packs/12", "/images/disk/", "/packs//table", "/images/none/content"}) {
    EXPECT_EQ(get(client, path)->status, 404u) << path;
  }
  const std::string behind = format("Range: bytes={}-\r\n", disk_.size());
  EXPECT_EQ(get(client, "/images/disk/content", behind)->status, 416u);
  give(client, "DELETE /images/disk HTTP/1.1\r\nHost: h\r\n\r\n");
  EXPECT_EQ(take(client)->status, 405u);
  give(client, "this is nothing\r\n\r\n");
  EXPECT_EQ(take(client)->status, 400u);
  run_until([&] { return is_closed(client); });
}

TEST_F(ServeTest, NoClientWaitsForAnother) {
  const FileDescriptor silent = connect();
  const FileDescriptor halfway = connect();
  give(halfway, "GET /ima");
  std::vector<FileDescriptor> greedy;  // more than there are workers
  for (int i = 0; i < 20; ++i) {
    greedy.push_back(connect());
    for (int j = 0; j < 50; ++j) give(greedy.back(), "GET /images/disk/content HTTP/1.1\r\n\r\n");
  }
  const FileDescriptor good = connect();
  for (int i = 0; i < 20; ++i) EXPECT_EQ(get(good, "/images")->status, 200u);
  EXPECT_EQ(server_->clients(), 23u);
}

TEST_F(ServeTest, ClientsThatDoNothingAreLetGo) {
  http::Limits limits;
  limits.idle = limits.request = limits.piece = 100ms;
  start(limits);
  const FileDescriptor silent = connect();
  const FileDescriptor halfway = connect();
  give(halfway, "GET /images HTTP/1.1\r\n");
  const FileDescriptor greedy = connect();
  for (int i = 0; i < 50; ++i) give(greedy, "GET /images/disk/content HTTP/1.1\r\n\r\n");
  run_until([&] { return server_->clients() == 3; });
  run_until([&] { return server_->clients() == 0; });
}

TEST_F(ServeTest, ARequestUnderWayIsAnsweredBeforeTheEnd) {
  const FileDescriptor client = connect();
  const FileDescriptor idle = connect();
  give(client, "GET /images/disk/content HTTP/1.1\r\nHost: h\r\n\r\n");
  run_until([&] { return server_->clients() == 2; });
  std::byte first{};
  run_until([&] { return ::recv(client.get(), &first, 1, MSG_DONTWAIT | MSG_PEEK) == 1; });
  bool empty = false;
  server_->stop([&] { empty = true; });
  const auto answer = take(client);
  ASSERT_TRUE(answer) << answer.error().message();
  EXPECT_EQ(answer->body, disk_);
  run_until([&] { return empty; });
  server_.reset();
}

TEST_F(ServeTest, WhoHasBegunCanFinishThoughTheImageIsCollected) {
  const FileDescriptor client = connect();
  const auto manifest = parse_manifest(get(client, "/images/disk")->body).value();
  ASSERT_TRUE(store_->remove("disk"));
  ASSERT_EQ(collect(*store_, {}, {})->packs_removed, manifest.packs.size());
  EXPECT_EQ(get(client, "/images/disk")->status, 404u);
  EXPECT_EQ(get(client, "/" + pack_name(manifest.packs[0]))->status, 200u);
}

TEST_F(ServeTest, DamageBreaksAnAnswerOffInsteadOfGivingIt) {
  const std::string pack = folder_ + "/packs/" + any_pack();
  const FileDescriptor file(::open(pack.c_str(), O_RDWR | O_CLOEXEC));
  ASSERT_EQ(::pwrite(file.get(), "damage", 6, 100'000), 6);
  const auto answer = get(connect(), "/images/disk/content");
  EXPECT_FALSE(answer && answer->body.size() == disk_.size());
}

}  // namespace
}  // namespace orrery::store::serve
