// Client and server over a real socket: requests, errors, WebSocket.
#include "http/client.hpp"

#include <gtest/gtest.h>

#include "base/format.hpp"
#include "base/sockets/listening_socket.hpp"
#include "http/server.hpp"
#include "http/web_socket/handshake.hpp"

namespace orrery::http {
namespace {

using namespace std::chrono_literals;

// Tells what it was asked; at /echo it speaks WebSocket.
class Echo final : public Handler {
 public:
  Task<Reply> reply_to(const Request& request) override {
    if (request.path == "/echo") {
      co_return upgrade_reply(request, [this](WebSocket& socket) { return speak(socket); });
    }
    if (request.path == "/close") co_return error_reply(404, "nothing");
    co_return text_reply(200, "text/plain",
                         format("{} {} {} {}", name_of(request.method), request.path,
                                request.parameter("q").value_or("-"), request.body));
  }
  int ended = 0;

 private:
  Task<Result<>> speak(WebSocket& socket) {
    while (true) {
      std::optional<Message> message = co_await socket.receive();
      if (!message) break;
      const bool sent = co_await socket.send(std::move(*message));
      if (!sent) break;
    }
    ++ended;
    co_return Result<>{};
  }
};

class ClientTest : public ::testing::Test {
 protected:
  ClientTest() {
    Server::Options options{.name = "test", .limits = {}};
    options.limits.body = 1000;
    auto listener = listen_tcp("127.0.0.1:0", Server::kBacklog).value();
    const std::string address = tcp_address(listener.get()).value().text;
    server_ = Server::create(*loop_, std::move(listener), handler_, workers_, options).value();
    to_ = find_tcp_servers(address).value();
  }
  ~ClientTest() override {
    client_.reset();
    server_->stop([this] { loop_->stop(); });
    server_->drop_clients();
    loop_->run();
  }

  template <typename T>
  T finish(Task<T> task) {
    task.start([this] { loop_->stop(); });
    while (!task.done()) loop_->run();
    loop_->poll();
    return std::move(task.value());
  }
  Result<Answer> ask(Method method, const std::string& target, const std::string& body = "") {
    Ask ask;
    ask.method = method;
    ask.target = target;
    ask.body = body;
    return finish(client_->ask(std::move(ask)));
  }

  const std::unique_ptr<EventLoop> loop_ = EventLoop::create().value();
  WorkerPool workers_{1};
  Echo handler_;
  std::unique_ptr<Server> server_;
  std::vector<TcpServer> to_;
  std::unique_ptr<Client> client_;
};

TEST_F(ClientTest, AsksOneAfterTheOtherOnOneConnection) {
  client_ = std::make_unique<Client>(*loop_, to_, Client::Times{});
  EXPECT_EQ(ask(Method::kGet, "/a%20b?p=1&q=%3D")->text(), "GET /a b = ");
  EXPECT_EQ(ask(Method::kPost, "/vms", "{}")->text(), "POST /vms - {}");
  EXPECT_EQ(ask(Method::kDelete, "/vms/1")->text(), "DELETE /vms/1 - ");
  EXPECT_EQ(ask(Method::kPut, "/close")->status, 404u);
  EXPECT_EQ(server_->clients(), 1u);
  EXPECT_EQ(ask(Method::kPost, "/vms", std::string(1001, 'x'))->status, 413u);
  EXPECT_EQ(ask(Method::kGet, "/again")->status, 200u);
}

TEST_F(ClientTest, SpeaksWebSocketBothWays) {
  client_ = std::make_unique<Client>(*loop_, to_, Client::Times{});
  Ask ask;
  ask.target = "/echo";
  auto socket = finish(client_->open(std::move(ask)));
  ASSERT_TRUE(socket) << socket.error().message();
  for (const std::size_t size : {0U, 5U, 200U, 100'000U}) {
    EXPECT_TRUE(finish((**socket)->send({.text = size % 2 == 0, .data = std::string(size, 'a')})));
    const auto message = finish((**socket)->receive());
    ASSERT_TRUE(message);
    EXPECT_EQ(message->data, std::string(size, 'a'));
    EXPECT_EQ(message->text, size % 2 == 0);
  }
  EXPECT_TRUE(finish((**socket)->send_close()));
  EXPECT_FALSE(finish((**socket)->receive()));
  while (handler_.ended == 0) loop_->poll();
}

TEST_F(ClientTest, TellsWhatTheServerSaidInsteadOfSpeakingWebSocket) {
  client_ = std::make_unique<Client>(*loop_, to_, Client::Times{});
  Ask wrong;
  wrong.target = "/close";
  const auto socket = finish(client_->open(std::move(wrong)));
  ASSERT_FALSE(socket);
  EXPECT_EQ(socket.error().message(), "404: nothing\n");
  EXPECT_EQ(ask(Method::kGet, "/echo")->status, 426u);
}

TEST_F(ClientTest, TellsThatNobodyIsThere) {
  auto listener = listen_tcp("127.0.0.1:0", 1).value();
  const std::string address = tcp_address(listener.get()).value().text;
  listener.reset();
  client_ = std::make_unique<Client>(*loop_, find_tcp_servers(address).value(), Client::Times{});
  const auto answer = ask(Method::kGet, "/");
  ASSERT_FALSE(answer);
  EXPECT_NE(answer.error().message().find("refused"), std::string::npos)
      << answer.error().message();
}

TEST_F(ClientTest, TriesTheNextServer) {
  auto listener = listen_tcp("127.0.0.1:0", 1).value();
  const std::string nobody = tcp_address(listener.get()).value().text;
  listener.reset();
  client_ = std::make_unique<Client>(
      *loop_, find_tcp_servers(nobody + "," + to_.front().name).value(), Client::Times{});
  ASSERT_TRUE(ask(Method::kGet, "/"));
  EXPECT_EQ(client_->server().name, to_.front().name);
  client_->try_another();
  EXPECT_EQ(client_->server().name, nobody);
  ASSERT_TRUE(ask(Method::kGet, "/")) << "the connection is kept nevertheless";
}

TEST_F(ClientTest, ASilentServerIsNotAskedAgain) {
  auto silent = listen_tcp("127.0.0.1:0", 1).value();
  const std::string address = tcp_address(silent.get()).value().text;
  client_ =
      std::make_unique<Client>(*loop_, find_tcp_servers(address + "," + to_.front().name).value(),
                               Client::Times{.connect = 1s, .answer = 20ms});
  EXPECT_FALSE(ask(Method::kGet, "/"));
  EXPECT_TRUE(ask(Method::kGet, "/"));
}

TEST_F(ClientTest, DoesNotWaitForEver) {
  auto silent = listen_tcp("127.0.0.1:0", 1).value();
  const std::string address = tcp_address(silent.get()).value().text;
  client_ = std::make_unique<Client>(*loop_, find_tcp_servers(address).value(),
                                     Client::Times{.connect = 1s, .answer = 20ms});
  const auto answer = ask(Method::kGet, "/");
  ASSERT_FALSE(answer);
  EXPECT_NE(answer.error().message().find("does not answer"), std::string::npos)
      << answer.error().message();
}

}  // namespace
}  // namespace orrery::http
