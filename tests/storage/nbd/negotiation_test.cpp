// What options are answered with.
#include "storage/nbd/negotiation.hpp"

#include <gtest/gtest.h>

#include "storage/nbd/client_bytes.hpp"
#include "storage/nbd/disk_catalogue.hpp"
#include "storage/nbd/limits.hpp"
#include "storage/nbd/memory_disk.hpp"

namespace orrery::storage::nbd {
namespace {

using Next = Negotiation::Next;
using testing::about;
using testing::contexts;
using testing::OptionAnswer;

class NegotiationTest : public ::testing::Test {
 protected:
  std::vector<OptionAnswer> ask(Option option, ByteSpan data = {}) {
    ByteWriter replies;
    next_ = negotiation_.take_option(static_cast<std::uint32_t>(option), data, replies);
    if (next_ == Next::kOpen) next_ = negotiation_.finish(std::nullopt, replies);
    raw_ = replies.take();
    return testing::parse_answers(raw_).value_or(std::vector<OptionAnswer>{});
  }
  std::vector<OptionReply> types(Option option, ByteSpan data = {}) {
    std::vector<OptionReply> types;
    for (const OptionAnswer& answer : ask(option, data)) types.push_back(answer.type);
    return types;
  }

  const std::unique_ptr<EventLoop> loop_ = EventLoop::create().value();
  testing::MemoryDisk disk_{*loop_, 1_MiB};
  const std::unique_ptr<DiskCatalogue> catalogue_ =
      DiskCatalogue::create(disk_, "debian", "a disk").value();
  Negotiation negotiation_{*catalogue_};
  Next next_ = Next::kEnd;
  std::vector<std::byte> raw_;
};

using Types = std::vector<OptionReply>;

TEST_F(NegotiationTest, TakesTheClientFlagsThatItKnows) {
  EXPECT_TRUE(negotiation_.take_client_flags(0));
  EXPECT_TRUE(negotiation_.take_client_flags(3));
  EXPECT_FALSE(negotiation_.take_client_flags(4));
}

TEST_F(NegotiationTest, ListsItsExports) {
  const auto answers = ask(Option::kList);
  ASSERT_EQ(answers.size(), 2u);
  EXPECT_EQ(answers[0].payload, std::string("\0\0\0\6debiana disk", 16));
  EXPECT_EQ(answers[1].type, OptionReply::kAck);
  EXPECT_EQ(types(Option::kList, contexts("", {})), Types{OptionReply::kErrorInvalid});
}

TEST_F(NegotiationTest, TellsAboutAnExport) {
  const auto answers = ask(Option::kInfo, about("debian", true));
  ASSERT_EQ(answers.size(), 5u);
  // Type, size, flags: has flags, flush, FUA, trim, write-zeroes, multi-connection, cache, fast
  // zero.
  EXPECT_EQ(answers[0].payload, std::string("\0\0\0\0\0\0\0\x10\0\0\x0D\x6D", 12));
  EXPECT_EQ(answers[1].payload, std::string("\0\1debian", 8));
  EXPECT_EQ(answers[2].payload, std::string("\0\2a disk", 8));
  EXPECT_EQ(answers[3].payload, std::string("\0\3\0\0\2\0\0\0\x10\0\2\0\0\0", 14));
  EXPECT_EQ(next_, Next::kOption);
  EXPECT_EQ(types(Option::kInfo, about("windows")), Types{OptionReply::kErrorUnknown});
  EXPECT_EQ(types(Option::kInfo, about("")).back(), OptionReply::kAck);
}

TEST_F(NegotiationTest, OpensWhatGoNames) {
  EXPECT_EQ(types(Option::kGo, about("windows")), Types{OptionReply::kErrorUnknown});
  EXPECT_EQ(types(Option::kGo, about("")),
            (Types{OptionReply::kInfo, OptionReply::kInfo, OptionReply::kInfo, OptionReply::kAck}));
  EXPECT_FALSE(negotiation_.agreement().structured_replies);
}

TEST_F(NegotiationTest, TellsWhyAnExportCannotBeOpened) {
  ByteWriter replies;
  ASSERT_EQ(
      negotiation_.take_option(static_cast<std::uint32_t>(Option::kGo), about("debian"), replies),
      Next::kOpen);
  EXPECT_EQ(negotiation_.finish(Error("is being mended"), replies), Next::kOption);
  const auto answers = testing::parse_answers(replies.take()).value();
  ASSERT_EQ(answers.size(), 1u);
  EXPECT_EQ(answers[0].type, OptionReply::kErrorPolicy);
  EXPECT_EQ(answers[0].payload, "is being mended");
}

TEST_F(NegotiationTest, KnowsTheOldWayToChoose) {
  const auto name = as_bytes("debian", 6);
  ask(Option::kExportName, name);
  EXPECT_EQ(next_, Next::kOption);
  EXPECT_EQ(raw_.size(), 10u + 124u);
  negotiation_.take_client_flags(client_flag::kFixedNewstyle | client_flag::kNoZeroes);
  ask(Option::kExportName, name);
  EXPECT_EQ(raw_.size(), 10u);
  ask(Option::kExportName, as_bytes("windows", 7));
  EXPECT_EQ(next_, Next::kEnd);
  EXPECT_TRUE(raw_.empty());
}

TEST_F(NegotiationTest, SelectsTheAllocation) {
  EXPECT_EQ(types(Option::kSetMetaContext, contexts("", {"base:allocation"})),
            Types{OptionReply::kErrorInvalid})
      << "before structured replies";
  EXPECT_EQ(types(Option::kStructuredReply), Types{OptionReply::kAck});
  const Types one{OptionReply::kMetaContext, OptionReply::kAck};
  const Types none{OptionReply::kAck};
  EXPECT_EQ(types(Option::kListMetaContext, contexts("", {})), one);
  EXPECT_EQ(types(Option::kListMetaContext, contexts("", {"base:"})), one);
  EXPECT_EQ(types(Option::kSetMetaContext, contexts("", {})), none);
  EXPECT_EQ(types(Option::kSetMetaContext, contexts("", {"base:", "qemu:dirty-bitmap:x"})), none);
  EXPECT_EQ(types(Option::kSetMetaContext, contexts("", {"x-y:z", "base:allocation"})), one);
  ask(Option::kGo, about("debian"));
  EXPECT_TRUE(negotiation_.agreement().block_status) << "\"\" is the same export";
  EXPECT_NE(negotiation_.agreement().flags & transmission_flag::kSendDf, 0);
  EXPECT_EQ(types(Option::kSetMetaContext, contexts("windows", {"base:allocation"})),
            Types{OptionReply::kErrorUnknown});
  EXPECT_FALSE(negotiation_.agreement().block_status) << "the last choice counts, if it failed too";
}

// A catalogue that makes an export each time it is asked.
class FreshCatalogue final : public Catalogue {
 public:
  explicit FreshCatalogue(port::Blocks& disk) : disk_(disk) {}
  std::vector<std::shared_ptr<Export>> list() override { return {find("debian")}; }
  std::shared_ptr<Export> find(std::string_view name) override {
    return DiskCatalogue::create(disk_, "debian", "").value()->find(name);
  }

