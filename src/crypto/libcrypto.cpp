#include "crypto/libcrypto.hpp"

#include "base/assert.hpp"
#include "base/files/shared_library.hpp"

namespace orrery::crypto {
namespace {

Result<Libcrypto> load() {
  ORRERY_TRY(const SharedLibrary library, SharedLibrary::load("libcrypto.so.3", "libssl3"));
  Libcrypto functions;
#define ORRERY_BIND(name) ORRERY_CHECK(library.bind(functions.name, #name));
  ORRERY_LIBCRYPTO_FUNCTIONS(ORRERY_BIND)
#undef ORRERY_BIND
  return functions;
}

}  // namespace

const Result<Libcrypto>& Libcrypto::get() {
  static const Result<Libcrypto> kLibrary = load();
  return kLibrary;
}

const Libcrypto& Libcrypto::loaded() {
  ORRERY_ASSERT(get().has_value());
  return *get();
}

}  // namespace orrery::crypto
