// WebSocket's frames and handshake, with the examples of RFC 6455.
#include "http/web_socket/web_socket.hpp"

#include <gtest/gtest.h>

#include "base/sockets/scripted_stream.hpp"
#include "http/web_socket/handshake.hpp"

namespace orrery::http {
namespace {

std::vector<std::byte> bytes_of(std::initializer_list<unsigned> values) {
  std::vector<std::byte> bytes;
  for (const unsigned value : values) bytes.push_back(static_cast<std::byte>(value));
  return bytes;
}

constexpr MaskingKey kKey{std::byte{0x37}, std::byte{0xfa}, std::byte{0x21}, std::byte{0x3d}};

Frame make_frame(Opcode opcode, std::string payload) {
  Frame frame;
  frame.opcode = opcode;
  frame.payload = std::move(payload);
  return frame;
}

TEST(Frame, IsThatOfTheStandard) {  // 5.7
  const auto plain = bytes_of({0x81, 0x05, 0x48, 0x65, 0x6c, 0x6c, 0x6f});
  const auto masked = bytes_of({0x81, 0x85, 0x37, 0xfa, 0x21, 0x3d, 0x7f, 0x9f, 0x4d, 0x51, 0x58});
  const Frame hello = make_frame(Opcode::kText, "Hello");
  EXPECT_EQ(encode(hello, {}), plain);
  EXPECT_EQ(encode(hello, kKey), masked);
  FrameReader reader(Masking::kRequired, 5);
  reader.put(masked);
  const auto frame = reader.take();
  ASSERT_TRUE(frame && *frame);
  EXPECT_EQ((*frame)->payload, "Hello");
}

TEST(Frame, OfAnyLengthComesInAnyPortions) {
  for (const std::size_t size : {0U, 1U, 125U, 126U, 127U, 65535U, 65536U, 100000U}) {
    const auto bytes = encode(make_frame(Opcode::kBinary, std::string(size, 'x')), kKey);
    FrameReader reader(Masking::kRequired, size);
    const std::size_t portion = std::max<std::size_t>(1, bytes.size() / 7);
    std::optional<Frame> frame;
    for (std::size_t at = 0; at < bytes.size(); at += portion) {
      EXPECT_FALSE(frame) << size;
      reader.put(ByteSpan(bytes).subspan(at, std::min(portion, bytes.size() - at)));
      frame = reader.take().value();
    }
    ASSERT_TRUE(frame) << size;
    EXPECT_EQ(frame->payload, std::string(size, 'x'));
  }
}

TEST(FrameReader, RefusesWhatMayNotCome) {
  const std::pair<const char*, std::vector<std::byte>> cases[] = {
      {"reserved bit", bytes_of({0xc1, 0x80, 0, 0, 0, 0})},
      {"unknown opcode", bytes_of({0x83, 0x80, 0, 0, 0, 0})},
      {"no mask", bytes_of({0x81, 0x01, 0x41})},
      {"long control frame", bytes_of({0x89, 0xfe, 0, 126})},
      {"control frame in pieces", bytes_of({0x09, 0x80, 0, 0, 0, 0})},
      {"too long", bytes_of({0x81, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff})},
  };
  for (const auto& [what, bytes] : cases) {
    FrameReader reader(Masking::kRequired, 1000);
    reader.put(bytes);
    EXPECT_FALSE(reader.take()) << what;
  }
}

TEST(Handshake, AnswersTheKeyOfTheStandard) {  // 1.3
  EXPECT_EQ(accept_key("dGhlIHNhbXBsZSBub25jZQ=="), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
}

Request request_that_offers(const char* protocols) {
  Request request;
  request.upgrade = true;
  request.headers = {{"Sec-WebSocket-Version", "13"},
                     {"Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="}};
  if (protocols != nullptr) request.headers.emplace_back("sec-websocket-protocol", protocols);
  return request;
}

TEST(Handshake, ReadsWhatIsOffered) {
  using Names = std::vector<std::string_view>;
  EXPECT_EQ(offered_protocols(request_that_offers("chat, superchat")),
            (Names{"chat", "superchat"}));  // 1.9
  EXPECT_EQ(offered_protocols(request_that_offers(" ,,\ta ,b")), (Names{"a", "b"}));
  EXPECT_EQ(offered_protocols(request_that_offers(" , ")), Names{});
  EXPECT_EQ(offered_protocols(request_that_offers(nullptr)), Names{});
}

TEST(Handshake, ChoosesItsProtocolWhereItIsOffered) {
  const auto chosen = [](const char* offered, std::string_view protocol) {
    const Reply reply = upgrade_reply(request_that_offers(offered), {}, protocol);
    EXPECT_EQ(reply.status, 101u);
    return reply.more.find("Sec-WebSocket-Protocol: chat\r\n") != std::string::npos;
  };
  EXPECT_TRUE(chosen("superchat, chat", "chat"));
  EXPECT_FALSE(chosen("superchat", "chat"));
  EXPECT_FALSE(chosen(nullptr, "chat"));
  EXPECT_FALSE(chosen("superchat, chat", ""));
}

// What a server's socket makes of frames of a client.
struct Heard {
  std::vector<std::string> messages;
  std::vector<Frame> sent;
};
Heard hear(const std::vector<Frame>& frames) {
  testing::ScriptedStream stream;
  for (const Frame& frame : frames) stream.give(encode(frame, kKey));
  stream.leave();
  WebSocket socket(stream, WebSocket::Role::kServer, {});
  Heard heard;
  for (bool open = true; open;) {
    Task<std::optional<Message>> task = socket.receive();
    task.start([] {});
    EXPECT_TRUE(task.done());
    open = task.value().has_value();
    if (open) heard.messages.push_back(task.value()->data);
  }
  FrameReader reader(Masking::kForbidden, 1000);
  reader.put(stream.received);
  while (auto frame = reader.take().value()) heard.sent.push_back(*frame);
  return heard;
}

TEST(WebSocket, PutsPiecesTogetherAndAnswersPings) {
  Frame first = make_frame(Opcode::kText, "Hel");
  first.last = false;
  const Heard heard =
      hear({first, make_frame(Opcode::kPing, "here?"), make_frame(Opcode::kContinuation, "lo"),
            make_frame(Opcode::kBinary, "again"), make_frame(Opcode::kClose, "")});
  EXPECT_EQ(heard.messages, (std::vector<std::string>{"Hello", "again"}));
  ASSERT_EQ(heard.sent.size(), 2u);
  EXPECT_EQ(heard.sent[0].opcode, Opcode::kPong);
  EXPECT_EQ(heard.sent[0].payload, "here?");
  EXPECT_EQ(heard.sent[1].opcode, Opcode::kClose);
}

TEST(WebSocket, EndsWhereAMessageBeginsWithinAnother) {
  Frame first = make_frame(Opcode::kText, "Hel");
  first.last = false;
  EXPECT_TRUE(hear({first, make_frame(Opcode::kText, "lo")}).messages.empty());
  EXPECT_TRUE(hear({make_frame(Opcode::kContinuation, "lo")}).messages.empty());
}

}  // namespace
}  // namespace orrery::http
