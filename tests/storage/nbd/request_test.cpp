// Which requests are carried out, and what the others are told ("Error values").
#include "storage/nbd/request.hpp"

#include <gtest/gtest.h>

#include "storage/nbd/client_bytes.hpp"
#include "storage/nbd/limits.hpp"

namespace orrery::storage::nbd {
namespace {

namespace flag = transmission_flag;

constexpr std::uint64_t kSize = 64_MiB;

ErrorCode checked(const Request& request, bool read_only = false) {
  const Agreement agreement{
      .flags = static_cast<std::uint16_t>(read_only ? flag::kReadOnly
                                                    : flag::kSendTrim | flag::kSendWriteZeroes),
      .structured_replies = true,
      .block_status = true};
  port::BlockGeometry geometry;
  geometry.size = Bytes(kSize);
  geometry.read_only = read_only;
  return check(request, agreement, geometry);
}

constexpr std::array kWithRange{Command::kRead,  Command::kWrite,       Command::kTrim,
                                Command::kCache, Command::kWriteZeroes, Command::kBlockStatus};

TEST(NbdRequest, IsWhatItsBytesSay) {
  const Request sent{.flags = 0x102,
                     .command = Command::kTrim,
                     .handle = 0x0102030405060708,
                     .offset = 0x1112131415161718,
                     .length = 0x21222324};
  const auto bytes = testing::request(sent);
  ASSERT_EQ(bytes.size(), Request::kHeaderBytes);
  const auto got = parse_request(std::span<const std::byte, Request::kHeaderBytes>(bytes));
  ASSERT_TRUE(got);
  EXPECT_EQ(got->flags, sent.flags);
  EXPECT_EQ(got->command, sent.command);
  EXPECT_EQ(got->handle, sent.handle);
  EXPECT_EQ(got->offset, sent.offset);
  EXPECT_EQ(got->length, sent.length);
  auto wrong = bytes;
  wrong[3] = std::byte{0x14};
  EXPECT_FALSE(parse_request(std::span<const std::byte, Request::kHeaderBytes>(wrong)));
}

TEST(NbdRequest, LiesWithinTheExportInWholeBlocks) {
  for (const Command command : kWithRange) {
    const bool writes = command == Command::kWrite || command == Command::kWriteZeroes;
    const auto beyond = writes ? ErrorCode::kNoSpace : ErrorCode::kInvalid;
    const auto at = [&](std::uint64_t offset, std::uint32_t length) {
      return checked({.command = command, .offset = offset, .length = length});
    };
    EXPECT_EQ(at(0, 512), ErrorCode::kNone);
    EXPECT_EQ(at(kSize - 512, 512), ErrorCode::kNone);
    EXPECT_EQ(at(kSize - 512, 1024), beyond);
    EXPECT_EQ(at(kSize + 512, 512), beyond);
    EXPECT_EQ(at(UINT64_MAX - 511, 1024), beyond) << "the sum is larger than any number";
    EXPECT_EQ(at(1, 512), ErrorCode::kInvalid);
    EXPECT_EQ(at(0, 511), ErrorCode::kInvalid);
    EXPECT_EQ(at(0, 0), ErrorCode::kInvalid);
  }
}

TEST(NbdRequest, HasAPayloadOfSomeLengthOnly) {
  const auto of = [](Command command, std::uint32_t length) {
    return checked({.command = command, .length = length});
  };
  for (const Command command : {Command::kRead, Command::kWrite, Command::kCache}) {
    EXPECT_EQ(of(command, kMostPayload), ErrorCode::kNone);
    EXPECT_EQ(of(command, kMostPayload + 512), ErrorCode::kInvalid);
  }
  for (const Command command : {Command::kTrim, Command::kWriteZeroes, Command::kBlockStatus}) {
    EXPECT_EQ(of(command, kMostPayload + 512), ErrorCode::kNone);
  }
}

TEST(NbdRequest, DoesNotChangeWhatIsReadOnly) {
  for (const Command command : {Command::kWrite, Command::kTrim, Command::kWriteZeroes}) {
    EXPECT_EQ(checked({.command = command, .length = 512}, true), ErrorCode::kNotPermitted);
  }
  EXPECT_EQ(checked({.command = Command::kRead, .length = 512}, true), ErrorCode::kNone);
  EXPECT_EQ(checked({.command = Command::kFlush}, true), ErrorCode::kNone);
}

TEST(NbdRequest, HasTheFlagsOfItsCommand) {
  const std::map<Command, std::uint16_t> allowed{
      {Command::kRead, command_flag::kDf},
      {Command::kWrite, 0},
      {Command::kFlush, 0},
      {Command::kTrim, 0},
      {Command::kCache, 0},
      {Command::kWriteZeroes, command_flag::kNoHole | command_flag::kFastZero},
      {Command::kBlockStatus, command_flag::kReqOne}};
  for (const auto& [command, flags] : allowed) {
    for (unsigned position = 0; position < 16; ++position) {
      const auto one = static_cast<std::uint16_t>(1u << position);
      const bool good = one == command_flag::kFua || (one & flags) != 0;
      EXPECT_EQ(checked({.flags = one, .command = command, .length = 512}),
                good ? ErrorCode::kNone : ErrorCode::kInvalid)
          << static_cast<int>(command) << " " << one;
    }
  }
}

TEST(NbdRequest, IsOneThatWasOffered) {
  port::BlockGeometry geometry;
  geometry.size = Bytes(kSize);
  const Agreement little{.flags = flag::kHasFlags};
  const auto with_little = [&](const Request& request) { return check(request, little, geometry); };
  EXPECT_EQ(with_little({.command = Command::kTrim, .length = 512}), ErrorCode::kInvalid);
  EXPECT_EQ(with_little({.command = Command::kWriteZeroes, .length = 512}), ErrorCode::kInvalid);
  EXPECT_EQ(with_little({.command = Command::kBlockStatus, .length = 512}), ErrorCode::kInvalid);
  EXPECT_EQ(with_little({.flags = command_flag::kDf, .length = 512}), ErrorCode::kInvalid);
  EXPECT_EQ(with_little({.length = 512}), ErrorCode::kNone);
  EXPECT_EQ(checked({.command = static_cast<Command>(8)}), ErrorCode::kInvalid);
  EXPECT_EQ(checked({.command = static_cast<Command>(0xFFFF)}), ErrorCode::kInvalid);
}

}  // namespace
}  // namespace orrery::storage::nbd
