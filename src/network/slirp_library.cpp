#include "network/slirp_library.hpp"

#include "base/files/shared_library.hpp"

namespace orrery::network {
namespace {

Result<SlirpLibrary> load() {
  ORRERY_TRY(const SharedLibrary library, SharedLibrary::load("libslirp.so.0", "libslirp0"));
  SlirpLibrary functions;
  ORRERY_CHECK(library.bind(functions.create, "slirp_new"));
  ORRERY_CHECK(library.bind(functions.cleanup, "slirp_cleanup"));
  ORRERY_CHECK(library.bind(functions.add_hostfwd, "slirp_add_hostfwd"));
  ORRERY_CHECK(library.bind(functions.input, "slirp_input"));
  ORRERY_CHECK(library.bind(functions.handle_timer, "slirp_handle_timer"));
  ORRERY_CHECK(library.bind(functions.pollfds_fill, "slirp_pollfds_fill"));
  ORRERY_CHECK(library.bind(functions.pollfds_poll, "slirp_pollfds_poll"));
  ORRERY_CHECK(library.bind(functions.version_string, "slirp_version_string"));
  return functions;
}

}  // namespace

const Result<SlirpLibrary>& SlirpLibrary::get() {
  static const Result<SlirpLibrary> kLibrary = load();
  return kLibrary;
}

}  // namespace orrery::network
