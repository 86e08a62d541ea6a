// The control panel's page: files that web/ is built into, which are part of the program. Nothing
// of them is secret: what they show, they ask the API for, with a token that a person gives them.
#pragma once

#include <span>
#include <string_view>

#include "base/bytes.hpp"
#include "http/reply.hpp"
#include "http/request.hpp"

namespace orrery::cluster::page {

struct File {
  std::string_view path;  // "/assets/page-5FZ2.js"; the page itself is "/"
  std::string_view type;  // "text/html; charset=utf-8"
  std::string_view etag;  // of these bytes; in quotes
  bool immutable;         // its name has its content's digest
  ByteSpan bytes;
};

// Those of this build; none if it was configured with ORRERY_WEB=OFF.
std::span<const File> files();

// Answers for every path that is not the API's. FILES outlive the reply.
http::Reply reply_to(std::span<const File> files, const http::Request& request);

}  // namespace orrery::cluster::page
