// What a store's server says to uploads (store/serve/upload_routes.hpp), without sockets.
#include "store/serve/upload_routes.hpp"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "base/format.hpp"
#include "store/disks.hpp"
#include "store/memory_files.hpp"
#include "support/format_page.hpp"

namespace orrery::store::serve {
namespace {

using http::Method;

constexpr std::string_view kToken = "0123456789abcdef0123";

class UploadRoutesTest : public ::testing::Test {
 protected:
  void SetUp() override {
    const auto store = Store::create(std::make_unique<testing::MemoryFiles>(folder_)).value();
    std::mt19937_64 random(1);
    ASSERT_TRUE(testing::add_disk(*store, "old", testing::make_disk(random, 20, 10), random));
    auto tokens = Tokens::parse(format("# who\nann {}\nben {}x\n", kToken, kToken));
    ASSERT_TRUE(tokens) << tokens.error().message();
    Uploads::Outside outside;
    outside.open = [this] { return Store::open(std::make_unique<testing::MemoryFiles>(folder_)); };
    outside.now = [this] { return now_; };
    uploads_.emplace(std::move(*tokens), std::move(outside));
  }

  http::Reply ask(Method method, const std::string& path, std::vector<std::byte> body = {},
                  const std::string& who = "") {
    http::Request request;
    request.method = method;
    request.path = path.substr(0, path.find('?'));
    if (path.find('?') != std::string::npos) {
      const std::string query = path.substr(path.find('?') + 1);
      request.query.emplace_back(query.substr(0, query.find('=')),
                                 query.substr(query.find('=') + 1));
    }
    request.headers.emplace_back("Authorization", format("Bearer {}{}", kToken, who));
    request.body.assign(reinterpret_cast<const char*>(body.data()), body.size());
    return reply_to_upload(request, &*uploads_);
  }
  static std::string text_of(const http::Reply& reply) {
    std::vector<std::byte> bytes(reply.content.size);
    EXPECT_TRUE(reply.content.read(0, bytes));
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
  }
  std::string begin(const std::string& name) {
    const http::Reply reply = ask(Method::kPost, "/uploads?name=" + name);
    EXPECT_EQ(reply.status, 201u) << text_of(reply);
    return "/uploads/" + nlohmann::json::parse(text_of(reply))["upload"].get<std::string>();
  }
  static UploadEntry data(ByteSpan bytes) {
    return {.kind = UploadEntry::Kind::kData,
            .length = bytes.size(),
            .digest = Hasher().digest(bytes),
            .bytes = bytes};
  }
  static std::vector<std::byte> body(const std::vector<UploadEntry>& entries) {
    std::vector<std::byte> unpacked;
    for (const UploadEntry& entry : entries) append_entry(unpacked, entry);
    return pack_body(unpacked);
  }
  bool has_image(const std::string& name) { return folder_->names.contains("images/" + name); }
  std::size_t incoming() {
    return static_cast<std::size_t>(
        std::count_if(folder_->names.begin(), folder_->names.end(),
                      [](const auto& each) { return each.first.starts_with("incoming/"); }));
  }

