#include "cluster/page/page.hpp"

#include <algorithm>
#include <cstring>

#include "base/format.hpp"

namespace orrery::cluster::page {
namespace {

// Nothing is loaded from anywhere else, nothing runs that is no file of the page, nobody frames it,
// and no form leads away (CSP Level 3; `data:` are icons in style sheets).
constexpr std::string_view kProtection =
    "Content-Security-Policy: default-src 'none'; script-src 'self'; style-src 'self'; "
    "img-src 'self' data:; font-src 'self'; connect-src 'self'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'\r\n"
    "X-Content-Type-Options: nosniff\r\n"
    "Referrer-Policy: no-referrer\r\n"
    "Cross-Origin-Opener-Policy: same-origin\r\n";

http::Content content_of(const File& file) {
  http::Content content;
  content.type = file.type;
  content.etag = file.etag;
  content.immutable = file.immutable;
  content.size = file.bytes.size();
  content.read = [bytes = file.bytes](std::uint64_t offset, MutableByteSpan to) -> Result<> {
    std::memcpy(to.data(), bytes.data() + offset, to.size());
    return {};
  };
  return content;
}

}  // namespace

http::Reply reply_to(std::span<const File> files, const http::Request& request) {
  if (request.method != http::Method::kGet && request.method != http::Method::kHead) {
    http::Reply reply = http::error_reply(405, "the page is only read; the API is at /v1");
    reply.more = "Allow: GET, HEAD\r\n";
    return reply;
  }
  if (files.empty()) {
    return http::error_reply(404, "this build has no page (ORRERY_WEB=OFF); the API is at /v1");
  }
  const auto file = std::ranges::find(files, request.path, &File::path);
  if (file == files.end()) {
    return http::error_reply(404, "there is no such file; the page is at /, the API at /v1");
  }
  http::Reply reply =
      http::reply_with(content_of(*file), request.header("Range"), request.header("If-None-Match"));
  reply.more += kProtection;
  if (!file->immutable) reply.more += "Cache-Control: no-cache\r\n";
  return reply;
}

}  // namespace orrery::cluster::page
