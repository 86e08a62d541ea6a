// An answer of HTTP/1.1 (RFC 9112) as a client gets it: bytes in, the answer out. Boost.Beast reads
// it; here is what may come at all.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.hpp"
#include "base/error.hpp"
#include "http/range.hpp"

namespace orrery::http {

struct Answer {
  unsigned status = 0;
  std::vector<std::byte> body;
  std::optional<ByteRange> range;  // of the whole, where it is a part (206)
  std::string etag;
  std::string accepted;  // Sec-WebSocket-Accept, of one that changes to WebSocket (101)
  bool keep_alive = false;

  std::string_view text() const {
    return {reinterpret_cast<const char*>(body.data()), body.size()};
  }
};

// One answer to a request other than HEAD. One thread.
class AnswerParser {
 public:
  // MOST: bytes of its body; what is more is an error.
  explicit AnswerParser(std::uint64_t most);
  ~AnswerParser();

  // More of what the server sent. An error: it is no answer, or too long. True: it is whole; what
  // is behind it is left alone.
  Result<bool> put(ByteSpan bytes);
  // The server sends no more. An error: the answer is not whole.
  Result<> end();
  // Once, when it is whole.
  Answer take();
  // What came behind an answer with status 101, which is not HTTP.
  std::vector<std::byte> take_rest() { return std::move(buffer_); }

 private:
  struct Parser;
  std::vector<std::byte> buffer_;
  std::unique_ptr<Parser> parser_;
};

}  // namespace orrery::http
