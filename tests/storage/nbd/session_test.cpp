// A client from its first byte to its last, without a socket.
#include "storage/nbd/session.hpp"

#include <gtest/gtest.h>

#include "base/sockets/scripted_stream.hpp"
#include "storage/nbd/client_bytes.hpp"
#include "storage/nbd/disk_catalogue.hpp"
#include "storage/nbd/memory_disk.hpp"

namespace orrery::storage::nbd {
namespace {

using Kind = port::BlockRequest::Kind;
using testing::Reply;

constexpr std::uint32_t kSize = 64_MiB;

enum class Replies { kSimple, kStructured };

class NbdSession : public ::testing::Test {
 protected:
  void SetUp() override {
    for (std::size_t i = 0; i < disk_.content.size() / 2; ++i) {
      disk_.content[i] = static_cast<std::byte>(i * 7 + i / 4096 + 1);
    }
    task_ = session_.serve();
    task_.start([this] { ended_ = true; });
    run();
  }
  void TearDown() override {
    disk_.release();
    stream_.close();
    run();
    EXPECT_TRUE(ended_);
  }

  void run() {
    while (loop_->poll() != 0) {
    }
  }
  void agree(Replies replies) {
    stream_.give(testing::client_flags(3));
    if (replies == Replies::kStructured) {
      stream_.give(testing::option(Option::kStructuredReply));
      stream_.give(
          testing::option(Option::kSetMetaContext, testing::contexts("", {"base:allocation"})));
    }
    stream_.give(testing::option(Option::kGo, testing::about("")));
    run();
    ASSERT_TRUE(session_.has_reached_transmission());
    taken_ = stream_.received.size();
  }
  void ask(const Request& request, ByteSpan payload = {}) {
    stream_.give(testing::request(request));
    stream_.give(payload);
    run();
  }
  // The replies that came since the last time.
  std::vector<Reply> replies(std::size_t read_bytes = 0) {
    ByteReader reader(ByteSpan(stream_.received).subspan(taken_));
    std::vector<Reply> replies;
    while (reader.remaining() != 0) {
      const auto reply = testing::parse_reply(reader, read_bytes);
      EXPECT_TRUE(reply) << "not a reply, after " << replies.size();
      if (!reply) break;
      replies.push_back(*reply);
    }
    taken_ = stream_.received.size();
    return replies;
  }
  std::uint32_t only_error() {
    const auto all = replies();
    EXPECT_EQ(all.size(), 1u);
    return all.empty() ? 9999 : all[0].error;
  }
  // Puts together what chunks say of a stretch.
  std::string assembled(const std::vector<Reply>& chunks, std::uint64_t offset,
                        std::size_t length) {
    std::string data(length, '?');
    for (const Reply& chunk : chunks) {
      EXPECT_EQ(chunk.done, &chunk == &chunks.back());
      const auto at = load_be<std::uint64_t>(chunk.payload.data()) - offset;
      if (chunk.chunk == Chunk::kOffsetData) {
        data.replace(at, chunk.payload.size() - 8, chunk.payload.substr(8));
      } else if (chunk.chunk == Chunk::kOffsetHole) {
        const auto hole = load_be<std::uint32_t>(chunk.payload.data() + 8);
        data.replace(at, hole, std::string(hole, '\0'));
      } else {
        ADD_FAILURE() << "a chunk of type " << static_cast<int>(chunk.chunk);
      }
    }
    return data;
  }
  std::string on_disk(std::uint64_t offset, std::size_t length) const {
    return {reinterpret_cast<const char*>(disk_.content.data()) + offset, length};
  }
  static std::vector<std::byte> pattern(std::size_t length, int seed) {
    std::vector<std::byte> bytes(length);
    for (std::size_t i = 0; i < length; ++i) {
      bytes[i] = static_cast<std::byte>(i * 13 + i / 999 + static_cast<std::size_t>(seed));
    }
    return bytes;
  }

