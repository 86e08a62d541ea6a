// Who may speak with whom: an authority of one's own, and the certificates that it gives to
// platforms (X.509, RFC 5280; keys on the curve P-256).
//
// A certificate is one text in PEM (RFC 7468): the private key, the certificate, and for platforms
// the authority's certificate. It is as secret as a password.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/error.hpp"

namespace orrery::remote::tls {

struct CertificateOptions {
  std::string name;  // for people: in logs
  // Host names and IP addresses at which it may serve. Without any it is good for clients only.
  std::vector<std::string> addresses;
  unsigned days = 0;  // of validity, from yesterday on, as clocks differ
};

Result<std::string> create_authority(const std::string& name, unsigned days);

// AUTHORITY: what create_authority() gave.
Result<std::string> create_certificate(std::string_view authority,
                                       const CertificateOptions& options);

}  // namespace orrery::remote::tls
