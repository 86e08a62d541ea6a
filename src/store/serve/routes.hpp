// The routes of the store's server: docs/formats/store-http.md.
#pragma once

#include "http/reply.hpp"
#include "http/request.hpp"
#include "store/serve/library.hpp"
#include "store/serve/uploads.hpp"

namespace orrery::store::serve {

// Any thread, several at a time; works on the store. UPLOADS: or nullptr, and images are only
// given.
http::Reply reply_to(const http::Request& request, Library& library, Uploads* uploads);

}  // namespace orrery::store::serve
