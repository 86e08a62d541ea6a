// An authority, and what it gave to a server at 127.0.0.1 and to a client; made once a process.
#pragma once

#include <string>

#include "remote/tls/certificate.hpp"
#include "remote/tls/credentials.hpp"

namespace orrery::remote {

struct TestCertificates {
  std::string authority = *tls::create_authority("tests", 2);
  std::string server_text =
      *tls::create_certificate(authority, {"server", {"127.0.0.1", "localhost"}, 1});
  std::string client_text = *tls::create_certificate(authority, {"client", {}, 1});
  tls::Credentials server = *tls::Credentials::parse(server_text);
  tls::Credentials client = *tls::Credentials::parse(client_text);

  static const TestCertificates& get() {
    static const TestCertificates kCertificates;
    return kCertificates;
  }
};

}  // namespace orrery::remote
