// One end of a TLS 1.3 connection (RFC 8446) that touches no socket: bytes from the network go in
// and plain ones come out, and the other way round. Both ends show certificates.
//
// One thread at a time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/bytes.hpp"
#include "base/error.hpp"
#include "remote/tls/credentials.hpp"

// OpenSSL's, of <openssl/ssl.h> and <openssl/bio.h>.
struct ssl_st;
struct bio_st;

namespace orrery::remote::tls {

class Endpoint {
 public:
  // The end that connects; HOST is the name or IP address that the server's certificate must have.
  static Result<Endpoint> connecting(const Credentials& credentials, const std::string& host);
  // The end that was connected to.
  static Result<Endpoint> accepting(const Credentials& credentials);

  // Takes what came from the network, and appends what it says to PLAIN. An error, such as a
  // certificate that is not accepted, is the connection's end; take_output() may still have what
  // the peer should be told.
  Result<> receive(ByteSpan from_network, std::vector<std::byte>& plain);

  // The handshake is over: the peer is who it has to be.
  bool established() const { return established_; }
  // The name in the peer's certificate, for logs; once established.
  std::string peer() const;

  // Encrypts; once established.
  Result<> send(ByteSpan plain);

  // Appends what is to go over the network.
  void take_output(std::vector<std::byte>& to_network);

 private:
  struct Free {
    void operator()(ssl_st* ssl) const;
  };
  static Result<Endpoint> create(const Credentials& credentials);
  Result<> shake_hands();
  Result<> read_all(std::vector<std::byte>& plain);
  Error handshake_error() const;

  std::unique_ptr<ssl_st, Free> ssl_;
  bio_st* from_network_ = nullptr;  // ssl_'s
  bio_st* to_network_ = nullptr;
  bool established_ = false;
};

}  // namespace orrery::remote::tls
