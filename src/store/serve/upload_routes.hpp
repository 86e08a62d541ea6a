// The routes by which images are added: docs/formats/store-upload.md.
#pragma once

#include "http/reply.hpp"
#include "http/request.hpp"
#include "store/serve/uploads.hpp"

namespace orrery::store::serve {

// Of a request's path.
bool is_upload_path(std::string_view path);
// UPLOADS: or nullptr, and nobody may upload. Any thread, several at a time; works on the store.
http::Reply reply_to_upload(const http::Request& request, Uploads* uploads);

}  // namespace orrery::store::serve
