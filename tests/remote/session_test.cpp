// Sessions without connections: numbers, acknowledgements, what is sent again.
#include "remote/link/session.hpp"

#include <gtest/gtest.h>

#include "remote/packet/codec.hpp"

namespace orrery::remote {
namespace {

IoRequest request(std::uint64_t tag) {
  return {.to = {DeviceId(5), PlatformId(3), VmId(7)}, .tag = tag, .size = 1};
}

// The sequence numbers of what is to be sent now.
std::vector<std::uint64_t> gathered(Session& session) {
  std::vector<std::byte> bytes;
  session.gather(bytes, 1 << 20);
  std::vector<std::uint64_t> numbers;
  for (ByteSpan rest(bytes); !rest.empty();) {
    const std::size_t length = **packet_length(rest);
    numbers.push_back(decode(rest.first(length))->header.sequence);
    rest = rest.subspan(length);
  }
  return numbers;
}

using Numbers = std::vector<std::uint64_t>;

Header header(std::uint64_t sequence, std::uint64_t acknowledged) {
  return {.sequence = sequence, .acknowledged = acknowledged};
}

TEST(Session, SendsEachPacketOnceOnAConnection) {
  Session session;
  session.queue(request(1));
  session.queue(request(2));
  EXPECT_EQ(gathered(session), (Numbers{1, 2}));
  EXPECT_FALSE(session.has_unsent());
  session.queue(request(3));
  EXPECT_EQ(gathered(session), (Numbers{3}));
}

TEST(Session, SendsAgainWhatTheOtherSideHasNot) {
  Session session;
  for (std::uint64_t tag = 1; tag <= 5; ++tag) session.queue(request(tag));
  gathered(session);
  ASSERT_TRUE(session.arrived(header(0, 2)));
  ASSERT_TRUE(session.begin_connection(3));
  EXPECT_EQ(gathered(session), (Numbers{4, 5}));
}

TEST(Session, KeepsWhatIsNotAcknowledged) {
  Session session;
  const std::size_t bytes = session.queue(request(1));
  session.queue(request(2));
  EXPECT_EQ(session.kept_bytes(), 2 * bytes);
  ASSERT_TRUE(session.arrived(header(0, 1)));
  EXPECT_EQ(session.kept_bytes(), bytes);
  ASSERT_TRUE(session.arrived(header(0, 2)));
  EXPECT_EQ(session.kept_bytes(), 0u);
}

TEST(Session, TakesEachPacketOnce) {
  Session session;
  EXPECT_EQ(session.arrived(header(1, 0)).value(), Session::Arrival::kNew);
  EXPECT_EQ(session.arrived(header(1, 0)).value(), Session::Arrival::kRepeated);
  EXPECT_EQ(session.arrived(header(2, 0)).value(), Session::Arrival::kNew);
  EXPECT_EQ(session.arrived(header(1, 0)).value(), Session::Arrival::kRepeated);
  EXPECT_EQ(session.received(), 2u);
}

TEST(Session, AGapIsAnError) {
  Session session;
  EXPECT_FALSE(session.arrived(header(2, 0)));
  EXPECT_EQ(session.received(), 0u);
}

TEST(Session, AcknowledgementsOfWhatWasNeverSentAreErrors) {
  Session session;
  session.queue(request(1));
  EXPECT_FALSE(session.arrived(header(0, 2)));
  EXPECT_FALSE(session.begin_connection(2));
  ASSERT_TRUE(session.begin_connection(1));
  EXPECT_FALSE(session.begin_connection(0));  // it had taken one
}

TEST(Session, GathersNoMoreThanAskedFor) {
  Session session;
  for (std::uint64_t tag = 1; tag <= 10; ++tag) session.queue(request(tag));
  std::vector<std::byte> bytes;
  session.gather(bytes, 1);
  EXPECT_EQ(bytes.size() * 10, session.kept_bytes());
  EXPECT_TRUE(session.has_unsent());
}

}  // namespace
}  // namespace orrery::remote
