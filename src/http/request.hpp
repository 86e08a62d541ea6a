// A request of HTTP/1.1 (RFC 9112) as a server gets it: bytes in, requests out. Boost.Beast reads
// them; here is what may come at all.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/bytes.hpp"
#include "base/types.hpp"

namespace orrery::http {

// Of a request with all its headers: those that browsers and proxies send have 1 or 2 KiB.
inline constexpr std::uint32_t kMostHeader = 8_KiB;

enum class Method : std::uint8_t { kGet, kHead, kPost, kPut, kPatch, kDelete, kOther };
// "GET"
std::string_view name_of(Method method);

struct Request {
  using Pairs = std::vector<std::pair<std::string, std::string>>;

  Method method = Method::kGet;
  std::string path;  // "/images/debian", decoded, without what stands behind "?"
  Pairs query;       // behind it, decoded
  Pairs headers;     // as they came
  std::string body;
  bool keep_alive = true;
  bool upgrade = false;  // it asks to speak WebSocket on this connection from now on

  // The first of this name, in whatever case it came; empty: there is none.
  std::string_view header(std::string_view name) const;
  std::optional<std::string_view> parameter(std::string_view name) const;
};

// What stands for TEXT in a path or query (RFC 3986, 2.1): "a b" is "a%20b".
std::string percent_encode(std::string_view text);

// One connection's requests, one after the other. One thread.
class RequestParser {
 public:
  // MOST_BODY: bytes of a request's body; more is refused.
  explicit RequestParser(std::uint64_t most_body = 0);
  ~RequestParser();

  // More of what the client sent; it holds what has not become a request yet. Give no more while
  // there is a request or a refusal.
  void put(ByteSpan bytes);

  // A whole request, once; what was sent behind it is looked at then.
  std::optional<Request> take();
  // The status that says what was wrong with what came; nothing more can be read behind it.
  std::optional<unsigned> refusal() const { return refusal_; }
  // Whether a request has begun.
  bool begun() const { return begun_ || !buffer_.empty(); }
  // What came behind a request with `upgrade`, which is not HTTP.
  std::vector<std::byte> take_rest() { return std::move(buffer_); }

 private:
  struct Parser;
  void parse();

  const std::uint64_t most_body_;
  std::vector<std::byte> buffer_;
  std::unique_ptr<Parser> parser_;
  bool begun_ = false;
  std::optional<unsigned> refusal_;
};

}  // namespace orrery::http
