#include "http/request.hpp"

#include <algorithm>
#include <array>
#include <charconv>

#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/rfc7230.hpp>
#include <boost/beast/http/string_body.hpp>

#include "base/format.hpp"

namespace orrery::http {
namespace {

namespace beast = boost::beast::http;

struct KnownMethod {
  Method method;
  beast::verb verb;
  std::string_view name;
};
constexpr std::array kMethods{
    KnownMethod{Method::kGet, beast::verb::get, "GET"},
    KnownMethod{Method::kHead, beast::verb::head, "HEAD"},
    KnownMethod{Method::kPost, beast::verb::post, "POST"},
    KnownMethod{Method::kPut, beast::verb::put, "PUT"},
    KnownMethod{Method::kPatch, beast::verb::patch, "PATCH"},
    KnownMethod{Method::kDelete, beast::verb::delete_, "DELETE"},
};

Method method_of(beast::verb verb) {
  const auto* const found =
      std::ranges::find_if(kMethods, [&](const KnownMethod& known) { return known.verb == verb; });
  return found == kMethods.end() ? Method::kOther : found->method;
}

// RFC 3986, 2.1. `nullopt`: a percent sign that begins no byte, or a byte that is no text.
std::optional<std::string> percent_decode(std::string_view text) {
  std::string decoded;
  for (std::size_t at = 0; at < text.size(); ++at) {
    char each = text[at];
    if (each == '%') {
      if (at + 2 >= text.size()) return std::nullopt;
      unsigned value = 0;
      const char* const end = text.data() + at + 3;
      const auto parsed = std::from_chars(text.data() + at + 1, end, value, 16);
      if (parsed.ec != std::errc() || parsed.ptr != end) return std::nullopt;
      each = static_cast<char>(value);
      at += 2;
    }
    if (static_cast<unsigned char>(each) < ' ') return std::nullopt;
    decoded += each;
  }
  return decoded;
}

// "a=1&b=2"
std::optional<Request::Pairs> decode_query(std::string_view text) {
  Request::Pairs pairs;
  while (!text.empty()) {
    const std::string_view pair = text.substr(0, text.find('&'));
    text.remove_prefix(std::min(text.size(), pair.size() + 1));
    const std::size_t equals = std::min(pair.size(), pair.find('='));
    auto name = percent_decode(pair.substr(0, equals));
    auto value = percent_decode(pair.substr(std::min(pair.size(), equals + 1)));
    if (!name || !value) return std::nullopt;
    pairs.emplace_back(std::move(*name), std::move(*value));
  }
  return pairs;
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

bool is_same(std::string_view a, std::string_view b) {
  const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; };
  return std::ranges::equal(a, b, {}, lower, lower);
}

bool asks_for_web_socket(const beast::request<beast::string_body>& message) {
  return is_same(text_of(message[beast::field::upgrade]), "websocket") &&
         beast::token_list{message[beast::field::connection]}.exists("upgrade");
}

}  // namespace

std::string_view name_of(Method method) {
  const auto* const found = std::ranges::find(kMethods, method, &KnownMethod::method);
  return found == kMethods.end() ? "?" : found->name;
}

std::string percent_encode(std::string_view text) {
  constexpr std::string_view kPlain =  // RFC 3986, 2.3
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~";
  std::string encoded;
  for (const char each : text) {
    if (kPlain.find(each) != std::string_view::npos) {
      encoded += each;
    } else {
      encoded += format("%{:02X}", static_cast<unsigned char>(each));
    }
  }
  return encoded;
}

std::string_view Request::header(std::string_view name) const {
  for (const auto& [each, value] : headers) {
    if (is_same(each, name)) return value;
  }
  return {};
}

std::optional<std::string_view> Request::parameter(std::string_view name) const {
  for (const auto& [each, value] : query) {
    if (each == name) return value;
  }
  return std::nullopt;
}

struct RequestParser::Parser {
  explicit Parser(std::uint64_t most_body) {
    parser.header_limit(kMostHeader);
    parser.body_limit(most_body);
    parser.eager(false);  // Boost 1.74 loses the error of body_limit() otherwise
  }
  beast::request_parser<beast::string_body> parser;
};

RequestParser::RequestParser(std::uint64_t most_body)
    : most_body_(most_body), parser_(std::make_unique<Parser>(most_body)) {}
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
    begun_ = true;
    buffer_.erase(buffer_.begin(), buffer_.begin() + static_cast<std::ptrdiff_t>(used));
    if (error == beast::error::need_more) return;
    if (error) refusal_ = status_for(error);
    if (used == 0) return;
  }
}

std::optional<Request> RequestParser::take() {
  auto& parser = parser_->parser;
  if (refusal_ || !parser.is_done()) return std::nullopt;
  auto& message = parser.get();
  Request request;
  request.method = method_of(message.method());
  request.keep_alive = message.keep_alive();
  request.upgrade = asks_for_web_socket(message);
  for (const auto& field : message) {
    request.headers.emplace_back(text_of(field.name_string()), text_of(field.value()));
  }
  const std::string target = text_of(message.target());
  const std::size_t mark = std::min(target.size(), target.find('?'));
  auto path = percent_decode(std::string_view(target).substr(0, mark));
  auto query = decode_query(std::string_view(target).substr(std::min(target.size(), mark + 1)));
  if (!path || !query) {
    refusal_ = 400;
    return std::nullopt;
  }
  request.path = std::move(*path);
  request.query = std::move(*query);
  request.body = std::move(message.body());
  parser_ = std::make_unique<Parser>(most_body_);
  begun_ = false;
  if (!request.upgrade) parse();
  return request;
}

}  // namespace orrery::http