  std::shared_ptr<testing::MemoryFolder> folder_ = std::make_shared<testing::MemoryFolder>();
  std::chrono::steady_clock::time_point now_{};
  std::optional<Uploads> uploads_;
  const std::vector<std::byte> block_ = std::vector<std::byte>(4096, std::byte{7});
};

TEST_F(UploadRoutesTest, ADiskOfItsEntries) {
  const std::string upload = begin("disk");
  const UploadEntry zeroes{.length = 8192, .digest = {}, .bytes = {}};
  UploadEntry known = data(block_);
  known.kind = UploadEntry::Kind::kKnown;
  EXPECT_EQ(ask(Method::kPut, upload + "/entries/0", body({data(block_), zeroes, known})).status,
            200u);
  const auto state = nlohmann::json::parse(text_of(ask(Method::kGet, upload)));
  EXPECT_EQ(state["entries"], 3u);
  EXPECT_FALSE(has_image("disk"));
  EXPECT_EQ(ask(Method::kPost, upload + "/publish").status, 201u);
  const auto store = Store::open(std::make_unique<testing::MemoryFiles>(folder_)).value();
  testing::DiskBytes expected(4 * 4096);
  std::copy(block_.begin(), block_.end(), expected.begin());
  std::copy(block_.begin(), block_.end(), expected.begin() + 3 * 4096);
  EXPECT_EQ(testing::read_disk(*store, "disk").value(), expected);
  EXPECT_EQ(ask(Method::kGet, upload).status, 404u);
  EXPECT_EQ(incoming(), 0u);
}

TEST_F(UploadRoutesTest, RefusesWhatIsWrong) {
  const std::string upload = begin("disk");
  UploadEntry other = data(block_);
  other.digest.bytes[0] ^= std::byte{1};
  EXPECT_EQ(ask(Method::kPut, upload + "/entries/0", body({other})).status, 400u);
  other.kind = UploadEntry::Kind::kKnown;
  EXPECT_EQ(ask(Method::kPut, upload + "/entries/0", body({other})).status, 409u);
  EXPECT_EQ(ask(Method::kPut, upload + "/entries/1", body({data(block_)})).status, 409u);
  EXPECT_EQ(ask(Method::kPut, upload + "/entries/x", body({data(block_)})).status, 400u);
  std::vector<std::byte> cut = body({data(block_)});
  cut.resize(cut.size() - 1);
  EXPECT_EQ(ask(Method::kPut, upload + "/entries/0", cut).status, 400u);
  EXPECT_EQ(ask(Method::kPost, upload + "/missing", std::vector<std::byte>(33)).status, 400u);
  EXPECT_EQ(ask(Method::kPost, upload + "/publish").status, 400u) << "of no bytes";
  EXPECT_EQ(ask(Method::kPost, "/uploads?name=../etc").status, 400u);
  EXPECT_EQ(ask(Method::kPut, "/uploads").status, 405u);
  EXPECT_EQ(ask(Method::kPost, upload + "/other").status, 405u);
  // A length that is not the segment's.
  EXPECT_EQ(ask(Method::kPut, upload + "/entries/0", body({data(block_)})).status, 200u);
  UploadEntry shorter = data(block_);
  shorter.kind = UploadEntry::Kind::kKnown;
  shorter.length = 512;
  EXPECT_EQ(ask(Method::kPut, upload + "/entries/1", body({shorter})).status, 400u);
  EXPECT_EQ(ask(Method::kPost, upload + "/publish").status, 201u) << "what was right is kept";
}

TEST_F(UploadRoutesTest, AnotherOwnersIsNotThere) {
  const std::string upload = begin("disk");
  EXPECT_EQ(ask(Method::kGet, upload, {}, "x").status, 404u);
  EXPECT_EQ(ask(Method::kGet, upload, {}, "y").status, 401u);
  EXPECT_EQ(ask(Method::kGet, upload).status, 200u);
  EXPECT_EQ(begin("disk"), upload) << "one that is under way goes on";
  EXPECT_EQ(ask(Method::kDelete, upload).status, 200u);
  EXPECT_EQ(ask(Method::kGet, upload).status, 404u);
  EXPECT_EQ(incoming(), 0u);
}

TEST_F(UploadRoutesTest, WaitsAnHourForItsClient) {
  const std::string upload = begin("disk");
  now_ += std::chrono::minutes(59);
  EXPECT_EQ(ask(Method::kGet, upload).status, 200u);
  now_ += std::chrono::minutes(59);
  EXPECT_EQ(ask(Method::kGet, upload).status, 200u);
  EXPECT_GT(incoming(), 0u);
  now_ += std::chrono::minutes(61);
  EXPECT_EQ(ask(Method::kGet, upload).status, 404u);
  EXPECT_EQ(incoming(), 0u);
}

TEST_F(UploadRoutesTest, TakesSoManyAtATime) {
  for (std::size_t i = 0; i < Uploads::kMost; ++i) begin(format("disk-{}", i));
  EXPECT_EQ(ask(Method::kPost, "/uploads?name=one-more").status, 503u);
}

// At whatever operation the power goes off: the images are those that were there, whole, and the
// new one if its publishing was answered.
TEST_F(UploadRoutesTest, APowerCutLeavesAWholeStore) {
  std::mt19937_64 random(5);
  unsigned published = 0;
  for (std::uint64_t cut = 0; cut < 60; ++cut) {
    SCOPED_TRACE(format("power goes off after {} operations", cut));
    folder_ = std::make_shared<testing::MemoryFolder>();
    uploads_.reset();
    SetUp();
    const auto before = testing::read_disk(
        *Store::open(std::make_unique<testing::MemoryFiles>(folder_)).value(), "old");
    folder_->fails_after = folder_->operations + cut;
    bool done = false;
    const http::Reply begun = ask(Method::kPost, "/uploads?name=disk");
    if (begun.status == 201) {
      const std::string upload =
          "/uploads/" + nlohmann::json::parse(text_of(begun))["upload"].get<std::string>();
      (void)ask(Method::kPut, upload + "/entries/0", body({data(block_)}));
      done = ask(Method::kPost, upload + "/publish").status == 201;
    }
    uploads_.reset();
    folder_ = folder_->cut_power(random);
    const auto store = Store::open(std::make_unique<testing::MemoryFiles>(folder_));
    ASSERT_TRUE(store) << store.error().message();
    EXPECT_EQ(testing::read_disk(**store, "old").value(), before.value());
    if (done || has_image("disk")) {
      EXPECT_EQ(testing::read_disk(**store, "disk").value(), block_);
    }
    published += done ? 1 : 0;
  }
  EXPECT_GT(published, 0u);
}

TEST(Tokens, ErrorsNameTheLine) {
  const auto message = [](std::string_view text) {
    const auto tokens = Tokens::parse(text);
    return tokens ? "" : tokens.error().message();
  };
  EXPECT_EQ(message("ann 0123456789abcdef\n"), "");
  EXPECT_EQ(message("# no\n\n ann\t0123456789abcdef \r\nben 0123456789abcdefg"), "");
  EXPECT_NE(message("ann 0123456789abcdef\nben\n").find("line 2: "), std::string::npos);
  EXPECT_NE(message("ann 0123456789abcdef more\n").find("line 1: "), std::string::npos);
  EXPECT_NE(message("ann short\n").find("at least 16"), std::string::npos);
  EXPECT_NE(message("# nobody\n").find("no token"), std::string::npos);
}

TEST(UploadEntries, ExampleOfTheFormatPage) {
  const std::vector<std::byte> bytes = format_example("store-upload.md", "Example");
  const auto unpacked = unpack_body(bytes);
  ASSERT_TRUE(unpacked) << unpacked.error().message();
  ByteSpan rest = *unpacked;
  const auto zeroes = take_entry(rest);
  ASSERT_TRUE(zeroes && *zeroes);
  EXPECT_EQ((*zeroes)->kind, UploadEntry::Kind::kZeroes);
  EXPECT_EQ((*zeroes)->length, 1048576u);
  const auto known = take_entry(rest);
  ASSERT_TRUE(known && *known);
  EXPECT_EQ((*known)->kind, UploadEntry::Kind::kKnown);
  EXPECT_EQ((*known)->length, 4096u);
  EXPECT_EQ((*known)->digest.bytes[0], std::byte{0x11});
  const auto sent = take_entry(rest);
  ASSERT_TRUE(sent && *sent);
  EXPECT_EQ((*sent)->kind, UploadEntry::Kind::kData);
  EXPECT_EQ((*sent)->bytes.size(), 4u);
  EXPECT_TRUE(rest.empty());
}

}  // namespace
}  // namespace orrery::store::serve
