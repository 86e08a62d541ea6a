// What a platform shows to others, and whom it trusts: its certificate, made ready for connections.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "base/error.hpp"

// OpenSSL's, of <openssl/ssl.h>.
struct ssl_ctx_st;

namespace orrery::remote::tls {

class Credentials {
 public:
  // TEXT: what create_certificate() gave.
  static Result<Credentials> parse(std::string_view text);
  // The same from a file; errors name it.
  static Result<Credentials> load(const std::string& path);

  ssl_ctx_st* context() const { return context_.get(); }

 private:
  explicit Credentials(std::shared_ptr<ssl_ctx_st> context) : context_(std::move(context)) {}

  std::shared_ptr<ssl_ctx_st> context_;  // shared with the connections that were made with it
};

}  // namespace orrery::remote::tls