 private:
  port::Blocks& disk_;
};

TEST_F(NegotiationTest, KnowsAnExportByItsName) {
  FreshCatalogue catalogue(disk_);
  Negotiation negotiation(catalogue);
  ByteWriter replies;
  const auto ask = [&](Option option, ByteSpan data) {
    return negotiation.take_option(static_cast<std::uint32_t>(option), data, replies);
  };
  ask(Option::kStructuredReply, {});
  ask(Option::kSetMetaContext, contexts("debian", {"base:allocation"}));
  ASSERT_EQ(ask(Option::kGo, about("debian")), Next::kOpen);
  negotiation.finish(std::nullopt, replies);
  EXPECT_TRUE(negotiation.agreement().block_status);
}

TEST_F(NegotiationTest, RefusesWhatItDoesNotKnow) {
  EXPECT_EQ(types(Option::kStartTls), Types{OptionReply::kErrorUnsupported});
  EXPECT_EQ(types(static_cast<Option>(4)), Types{OptionReply::kErrorUnsupported});
  EXPECT_EQ(types(static_cast<Option>(0xFFFFFFFF)), Types{OptionReply::kErrorUnsupported});
  EXPECT_EQ(types(Option::kAbort), Types{OptionReply::kAck});
  EXPECT_EQ(next_, Next::kEnd);
}

TEST_F(NegotiationTest, RefusesDataOfAnotherLength) {
  ask(Option::kStructuredReply);
  const std::vector<std::vector<std::byte>> good{about("debian", true),
                                                 contexts("debian", {"base:"})};
  for (std::size_t length = 0; length < good[0].size(); ++length) {
    EXPECT_EQ(types(Option::kInfo, ByteSpan(good[0]).first(length)),
              Types{OptionReply::kErrorInvalid})
        << length;
  }
  for (std::size_t length = 0; length < good[1].size(); ++length) {
    EXPECT_EQ(types(Option::kSetMetaContext, ByteSpan(good[1]).first(length)),
              Types{OptionReply::kErrorInvalid})
        << length;
  }
  auto longer = good[1];
  longer.push_back(std::byte{0});
  EXPECT_EQ(types(Option::kListMetaContext, longer), Types{OptionReply::kErrorInvalid});
}

TEST_F(NegotiationTest, OffersOnlyReadingOfWhatIsReadOnly) {
  disk_.shape.read_only = true;
  ask(Option::kGo, about(""));
  namespace flag = transmission_flag;
  EXPECT_EQ(negotiation_.agreement().flags, flag::kHasFlags | flag::kReadOnly | flag::kSendFlush |
                                                flag::kSendFua | flag::kCanMultiConn |
                                                flag::kSendCache);
}

TEST_F(NegotiationTest, AnExportHasANameThatTheProtocolKnows) {
  EXPECT_FALSE(DiskCatalogue::create(disk_, std::string(4097, 'x'), ""));
  EXPECT_FALSE(DiskCatalogue::create(disk_, std::string("a\0b", 3), ""));
}

}  // namespace
}  // namespace orrery::storage::nbd
