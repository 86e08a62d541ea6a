// The functions of libslirp, which only a user network loads.
#pragma once

#include <slirp/libslirp.h>

#include "base/error.hpp"

namespace orrery::network {

struct SlirpLibrary {
  decltype(&::slirp_new) create = nullptr;
  decltype(&::slirp_cleanup) cleanup = nullptr;
  decltype(&::slirp_add_hostfwd) add_hostfwd = nullptr;
  decltype(&::slirp_input) input = nullptr;
  decltype(&::slirp_handle_timer) handle_timer = nullptr;
  decltype(&::slirp_pollfds_fill) pollfds_fill = nullptr;
  decltype(&::slirp_pollfds_poll) pollfds_poll = nullptr;
  decltype(&::slirp_version_string) version_string = nullptr;

  // Loaded by the first call, from any thread.
  static const Result<SlirpLibrary>& get();
};

}  // namespace orrery::network
