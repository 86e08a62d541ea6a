#include "http/reply.hpp"

#include <cstring>
#include <memory>
#include <string_view>

#include "base/format.hpp"

namespace orrery::http {
namespace {

// RFC 9110, 15.
std::string_view reason_of(unsigned status) {
  switch (status) {
    case 101: return "Switching Protocols";
    case 200: return "OK";
    case 201: return "Created";
    case 206: return "Partial Content";
    case 304: return "Not Modified";
    case 400: return "Bad Request";
    case 401: return "Unauthorized";
    case 403: return "Forbidden";
    case 404: return "Not Found";
    case 405: return "Method Not Allowed";
    case 408: return "Request Timeout";
    case 409: return "Conflict";
    case 412: return "Precondition Failed";
    case 413: return "Content Too Large";
    case 416: return "Range Not Satisfiable";
    case 422: return "Unprocessable Content";
    case 426: return "Upgrade Required";
    case 431: return "Request Header Fields Too Large";
    case 503: return "Service Unavailable";
    default: return "Internal Server Error";
  }
}

}  // namespace

Content text_content(std::string type, std::string text) {
  Content content;
  content.type = std::move(type);
  content.size = text.size();
  content.read = [text = std::move(text)](std::uint64_t offset, MutableByteSpan to) -> Result<> {
    std::memcpy(to.data(), text.data() + offset, to.size());
    return {};
  };
  return content;
}

Reply text_reply(unsigned status, std::string type, std::string text) {
  Reply reply;
  reply.status = status;
  reply.content = text_content(std::move(type), std::move(text));
  reply.length = reply.content.size;
  return reply;
}

Reply error_reply(unsigned status, const std::string& line) {
  return text_reply(status, "text/plain; charset=utf-8", line + "\n");
}

Reply reply_with(Content content, std::string_view range, std::string_view if_none_match) {
  Reply reply;
  if (!content.etag.empty() && content.etag == if_none_match) {
    reply.status = 304;
    reply.content.etag = content.etag;
    return reply;
  }
  const AskedRange asked = parse_range(range, content.size);
  if (asked.kind == AskedRange::Kind::kUnsatisfiable) {
    reply = error_reply(416, format("it has {} bytes", content.size));
    reply.more = format("Content-Range: bytes */{}\r\n", content.size);
    return reply;
  }
  reply.length = content.size;
  reply.content = std::move(content);
  reply.more = "Accept-Ranges: bytes\r\n";
  if (asked.kind == AskedRange::Kind::kPart) {
    reply.status = 206;
    reply.range = asked.range;
    reply.first = asked.range.first;
    reply.length = asked.range.length;
  }
  return reply;
}

std::string head_of(const Reply& reply, Connection connection) {
  std::string head = format("HTTP/1.1 {} {}\r\n", reply.status, reason_of(reply.status));
  if (reply.status != 304 && reply.status != 101) {
    head += format("Content-Type: {}\r\nContent-Length: {}\r\n", reply.content.type, reply.length);
  }
  if (reply.range) {
    head += format("Content-Range: {}\r\n", content_range_header(*reply.range, reply.content.size));
  }
  if (!reply.content.etag.empty()) head += format("ETag: {}\r\n", reply.content.etag);
  if (reply.content.immutable) head += "Cache-Control: public, max-age=31536000, immutable\r\n";
  if (connection == Connection::kCloses) head += "Connection: close\r\n";
  return head + reply.more + "\r\n";
}

}  // namespace orrery::http
