// HTTP's messages, byte by byte and in one go.
#include <string>

#include <gtest/gtest.h>

#include "http/answer.hpp"
#include "http/request.hpp"

namespace orrery::http {
namespace {

ByteSpan bytes_of(const std::string& text) {
  return as_bytes(text.data(), text.size());
}

std::optional<unsigned> refusal_of(const std::string& text) {
  RequestParser parser;
  parser.put(bytes_of(text));
  EXPECT_FALSE(parser.take());
  return parser.refusal();
}

TEST(Range, IsFirstToLastFromFirstOrTheLastOnes) {
  using Kind = AskedRange::Kind;
  const auto expect_part = [](const char* header, std::uint64_t first, std::uint64_t length) {
    const AskedRange asked = parse_range(header, 1000);
    EXPECT_EQ(asked.kind, Kind::kPart) << header;
    EXPECT_EQ(asked.range, (ByteRange{first, length})) << header;
  };
  expect_part("bytes=0-0", 0, 1);
  expect_part("bytes=100-199", 100, 100);
  expect_part("bytes=990-5000", 990, 10);
  expect_part("bytes=990-", 990, 10);
  expect_part("bytes=-10", 990, 10);
  expect_part("bytes=-5000", 0, 1000);
  for (const char* const header : {"bytes=1000-", "bytes=1000-1001", "bytes=-0"}) {
    EXPECT_EQ(parse_range(header, 1000).kind, Kind::kUnsatisfiable) << header;
  }
  for (const char* const header : {"", "lines=1-2", "bytes=5-4", "bytes=1-2,5-6", "bytes=a-b",
                                   "bytes=", "bytes=-", "bytes=99999999999999999999-"}) {
    EXPECT_EQ(parse_range(header, 1000).kind, Kind::kAll) << header;
  }
}

TEST(Range, OfAnAnswerIsReadAsItIsWritten) {
  const ByteRange range{.first = 7, .length = 90};
  EXPECT_EQ(parse_content_range(content_range_header(range, 1000)), range);
  for (const char* const header : {"", "bytes 5-4/9", "bytes */9", "bytes 1/2", "lines 1-2/3",
                                   "bytes 0-18446744073709551615/9"}) {
    EXPECT_FALSE(parse_content_range(header)) << header;
  }
}

TEST(RequestParser, TakesRequestsInAnyPortions) {
  const std::string text =
      "GET /images/a%40b?x=1 HTTP/1.1\r\nHost: h\r\nRange: bytes=1-2\r\n\r\n"
      "HEAD /packs HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n";
  for (std::size_t portion = 1; portion <= text.size(); ++portion) {
    RequestParser parser;
    std::vector<Request> requests;
    for (std::size_t at = 0; at < text.size(); at += portion) {
      parser.put(bytes_of(text.substr(at, portion)));
      while (auto request = parser.take()) requests.push_back(*request);
    }
    ASSERT_EQ(requests.size(), 2u) << portion;
    EXPECT_EQ(requests[0].path, "/images/a@b");
    EXPECT_EQ(requests[0].header("range"), "bytes=1-2");
    EXPECT_EQ(requests[0].parameter("x"), "1");
    EXPECT_TRUE(requests[0].keep_alive);
    EXPECT_EQ(requests[1].method, Method::kHead);
    EXPECT_FALSE(requests[1].keep_alive);
    EXPECT_FALSE(parser.begun());
  }
}

TEST(RequestParser, RefusesWhatIsTooLongOrNoRequest) {
  EXPECT_EQ(refusal_of("hello there\r\n\r\n"), 400u);
  EXPECT_EQ(refusal_of("GET /a%4 HTTP/1.1\r\n\r\n"), 400u);
  EXPECT_EQ(refusal_of("GET /%00 HTTP/1.1\r\n\r\n"), 400u);
  EXPECT_EQ(refusal_of("POST / HTTP/1.1\r\nContent-Length: 5\r\n\r\nhello"), 413u);
  EXPECT_EQ(refusal_of("GET / HTTP/1.1\r\nA: " + std::string(kMostHeader, 'x')), 431u);
}

Result<Answer> parse_answer(const std::string& text, std::size_t portion, std::uint64_t most) {
  AnswerParser parser(most);
  for (std::size_t at = 0; at < text.size(); at += portion) {
    ORRERY_TRY(const bool whole, parser.put(bytes_of(text.substr(at, portion))));
    if (whole) return parser.take();
  }
  ORRERY_CHECK(parser.end());
  return parser.take();
}

TEST(AnswerParser, TakesAnswersInAnyPortions) {
  const std::string text =
      "HTTP/1.1 206 Partial Content\r\nContent-Length: 5\r\nContent-Range: bytes 10-14/99\r\n"
      "ETag: \"x\"\r\n\r\nhello";
  for (std::size_t portion = 1; portion <= text.size(); ++portion) {
    const auto answer = parse_answer(text, portion, 5);
    ASSERT_TRUE(answer) << portion << answer.error().message();
    EXPECT_EQ(answer->status, 206u);
    EXPECT_EQ(answer->body.size(), 5u);
    EXPECT_EQ(answer->range, (ByteRange{10, 5}));
    EXPECT_EQ(answer->etag, "\"x\"");
    EXPECT_TRUE(answer->keep_alive);
  }
}

TEST(AnswerParser, RefusesWhatIsCutOffOrTooLongOrNoAnswer) {
  const std::string head = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n";
  EXPECT_TRUE(parse_answer(head + "hello", 100, 5));
  EXPECT_FALSE(parse_answer(head + "hello", 100, 4));
  EXPECT_FALSE(parse_answer(head + "hell", 100, 5));
  EXPECT_FALSE(parse_answer(head.substr(0, 20), 100, 5));
  EXPECT_FALSE(parse_answer("", 100, 5));
  EXPECT_FALSE(parse_answer("SSH-2.0-OpenSSH\r\n\r\n", 100, 5));
  EXPECT_FALSE(parse_answer("HTTP/1.1 200 OK\r\n\r\n" + std::string(100, 'x'), 7, 99));
}

TEST(AnswerParser, DoesNotKeepAConnectionWithBytesLeft) {
  const auto answer = parse_answer("HTTP/1.1 304 Not Modified\r\n\r\nHTTP/1.1 200 OK\r\n", 1000, 0);
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->status, 304u);
  EXPECT_FALSE(answer->keep_alive);
}

}  // namespace
}  // namespace orrery::http
