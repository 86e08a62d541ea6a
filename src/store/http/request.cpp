#include "store/http/request.hpp"

#include <charconv>

#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/parser.hpp>

namespace orrery::store::http {
namespace {

namespace beast = boost::beast::http;

// RFC 3986, 2.1. `nullopt`: a percent sign that begins no byte, or a byte that is no text.
std::optional<std::string> decode_path(std::string_view target) {
  target = target.substr(0, target.find('?'));
  std::string path;
  for (std::size_t at = 0; at < target.size(); ++at) {
    char each = target[at];
    if (each == '%') {
      if (at + 2 >= target.size()) return std::nullopt;
      unsigned value = 0;
      const char* const end = target.data() + at + 3;
      const auto parsed = std::from_chars(target.data() + at + 1, end, value, 16);
      if (parsed.ec != std::errc() || parsed.ptr != end) return std::nullopt;
      each = static_cast<char>(value);
      at += 2;
    }
    if (each < ' ') return std::nullopt;
    path += each;
  }
  return path;
}

unsigned status_for(const boost::beast::error_code& error) {
  constexpr unsigned kBadRequest = 400;
  constexpr unsigned kContentTooLarge = 413;
  constexpr unsigned kHeadersTooLarge = 431;
  if (error == beast::error::body_limit) return kContentTooLarge;
  if (error == beast::error::header_limit) return kHeadersTooLarge;
  return kBadRequest;
}

std::string text_of(boost::beast::string_view text) {
  return {text.data(), text.size()};
}

}  // namespace

struct RequestParser::Parser {
  Parser() {
    parser.header_limit(kMostHeader);
    parser.body_limit(0);
  }
  beast::request_parser<beast::empty_body> parser;
};

RequestParser::RequestParser() : parser_(std::make_unique<Parser>()) {}
RequestParser::~RequestParser() = default;

void RequestParser::put(ByteSpan bytes) {
  buffer_.insert(buffer_.end(), bytes.begin(), bytes.end());
  parse();
}

void RequestParser::parse() {
  auto& parser = parser_->parser;
  while (!refusal_ && !buffer_.empty() && !parser.is_done()) {
    boost::beast::error_code error;
    const std::size_t used =
        parser.put(boost::asio::const_buffer(buffer_.data(), buffer_.size()), error);
    buffer_.erase(buffer_.begin(), buffer_.begin() + static_cast<std::ptrdiff_t>(used));
    if (error == beast::error::need_more) return;
    if (error) refusal_ = status_for(error);
    if (used == 0) return;
  }
}

std::optional<Request> RequestParser::take() {
  auto& parser = parser_->parser;
  if (refusal_ || !parser.is_done()) return std::nullopt;
  const auto& message = parser.get();
  Request request;
  if (message.method() != beast::verb::get) {
    const bool head = message.method() == beast::verb::head;
    request.method = head ? Request::Method::kHead : Request::Method::kOther;
  }
  request.keep_alive = message.keep_alive();
  request.range = text_of(message[beast::field::range]);
  request.if_none_match = text_of(message[beast::field::if_none_match]);
  const auto path = decode_path({message.target().data(), message.target().size()});
  if (!path) {
    refusal_ = 400;
    return std::nullopt;
  }
  request.path = *path;
  parser_ = std::make_unique<Parser>();
  parse();
  return request;
}

}  // namespace orrery::store::http
