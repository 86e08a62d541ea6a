#include "http/answer.hpp"

#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/vector_body.hpp>

#include "base/format.hpp"
#include "base/types.hpp"

namespace orrery::http {
namespace {

namespace beast = boost::beast::http;

Error nonsense(const boost::beast::error_code& error) {
  return Error(format("its answer makes no sense ({})", error.message()));
}

std::string text_of(boost::beast::string_view text) {
  return {text.data(), text.size()};
}

}  // namespace

struct AnswerParser::Parser {
  explicit Parser(std::uint64_t most) {
    constexpr std::uint32_t kMostHeader = 16_KiB;
    parser.header_limit(kMostHeader);
    parser.body_limit(most);
    parser.eager(false);  // Boost 1.74 loses the error of body_limit() otherwise
  }
  beast::response_parser<beast::vector_body<std::byte>> parser;
};

AnswerParser::AnswerParser(std::uint64_t most) : parser_(std::make_unique<Parser>(most)) {}
AnswerParser::~AnswerParser() = default;

Result<bool> AnswerParser::put(ByteSpan bytes) {
  auto& parser = parser_->parser;
  buffer_.insert(buffer_.end(), bytes.begin(), bytes.end());
  std::size_t done = 0;
  boost::beast::error_code error;
  while (!error && done < buffer_.size() && !parser.is_done()) {
    const auto left = ByteSpan(buffer_).subspan(done);
    const std::size_t used = parser.put(boost::asio::const_buffer(left.data(), left.size()), error);
    done += used;
    if (used == 0) break;
  }
  buffer_.erase(buffer_.begin(), buffer_.begin() + static_cast<std::ptrdiff_t>(done));
  if (error && error != beast::error::need_more) return fail(nonsense(error));
  return parser.is_done();
}

Result<> AnswerParser::end() {
  auto& parser = parser_->parser;
  boost::beast::error_code error;
  if (!parser.got_some()) return fail("it closed the connection without an answer");
  if (!parser.is_done()) parser.put_eof(error);
  if (error || !parser.is_done()) return fail("its answer was cut off");
  return {};
}

Answer AnswerParser::take() {
  auto& message = parser_->parser.get();
  Answer answer;
  answer.status = message.result_int();
  answer.keep_alive = message.keep_alive() && buffer_.empty();
  answer.etag = text_of(message[beast::field::etag]);
  answer.accepted = text_of(message[beast::field::sec_websocket_accept]);
  answer.range = parse_content_range(text_of(message[beast::field::content_range]));
  answer.body = std::move(message.body());
  return answer;
}

}  // namespace orrery::http
