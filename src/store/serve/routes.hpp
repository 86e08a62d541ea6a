// The routes of the store's server: docs/formats/store-http.md.
#pragma once

#include "http/reply.hpp"
#include "http/request.hpp"
#include "store/serve/library.hpp"

namespace orrery::store::serve {

// Any thread, several at a time; reads the store.
http::Reply reply_to(const http::Request& request, Library& library);

}  // namespace orrery::store::serve
