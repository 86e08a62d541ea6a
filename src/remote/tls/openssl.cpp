#include "remote/tls/openssl.hpp"

#include "base/assert.hpp"
#include "base/files/shared_library.hpp"

namespace orrery::remote::tls {
namespace {

Result<OpenSsl> load() {
  ORRERY_TRY(const crypto::Libcrypto& libcrypto, crypto::Libcrypto::get());
  ORRERY_TRY(const SharedLibrary libssl, SharedLibrary::load("libssl.so.3", "libssl3"));
  OpenSsl functions{libcrypto};
#define ORRERY_BIND(name) ORRERY_CHECK(libssl.bind(functions.name, #name));
  ORRERY_LIBSSL_FUNCTIONS(ORRERY_BIND)
#undef ORRERY_BIND
  return functions;
}

}  // namespace

const Result<OpenSsl>& OpenSsl::get() {
  static const Result<OpenSsl> kLibrary = load();
  return kLibrary;
}

const OpenSsl& OpenSsl::loaded() {
  ORRERY_ASSERT(get().has_value());
  return *get();
}

std::string openssl_error() {
  const OpenSsl& openssl = OpenSsl::loaded();
  const char* const reason = openssl.ERR_reason_error_string(openssl.ERR_get_error());
  openssl.ERR_clear_error();
  return reason == nullptr ? "no reason given" : reason;
}

}  // namespace orrery::remote::tls
