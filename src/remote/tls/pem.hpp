// Keys and certificates as text. Private to remote/tls/.
#pragma once

#include <string>
#include <string_view>

#include "base/error.hpp"
#include "remote/tls/openssl.hpp"

namespace orrery::remote::tls {

// Reads the parts of a text in the order in which they stand there.
class PemReader {
 public:
  explicit PemReader(std::string_view text);
  Result<Key> key();
  Result<Certificate> certificate();

 private:
  Bio bio_;
};

class PemWriter {
 public:
  PemWriter();
  Result<> add(EVP_PKEY* key);
  Result<> add(X509* certificate);
  std::string take();

 private:
  Bio bio_;
};

}  // namespace orrery::remote::tls
