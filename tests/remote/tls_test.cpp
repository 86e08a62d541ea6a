// Both ends of TLS against each other in memory: who is accepted, and who is not and why.
#include <optional>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "remote/test_certificates.hpp"
#include "remote/tls/endpoint.hpp"

namespace orrery::remote::tls {
namespace {

using ::testing::HasSubstr;

std::vector<std::byte> bytes_of(std::string_view text) {
  const ByteSpan bytes = as_bytes(text.data(), text.size());
  return {bytes.begin(), bytes.end()};
}

struct Pair {
  Endpoint client;
  Endpoint server;
  std::vector<std::byte> at_client;  // plain, received
  std::vector<std::byte> at_server;

  Pair(const Credentials& of_client, const Credentials& of_server, const std::string& host)
      : client(*Endpoint::connecting(of_client, host)), server(*Endpoint::accepting(of_server)) {}

  // Carries bytes both ways, PORTION at a time, until nobody has any; the first error ends it.
  Result<> carry(std::size_t portion = 1 << 20) {
    for (unsigned quiet = 0; quiet < 2;) {
      ORRERY_TRY(const bool there, carry_one_way(client, server, at_server, portion));
      ORRERY_TRY(const bool back, carry_one_way(server, client, at_client, portion));
      quiet = there || back ? 0 : quiet + 1;
    }
    return {};
  }

  static Result<bool> carry_one_way(Endpoint& from, Endpoint& to, std::vector<std::byte>& plain,
                                    std::size_t portion) {
    std::vector<std::byte> bytes;
    from.take_output(bytes);
    for (std::size_t at = 0; at < bytes.size(); at += portion) {
      const std::size_t size = std::min(portion, bytes.size() - at);
      ORRERY_CHECK(to.receive(ByteSpan(bytes).subspan(at, size), plain));
    }
    return !bytes.empty();
  }
};

std::string refusal(const Credentials& client, const Credentials& server,
                    const std::string& host = "127.0.0.1") {
  Pair pair(client, server, host);
  const Result<> carried = pair.carry();
  EXPECT_FALSE(pair.server.established() && pair.client.established());
  return carried ? "" : carried.error().message();
}

const TestCertificates& certificates() {
  return TestCertificates::get();
}

TEST(Tls, BothSidesKnowWhoTheOtherIs) {
  Pair pair(certificates().client, certificates().server, "127.0.0.1");
  ASSERT_TRUE(pair.carry());
  ASSERT_TRUE(pair.client.established() && pair.server.established());
  EXPECT_EQ(pair.client.peer(), "server");
  EXPECT_EQ(pair.server.peer(), "client");
}

TEST(Tls, CarriesBytesBothWaysInAnyPortions) {
  for (const std::size_t portion : {std::size_t{1}, std::size_t{7}, std::size_t{100'000}}) {
    Pair pair(certificates().client, certificates().server, "localhost");
    ASSERT_TRUE(pair.carry(portion));
    const std::vector<std::byte> much(50'000, std::byte{'x'});
    ASSERT_TRUE(pair.client.send(much));
    ASSERT_TRUE(pair.server.send(bytes_of("hello")));
    ASSERT_TRUE(pair.carry(portion));
    EXPECT_EQ(pair.at_server, much);
    EXPECT_EQ(pair.at_client, bytes_of("hello"));
  }
}

TEST(Tls, AServerOfAnotherNameIsRefused) {
  EXPECT_THAT(refusal(certificates().client, certificates().server, "10.1.2.3"),
              HasSubstr("IP address mismatch"));
  EXPECT_THAT(refusal(certificates().client, certificates().server, "elsewhere"),
              HasSubstr("hostname mismatch"));
}

TEST(Tls, ACertificateOfAnotherAuthorityIsRefused) {
  const std::string other = *create_authority("tests", 2);
  const auto stranger =
      Credentials::parse(*create_certificate(other, {"client", {"127.0.0.1"}, 1}));
  ASSERT_TRUE(stranger);
  EXPECT_THAT(refusal(*stranger, certificates().server), HasSubstr("not accepted"));
  EXPECT_THAT(refusal(certificates().client, *stranger), HasSubstr("not accepted"));
}

TEST(Tls, AClientsCertificateIsNoServers) {
  EXPECT_THAT(refusal(certificates().client, certificates().client), HasSubstr("not accepted"));
}

TEST(Tls, ACertificateThatHasExpiredIsRefused) {
  // Valid from yesterday for no day: until now.
  const auto old =
      Credentials::parse(*create_certificate(certificates().authority, {"old", {}, 0}));
  ASSERT_TRUE(old);
  EXPECT_THAT(refusal(*old, certificates().server), HasSubstr("expired"));
}

TEST(Tls, WhatIsNoTlsEndsTheConnection) {
  Endpoint server = *Endpoint::accepting(certificates().server);
  std::vector<std::byte> plain;
  EXPECT_FALSE(server.receive(bytes_of("GET / HTTP/1.1\r\n\r\n"), plain));
  EXPECT_TRUE(plain.empty());
}

TEST(Tls, AChangedByteEndsTheConnection) {
  Pair pair(certificates().client, certificates().server, "127.0.0.1");
  ASSERT_TRUE(pair.carry());
  ASSERT_TRUE(pair.client.send(bytes_of("important")));
  std::vector<std::byte> record;
  pair.client.take_output(record);
  record.back() ^= std::byte{1};
  EXPECT_FALSE(pair.server.receive(record, pair.at_server));
  EXPECT_TRUE(pair.at_server.empty());
}

TEST(Tls, WrongFilesAreNamed) {
  EXPECT_THAT(Credentials::parse("nonsense").error().message(), HasSubstr("no private key"));
  EXPECT_THAT(Credentials::parse(certificates().authority).error().message(),
              HasSubstr("orrery certificate create"));
  const std::string& one = certificates().server_text;
  const std::string& two = certificates().client_text;
  constexpr std::string_view kEnd = "-----END PRIVATE KEY-----\n";
  const auto certificates_of = [&](const std::string& text) {
    return text.substr(text.find(kEnd) + kEnd.size());
  };
  const std::string mixed = one.substr(0, one.find(kEnd) + kEnd.size()) + certificates_of(two);
  EXPECT_THAT(Credentials::parse(mixed).error().message(), HasSubstr("not the certificate's"));
  EXPECT_FALSE(Credentials::load("/does/not/exist"));
}

TEST(Tls, NamesAndAddressesAreChecked) {
  const std::string& authority = certificates().authority;
  EXPECT_FALSE(create_certificate(authority, {"", {}, 1}));
  EXPECT_FALSE(create_certificate(authority, {std::string(65, 'x'), {}, 1}));
  EXPECT_FALSE(create_certificate(authority, {"x", {"a,b"}, 1}));
  EXPECT_FALSE(create_certificate(authority, {"x", {"email:a"}, 1}));
  EXPECT_FALSE(create_certificate("nonsense", {"x", {}, 1}));
  EXPECT_TRUE(create_certificate(authority, {"x", {"host-1.example.org", "::1"}, 1}));
}

}  // namespace
}  // namespace orrery::remote::tls
