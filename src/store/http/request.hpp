// A request of HTTP/1.1 (RFC 9112) as a server gets it: bytes in, requests out. Boost.Beast reads
// them; here is what may come at all.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "base/bytes.hpp"
#include "base/types.hpp"

namespace orrery::store::http {

// Of a request with all its headers: those that browsers and proxies send have 1 or 2 KiB.
inline constexpr std::uint32_t kMostHeader = 8_KiB;

struct Request {
  enum class Method : std::uint8_t { kGet, kHead, kOther };

  Method method = Method::kGet;
  std::string path;   // "/images/debian", decoded, without what stands behind "?"
  std::string range;  // these two: headers, as they came
  std::string if_none_match;
  bool keep_alive = true;
};

// One connection's requests, one after the other. One thread.
class RequestParser {
 public:
  RequestParser();
  ~RequestParser();

  // More of what the client sent; it holds what has not become a request yet. Give no more while
  // there is a request or a refusal.
  void put(ByteSpan bytes);

  // A whole request, once; what was sent behind it is looked at then.
  std::optional<Request> take();
  // The status that says what was wrong with what came; nothing more can be read behind it.
  std::optional<unsigned> refusal() const { return refusal_; }
  // Whether a request has begun.
  bool begun() const { return !buffer_.empty(); }

 private:
  struct Parser;
  void parse();

  std::vector<std::byte> buffer_;
  std::unique_ptr<Parser> parser_;
  std::optional<unsigned> refusal_;
};

}  // namespace orrery::store::http
