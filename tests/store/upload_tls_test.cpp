// A store's server by HTTPS, and who may speak with it (remote/tls/stream.hpp,
// store/remote/connection.hpp).
#include <functional>
#include <future>

#include <gtest/gtest.h>

#include "base/format.hpp"
#include "base/sockets/listening_socket.hpp"
#include "remote/test_certificates.hpp"
#include "remote/tls/stream.hpp"
#include "store/disks.hpp"
#include "store/remote/upload.hpp"
#include "store/serve/server.hpp"
#include "support/temporary_folder.hpp"

namespace orrery::store {
namespace {

using orrery::remote::TestCertificates;
namespace tls = orrery::remote::tls;

constexpr std::string_view kToken = "0123456789abcdef0123";

class UploadTlsTest : public ::testing::Test {
 protected:
  void SetUp() override {
    here_ = Store::create(host_files(folder_.path("here"))).value();
    const std::string there = folder_.path("there");
    there_ = Store::create(host_files(there)).value();
    std::mt19937_64 random(3);
    disk_ = testing::make_disk(random, 1000, 2000);
    ASSERT_TRUE(testing::add_disk(*here_, "new", disk_, random));
    serve::Server::Options options;
    serve::Uploads::Outside outside;
    outside.open = [there] { return Store::open(host_files(there)); };
    auto tokens = serve::Tokens::parse(format("ann {}\n", kToken));
    ASSERT_TRUE(tokens) << tokens.error().message();
    options.uploads = std::make_unique<serve::Uploads>(std::move(*tokens), std::move(outside));
    options.wrap = [](Stream& socket) {
      return std::make_unique<tls::TlsStream>(
          socket, tls::Endpoint::accepting(TestCertificates::get().server));
    };
    auto listener = listen_tcp("127.0.0.1:0", serve::Server::kBacklog).value();
    const std::string address = tcp_address(listener.get()).value().text;
    port_ = address.substr(address.rfind(':') + 1);
    server_ = serve::Server::create(*loop_, Store::open(host_files(there)).value(),
                                    std::move(listener), std::move(options))
                  .value();
  }
  void TearDown() override {
    bool empty = false;
    server_->stop([&] { empty = true; });
    server_->drop_clients();
    while (!empty) loop_->poll();
  }

  remote::StoreServer server_for(std::optional<tls::Credentials> credentials) const {
    remote::StoreServer server(find_tcp_server("127.0.0.1", port_).value());
    server.credentials = std::move(credentials);
    server.host = "127.0.0.1";
    return server;
  }
  // The client has a thread, for it blocks.
  Result<remote::UploadReport> upload(const remote::StoreServer& server) {
    auto done = std::async(std::launch::async, [&]() -> Result<remote::UploadReport> {
      remote::UploadOptions options;
      options.name = "new";
      options.token = kToken;
      // Who is not trusted does not ask again.
      options.patience = std::chrono::milliseconds(server.credentials ? 3'600'000 : 20);
      options.pause = std::chrono::milliseconds(1);
      const auto image = Image::open(*here_, "new", {}).value();
      const auto interrupt = remote::Interrupt::create().value();
      return remote::upload_image(*image, server, *interrupt, options, {});
    });
    while (done.wait_for(std::chrono::seconds(0)) != std::future_status::ready) loop_->poll();
    return done.get();
  }

  testing::TemporaryFolder folder_;
  const std::unique_ptr<EventLoop> loop_ = EventLoop::create().value();
  std::unique_ptr<Store> here_;
  std::unique_ptr<Store> there_;
  testing::DiskBytes disk_;
  std::string port_;
  std::unique_ptr<serve::Server> server_;
};

TEST_F(UploadTlsTest, AClientOfTheSameAuthorityUploads) {
  const auto done = upload(server_for(TestCertificates::get().client));
  ASSERT_TRUE(done) << done.error().message();
  EXPECT_EQ(testing::read_disk(*there_, "new").value(), disk_);
}

TEST_F(UploadTlsTest, OthersDoNot) {
  const std::string authority = *tls::create_authority("others", 2);
  const auto other =
      tls::Credentials::parse(*tls::create_certificate(authority, {"client", {}, 1})).value();
  for (const auto& credentials : {std::optional<tls::Credentials>(), std::optional(other)}) {
    const auto done = upload(server_for(credentials));
    EXPECT_FALSE(done);
  }
  EXPECT_TRUE(there_->images()->empty());
}

TEST_F(UploadTlsTest, TheServerHasToBeWhoItIsCalled) {
  remote::StoreServer server = server_for(TestCertificates::get().client);
  server.host = "elsewhere.example";
  const auto done = upload(server);
  ASSERT_FALSE(done);
  EXPECT_NE(done.error().message().find("certificate is not accepted"), std::string::npos)
      << done.error().message();
}

}  // namespace
}  // namespace orrery::store