  const std::unique_ptr<EventLoop> loop_ = EventLoop::create().value();
  testing::MemoryDisk disk_{*loop_, kSize};
  testing::ScriptedStream stream_;
  const std::unique_ptr<DiskCatalogue> catalogue_ =
      DiskCatalogue::create(disk_, "disk", "").value();
  Session session_{*loop_, stream_, *catalogue_, "test"};
  Task<Result<>> task_;
  bool ended_ = false;
  std::size_t taken_ = 0;
};

TEST_F(NbdSession, GreetsAndEndsAHandshakeThatIsNone) {
  EXPECT_EQ(stream_.received.size(), 18u);
  stream_.give(testing::client_flags(1 << 5));
  run();
  EXPECT_TRUE(ended_);
  EXPECT_TRUE(stream_.closed);
}

TEST_F(NbdSession, SkipsALongOptionAndEndsAtAnEndlessOne) {
  stream_.give(testing::client_flags(3));
  stream_.give(testing::option(Option::kInfo, std::vector<std::byte>(kMostOptionBytes + 1)));
  run();
  const auto answers = testing::parse_answers(ByteSpan(stream_.received).subspan(18)).value();
  ASSERT_EQ(answers.size(), 1u);
  EXPECT_EQ(answers[0].type, OptionReply::kErrorTooBig);
  EXPECT_FALSE(ended_);
  ByteWriter endless;
  write_be(endless, kOptionMagic);
  write_be(endless, 9u);
  write_be(endless, 0xFFFFFFFFu);
  stream_.give(endless.take());
  run();
  EXPECT_TRUE(ended_);
}

TEST_F(NbdSession, EndsAfterMoreOptionsThanAnyoneNeeds) {
  stream_.give(testing::client_flags(3));
  for (std::size_t i = 0; i < kMostOptions; ++i) stream_.give(testing::option(Option::kList));
  run();
  EXPECT_TRUE(ended_);
}

TEST_F(NbdSession, DoesNotAnswerOptionsOfAClientThatDoesNotRead) {
  stream_.reads = false;
  stream_.give(testing::client_flags(3));
  for (std::size_t i = 0; i < 100; ++i) stream_.give(testing::option(Option::kList));
  run();
  stream_.take_all();
  run();
  EXPECT_EQ(testing::parse_answers(ByteSpan(stream_.received).subspan(18)).value().size(), 200u);
}

TEST_F(NbdSession, ReadsAndWritesBothWays) {
  for (const auto mode : {Replies::kSimple, Replies::kStructured}) {
    SCOPED_TRACE(static_cast<int>(mode));
    testing::ScriptedStream stream;
    Session session(*loop_, stream, *catalogue_, "other");
    Task<Result<>> task = session.serve();
    task.start([] {});
    stream.most_at_once = 1000;
    stream.give(testing::client_flags(3));
    if (mode == Replies::kStructured) stream.give(testing::option(Option::kStructuredReply));
    stream.give(testing::option(Option::kGo, testing::about("disk")));
    run();
    const std::size_t begin = stream.received.size();
    const auto data = pattern(8192, static_cast<int>(mode));
    stream.give(testing::request(
        {.command = Command::kWrite, .handle = 1, .offset = 4096, .length = 8192}));
    stream.give(data);
    run();
    stream.give(testing::request({.handle = 2, .offset = 4096, .length = 8192}));
    stream.give(testing::request({.command = Command::kDisconnect}));
    run();
    ByteReader reader(ByteSpan(stream.received).subspan(begin));
    const auto wrote = testing::parse_reply(reader);
    const auto got = testing::parse_reply(reader, 8192);
    ASSERT_TRUE(wrote && got);
    EXPECT_EQ(wrote->handle, 1u);
    EXPECT_EQ(got->handle, 2u);
    EXPECT_EQ(got->structured, mode == Replies::kStructured);
    const std::string read = got->structured ? got->payload.substr(8) : got->payload;
    EXPECT_EQ(read, std::string(reinterpret_cast<const char*>(data.data()), data.size()));
    EXPECT_EQ(reader.remaining(), 0u);
    EXPECT_TRUE(task.done());
    EXPECT_FALSE(stream.lingered) << "the client said that it leaves";
  }
}

TEST_F(NbdSession, SendsHolesInsteadOfZeroes) {
  agree(Replies::kStructured);
  // Data, a hole, data, and the hole of the second half.
  std::fill_n(disk_.content.begin() + 28_MiB, 2_MiB, std::byte{0});
  const std::uint32_t length = 16_MiB;
  const std::uint64_t offset = 24_MiB;
  ask({.handle = 5, .offset = offset, .length = length});
  const auto chunks = replies();
  EXPECT_EQ(std::count_if(chunks.begin(), chunks.end(),
                          [](const Reply& each) { return each.chunk == Chunk::kOffsetHole; }),
            2);
  EXPECT_EQ(assembled(chunks, offset, length), on_disk(offset, length));
  // Not where one chunk is asked for.
  ask({.flags = command_flag::kDf, .handle = 6, .offset = 32_MiB - 32_KiB, .length = 64_KiB});
  const auto one = replies();
  ASSERT_EQ(one.size(), 1u);
  EXPECT_EQ(one[0].payload.substr(8), on_disk(32_MiB - 32_KiB, 64_KiB));
  ask({.flags = command_flag::kDf, .handle = 7, .length = 2_MiB});
  EXPECT_EQ(only_error(), 75u);
}

TEST_F(NbdSession, SendsLongSimpleRepliesWholeWhileOthersWait) {
  agree(Replies::kSimple);
  stream_.give(testing::request({.handle = 1, .length = 32_MiB}));
  stream_.give(testing::request({.command = Command::kFlush, .handle = 2}));
  stream_.give(testing::request({.handle = 3, .offset = 1_MiB, .length = 3_MiB}));
  run();
  ByteReader reader(ByteSpan(stream_.received).subspan(taken_));
  std::map<std::uint64_t, std::string> got;
  const std::map<std::uint64_t, std::size_t> lengths{{1, 32_MiB}, {2, 0}, {3, 3_MiB}};
  while (reader.remaining() != 0) {
    const auto handle =
        load_be<std::uint64_t>(stream_.received.data() + taken_ + reader.position() + 8);
    const auto reply = testing::parse_reply(reader, lengths.at(handle));
    ASSERT_TRUE(reply);
    got[reply->handle] = reply->payload;
  }
  ASSERT_EQ(got.size(), 3u);
  EXPECT_EQ(got[1], on_disk(0, 32_MiB));
  EXPECT_EQ(got[3], on_disk(1_MiB, 3_MiB));
}

TEST_F(NbdSession, EndsASimpleReplyThatFailsInItsMiddle) {
  agree(Replies::kSimple);
  disk_.fails_after = 3;
  ask({.handle = 1, .length = 8_MiB});
  EXPECT_TRUE(ended_);
  EXPECT_EQ(stream_.received.size() - taken_, 16 + 3_MiB);
}

TEST_F(NbdSession, TellsFailuresOfTheDisk) {
  agree(Replies::kStructured);
  disk_.fails_after = 0;
  const auto data = pattern(512, 1);
  for (const Command command : {Command::kRead, Command::kWrite, Command::kFlush, Command::kTrim,
                                Command::kCache, Command::kWriteZeroes}) {
    const bool flush = command == Command::kFlush;
    ask({.command = command, .length = flush ? 0u : 512u},
        command == Command::kWrite ? ByteSpan(data) : ByteSpan());
    EXPECT_EQ(only_error(), 5u) << static_cast<int>(command);
  }
  EXPECT_FALSE(ended_);
}

TEST_F(NbdSession, TakesThePayloadOfAWriteThatItRefuses) {
  agree(Replies::kSimple);
  ask({.command = Command::kWrite, .handle = 1, .offset = kSize, .length = 4096}, pattern(4096, 1));
  EXPECT_EQ(only_error(), 28u);
  ask({.command = Command::kWrite, .handle = 2, .offset = 512, .length = 4096}, pattern(4096, 2));
  EXPECT_EQ(only_error(), 0u);
  ask({.command = Command::kWrite, .length = 0xFFFFFFFF});
  EXPECT_TRUE(ended_) << "nobody waits for a payload of 4 GiB";
}

TEST_F(NbdSession, WritesAreDurableBeforeAnAnswerWithFua) {
  agree(Replies::kSimple);
  const auto data = pattern(3_MiB, 1);
  ask({.flags = command_flag::kFua, .command = Command::kWrite, .length = 3_MiB}, data);
  EXPECT_EQ(only_error(), 0u);
  EXPECT_EQ(disk_.order, (std::vector{Kind::kWrite, Kind::kWrite, Kind::kWrite, Kind::kFlush}));
  disk_.order.clear();
  ask({.flags = command_flag::kFua, .command = Command::kWriteZeroes, .length = 512});
  ask({.flags = command_flag::kFua, .command = Command::kTrim, .length = 512});
  ask({.command = Command::kFlush});
  ask({.flags = command_flag::kFua, .command = Command::kFlush});
  EXPECT_EQ(disk_.order, (std::vector{Kind::kWriteZeroes, Kind::kFlush, Kind::kDiscard,
                                      Kind::kFlush, Kind::kFlush, Kind::kFlush}));
  disk_.order.clear();
  disk_.fails_after = 1;
  replies();
  ask({.flags = command_flag::kFua, .command = Command::kWrite, .length = 512}, pattern(512, 1));
  EXPECT_EQ(only_error(), 5u) << "the write was good, its flush was not";
}

TEST_F(NbdSession, WritesZeroes) {
  agree(Replies::kSimple);
  ask({.command = Command::kWriteZeroes, .length = 1_MiB});
  EXPECT_EQ(only_error(), 0u);
  EXPECT_TRUE(disk_.last_may_unmap);
  EXPECT_EQ(on_disk(0, 1_MiB), std::string(1_MiB, '\0'));
  ask({.flags = command_flag::kNoHole, .command = Command::kWriteZeroes, .length = 1_MiB});
  EXPECT_EQ(only_error(), 0u);
  EXPECT_FALSE(disk_.last_may_unmap);
  const std::uint16_t fast = command_flag::kFastZero;
  ask({.flags = fast, .command = Command::kWriteZeroes, .length = 1_MiB});
  EXPECT_EQ(only_error(), 0u);
  ask({.flags = static_cast<std::uint16_t>(fast | command_flag::kNoHole),
       .command = Command::kWriteZeroes,
       .length = 1_MiB});
  EXPECT_EQ(only_error(), 95u);
  disk_.shape.zeroes_without_writing = false;
  ask({.flags = fast, .command = Command::kWriteZeroes, .length = 1_MiB});
  EXPECT_EQ(only_error(), 95u);
}

TEST_F(NbdSession, TellsWhatIsAllocated) {
  agree(Replies::kStructured);
  const auto extents = [&](const Request& request) {
    ask(request);
    const auto all = replies();
    EXPECT_EQ(all.size(), 1u);
    EXPECT_EQ(all[0].chunk, Chunk::kBlockStatus);
    std::vector<std::pair<std::uint32_t, std::uint32_t>> found;
    for (std::size_t at = 4; at < all[0].payload.size(); at += 8) {
      const char* const fields = all[0].payload.data() + at;
      found.emplace_back(load_be<std::uint32_t>(fields), load_be<std::uint32_t>(fields + 4));
    }
    return found;
  };
  using Extents = std::vector<std::pair<std::uint32_t, std::uint32_t>>;
  EXPECT_EQ(extents({.command = Command::kBlockStatus, .length = kSize}),
            (Extents{{32_MiB, 0}, {32_MiB, 3}}));
  EXPECT_EQ(extents({.flags = command_flag::kReqOne,
                     .command = Command::kBlockStatus,
                     .offset = 1_MiB,
                     .length = kSize - 1_MiB}),
            (Extents{{31_MiB, 0}}));
  // More stretches than one answer holds.
  for (std::size_t i = 0; i < 4096; ++i) disk_.content[32_MiB + i * 8192] = std::byte{1};
  EXPECT_EQ(extents({.command = Command::kBlockStatus, .offset = 32_MiB, .length = 32_MiB}).size(),
            kMostExtents);
}

// However much it asks for, only kMostBytes and a little are in memory, and all comes in the end.
TEST_F(NbdSession, HoldsLittleForAClientThatDoesNotRead) {
  for (const auto mode : {Replies::kStructured, Replies::kSimple}) {
    SCOPED_TRACE(static_cast<int>(mode));
    testing::ScriptedStream stream;
    Session session(*loop_, stream, *catalogue_, "slow");
    Task<Result<>> task = session.serve();
    task.start([] {});
    stream.give(testing::client_flags(3));
    if (mode == Replies::kStructured) stream.give(testing::option(Option::kStructuredReply));
    stream.give(testing::option(Option::kGo, testing::about("disk")));
    run();
    const std::size_t begin = stream.received.size();
    stream.reads = false;
    disk_.asked.clear();
    for (std::uint64_t i = 0; i < 3; ++i)
      stream.give(testing::request({.handle = i, .length = 32_MiB}));
    for (std::uint64_t i = 0; i < 16; ++i)
      stream.give(testing::request({.handle = i, .length = 1_MiB}));
    run();
    const std::size_t most = kMostBytes / kPiece;
    EXPECT_LE(disk_.asked[Kind::kRead], most + 1);
    stream.take_all();
    run();
    EXPECT_GE(stream.received.size() - begin, 3 * 32_MiB + 16 * 1_MiB);
    stream.leave();
    run();
    EXPECT_TRUE(task.done());
  }
}

TEST_F(NbdSession, TakesLittleOfAClientWhoseWritesTheDiskDoesNotTake) {
  agree(Replies::kSimple);
  disk_.holding = true;
  const auto data = pattern(16_MiB, 1);
  for (int i = 0; i < 4; ++i) ask({.command = Command::kWrite, .length = 16_MiB}, data);
  EXPECT_EQ(disk_.asked[Kind::kWrite], kMostBytes / kPiece);
  disk_.release();
  run();
  EXPECT_EQ(replies().size(), 4u);
  EXPECT_EQ(on_disk(0, 16_MiB),
            std::string(reinterpret_cast<const char*>(data.data()), data.size()));
}

TEST_F(NbdSession, WorksOnSoManyRequestsOnly) {
  agree(Replies::kSimple);
  disk_.holding = true;
  for (std::size_t i = 0; i < 2 * kMostRequests; ++i) ask({.command = Command::kFlush});
  EXPECT_EQ(disk_.asked[Kind::kFlush], kMostRequests);
  disk_.release();
  run();
  EXPECT_EQ(replies().size(), 2 * kMostRequests);
}

TEST_F(NbdSession, AnswersWhatIsUnderWayWhenItStops) {
  agree(Replies::kSimple);
  disk_.holding = true;
  ask({.command = Command::kWrite, .handle = 7, .length = 512}, pattern(512, 3));
  session_.stop();
  ask({.command = Command::kFlush, .handle = 8});
  EXPECT_FALSE(ended_);
  disk_.release();
  run();
  EXPECT_TRUE(ended_);
  const auto all = replies();
  ASSERT_EQ(all.size(), 1u);
  EXPECT_EQ(all[0].handle, 7u);
  EXPECT_TRUE(stream_.lingered);
}

TEST_F(NbdSession, AnswersWhatIsUnderWayWhenTheClientLeaves) {
  agree(Replies::kSimple);
  disk_.holding = true;
  ask({.command = Command::kWrite, .length = 512}, pattern(512, 3));
  ask({.command = Command::kDisconnect});
  EXPECT_FALSE(ended_);
  disk_.release();
  run();
  EXPECT_TRUE(ended_);
  EXPECT_EQ(replies().size(), 1u);
}

TEST_F(NbdSession, EndsAtWhatIsNoRequest) {
  agree(Replies::kSimple);
  stream_.give(pattern(Request::kHeaderBytes, 1));
  run();
  EXPECT_TRUE(ended_);
}

TEST_F(NbdSession, SurvivesAClientThatGoesInAPayload) {
  agree(Replies::kSimple);
  ask({.command = Command::kWrite, .length = 4_MiB}, pattern(3_MiB + 5, 3));
  stream_.leave();
  run();
  EXPECT_TRUE(ended_);
  EXPECT_EQ(disk_.asked[Kind::kWrite], 3u);
  EXPECT_TRUE(replies().empty());
}

}  // namespace
}  // namespace orrery::storage::nbd
