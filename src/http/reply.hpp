// An answer of a server: a head, and a body that is read while it is sent.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "base/bytes.hpp"
#include "base/error.hpp"
#include "base/loop/task.hpp"
#include "http/range.hpp"

namespace orrery::http {

class WebSocket;

// What a reply is about, before the client said which part it wants.
struct Content {
  std::string type = "application/octet-stream";
  std::string etag;        // in quotes; empty: none
  bool immutable = false;  // the same path has the same bytes for ever
  std::uint64_t size = 0;
  // Bytes of it, within its size; on any thread. Holds what it reads from.
  std::function<Result<>(std::uint64_t offset, MutableByteSpan to)> read;
};

// TEXT as a whole.
Content text_content(std::string type, std::string text);

struct Reply {
  unsigned status = 200;
  Content content;
  std::uint64_t first = 0;  // of the content: what is sent of it
  std::uint64_t length = 0;
  std::optional<http::ByteRange> range;  // 206
  std::string more;                      // further header lines, each with its line end
  // Status 101 (web_socket/handshake.hpp): the connection's next use, until the task is done, which
  // it is soon after the client has gone or stop() of its session was called.
  std::function<Task<Result<>>(WebSocket& socket)> speak;
};

// A whole content, or as much of it as RANGE (a request's header) and IF_NONE_MATCH want.
Reply reply_with(Content content, std::string_view range, std::string_view if_none_match);
// TEXT, all of it.
Reply text_reply(unsigned status, std::string type, std::string text);
// A status, and a line for people.
Reply error_reply(unsigned status, const std::string& line);

enum class Connection : std::uint8_t { kStays, kCloses };
// The status line and headers.
std::string head_of(const Reply& reply, Connection connection);

}  // namespace orrery::http
