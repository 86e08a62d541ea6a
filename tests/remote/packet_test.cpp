// Packets, byte by byte: docs/formats/io-packet.md has the table of types and the examples.
#include <fstream>
#include <sstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "remote/packet/codec.hpp"
#include "remote/packet/description.hpp"
#include "support/format_page.hpp"

namespace orrery::remote {
namespace {

using ::testing::HasSubstr;

const ToVm kToVm{VmId(7), PlatformId(2), HypervisorId(9), HypervisorKind::kOrrery};
const ToDevice kToDevice{DeviceId(5), PlatformId(3), VmId(7)};
constexpr std::array kText{std::byte{'t'}, std::byte{'e'}, std::byte{'x'}, std::byte{'t'}};

IoRequest example_request() {
  static constexpr std::array kData{std::byte{0x41}};
  return {.to = kToDevice,
          .tag = 1,
          .direction = IoDirection::kWrite,
          .posted = 0,
          .region = 0,
          .offset = 0,
          .size = 1,
          .data = kData};
}

Feedback example_feedback() {
  return {.to = kToVm, .tag = 1, .result = ResultCode::kDone, .data = {}};
}

// One of each type, every field with a value of its own.
std::vector<Body> one_of_each() {
  return {Hello{.session = {1, 2, 3}, .resuming = 1, .vm = kToVm},
          Welcome{PlatformId(3), 1, 1 << 20},
          Refusal{kText},
          Alive{1},
          Credit{12345},
          Command{kToDevice, 17, CommandCode::kWriteConfig, kText},
          IoRequest{kToDevice, 18, IoDirection::kWrite, 1, 6, 0xfeed'0000, 4, kText},
          QueueRequest{kToDevice, 19, 2, 4097, kText},
          DmaCompletion{kToDevice, 20, ResultCode::kFailed, kText},
          Feedback{kToVm, 21, ResultCode::kNoDevice, kText},
          QueueResult{kToVm, 22, 5, 3, kText},
          Interrupt{kToVm, DeviceId(5), InterruptKind::kMessage, 0x4031, 0xfee0'0000},
          Event{kToVm, DeviceId(5), EventCode::kNeedsReset, kText},
          DmaRead{kToVm, DeviceId(5), 23, GuestPhysical(0x1000), 512},
          DmaWrite{kToVm, DeviceId(5), 24, GuestPhysical(0x2000), 1, kText}};
}

std::uint64_t sequence_for(const Body& body) {
  return kind_of(body).sequenced ? 0x0102'0304'0506'0708 : 0;
}

TEST(Packet, IsAsThePageShows) {
  const std::vector<std::byte> request = encode(example_request(), 1, 0);
  EXPECT_EQ(request, format_example("io-packet.md", "Example of an I/O request"))
      << format_dump(request);
  const std::vector<std::byte> feedback = encode(example_feedback(), 1, 1);
  EXPECT_EQ(feedback, format_example("io-packet.md", "Example of a feedback"))
      << format_dump(feedback);
}

Interrupt example_interrupt() {
  return {.to = kToVm, .device = DeviceId(5), .kind = InterruptKind::kLineHigh, .line = 0};
}

TEST(Packet, AnInterruptIsAsThePageShows) {
  const std::vector<std::byte> interrupt = encode(example_interrupt(), 2, 1);
  const auto example = format_example("io-packet.md", "Example of an interrupt");
  EXPECT_EQ(interrupt, example) << format_dump(interrupt);
  const auto decoded = decode(example);
  ASSERT_TRUE(decoded) << decoded.error().message();
  EXPECT_EQ(std::get<Interrupt>(decoded->body).kind, InterruptKind::kLineHigh);
}

TEST(Packet, ADeviceWithRegistersIsDescribedAsThePageShows) {
  const Description serial{.device = DeviceId(5),
                           .model = "uart16550",
                           .type = 0,
                           .features = 0,
                           .queue_sizes = {},
                           .config = {},
                           .registers = RegisterInterface{.lines = 1, .posted = {{0, 0}}}};
  const auto example = format_example("io-packet.md", "Example of a device with registers");
  EXPECT_EQ(encode(serial), example) << format_dump(encode(serial));
  const auto decoded = decode_description(example);
  ASSERT_TRUE(decoded) << decoded.error().message();
  EXPECT_EQ(*decoded, serial);
}

TEST(Packet, ThePagesExamplesAreDecoded) {
  const auto request = format_example("io-packet.md", "Example of an I/O request");
  const auto decoded = decode(request);
  ASSERT_TRUE(decoded) << decoded.error().message();
  EXPECT_EQ(decoded->header.sequence, 1u);
  const auto& io = std::get<IoRequest>(decoded->body);
  EXPECT_EQ(io.to, kToDevice);
  EXPECT_EQ(io.direction, IoDirection::kWrite);
  ASSERT_EQ(io.data.size(), 1u);
  EXPECT_EQ(io.data[0], std::byte{0x41});
  const auto answer = format_example("io-packet.md", "Example of a feedback");
  const auto feedback = decode(answer);
  ASSERT_TRUE(feedback) << feedback.error().message();
  EXPECT_EQ(std::get<Feedback>(feedback->body).to, kToVm);
}

TEST(Packet, ThePageListsTheTypesAsTheTableDoes) {
  std::ifstream page(std::string(ORRERY_SOURCE_DIR) + "/docs/formats/io-packet.md");
  std::ostringstream content;
  content << page.rdbuf();
  const std::string text = content.str();
  for (const PacketKind& kind : kPacketKinds) {
    const char* const sender = kind.sender == Sender::kVmm      ? "VMM"
                               : kind.sender == Sender::kServer ? "server"
                                                                : "both";
    EXPECT_THAT(text, HasSubstr(format("| {} | {} | {} | {}| {}|\n",
                                       static_cast<unsigned>(kind.type), kind.name, sender,
                                       kind.sequenced ? "yes " : "", kind.counted ? "yes " : "")));
  }
}

TEST(Packet, EveryTypeComesBackAsItWas) {
  std::vector<Body> bodies = one_of_each();
  ASSERT_EQ(bodies.size(), kPacketKinds.size());
  for (const Body& body : bodies) {
    const std::vector<std::byte> bytes = encode(body, sequence_for(body), 99);
    const auto length = packet_length(bytes);
    ASSERT_TRUE(length && *length == bytes.size()) << body.index();
    const auto packet = decode(bytes);
    ASSERT_TRUE(packet) << packet.error().message();
    EXPECT_EQ(packet->header.acknowledged, 99u);
    EXPECT_EQ(packet->body.index(), body.index());
    // Each field has a value of its own, so the same bytes mean the same fields.
    EXPECT_EQ(encode(packet->body, packet->header.sequence, 99), bytes) << body.index();
  }
}

TEST(Packet, IsRefusedWhenCutOffOrTooLong) {
  for (const Body& body : one_of_each()) {
    std::vector<std::byte> bytes = encode(body, sequence_for(body), 0);
    for (std::size_t cut = 0; cut < bytes.size(); ++cut) {
      EXPECT_FALSE(decode(ByteSpan(bytes).first(cut))) << body.index() << " cut at " << cut;
    }
    bytes.push_back({});
    EXPECT_FALSE(decode(bytes)) << body.index();
  }
}

TEST(Packet, OfAnotherVersionIsNamed) {
  auto bytes = encode(Alive{}, 0, 0);
  bytes[4] = std::byte{2};
  const auto length = packet_length(bytes);
  ASSERT_FALSE(length);
  EXPECT_THAT(length.error().message(), HasSubstr("version 2"));
}

TEST(Packet, LengthIsBounded) {
  auto bytes = encode(Alive{}, 0, 0);
  EXPECT_EQ(packet_length(ByteSpan(bytes).first(Header::kBytes - 1)).value(), std::nullopt);
  store_le<std::uint32_t>(bytes.data(), kMostPacketBytes + 1);
  EXPECT_FALSE(packet_length(bytes));
  store_le<std::uint32_t>(bytes.data(), Header::kBytes - 1);
  EXPECT_FALSE(packet_length(bytes));
}

TEST(Packet, SequencedTypesAndNoOthersHaveANumber) {
  for (const Body& body : one_of_each()) {
    const std::uint64_t wrong = sequence_for(body) == 0 ? 1 : 0;
    EXPECT_FALSE(decode(encode(body, wrong, 0))) << body.index();
  }
}

TEST(Packet, FieldsOutOfTheirRangeAreRefused) {
  IoRequest request = example_request();
  request.size = 3;
  EXPECT_FALSE(decode(encode(request, 1, 0)));
  request = example_request();
  request.size = 2;  // and one byte of data
  EXPECT_FALSE(decode(encode(request, 1, 0)));
  request = example_request();
  request.direction = IoDirection::kRead;  // with data
  EXPECT_FALSE(decode(encode(request, 1, 0)));
  Feedback feedback = example_feedback();
  feedback.to.kind = HypervisorKind{3};
  EXPECT_FALSE(decode(encode(feedback, 1, 0)));
  EXPECT_FALSE(decode(encode(QueueResult{kToVm, 1, 0, 5, kText}, 1, 0)));  // a head of 5 in 4
  EXPECT_FALSE(decode(encode(Hello{.magic = 1, .vm = kToVm}, 0, 0)));
}

TEST(Packet, AcknowledgementIsChangedInPlace) {
  auto bytes = encode(example_feedback(), 4, 1);
  set_acknowledged(bytes, 77);
  EXPECT_EQ(bytes, encode(example_feedback(), 4, 77));
}

}  // namespace
}  // namespace orrery::remote
