// Trees in packets: what is damaged, or would take the reader's stack, is refused.
#include "remote/packet/tree.hpp"

#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

namespace orrery::remote {
namespace {

using ::testing::HasSubstr;
using Json = nlohmann::json;

Result<Json> decode(const std::vector<std::uint8_t>& bytes) {
  return decode_tree(as_bytes(bytes.data(), bytes.size()), "the test's tree");
}

TEST(Tree, ATreeIsRead) {
  const Json tree = {{"one", 1}, {"list", {1, -2, "text", nullptr, true, 0.5}}};
  const auto decoded = decode(Json::to_cbor(tree));
  ASSERT_TRUE(decoded);
  EXPECT_EQ(*decoded, tree);
}

TEST(Tree, DamageIsNamed) {
  for (const std::vector<std::uint8_t>& bytes :
       {std::vector<std::uint8_t>{}, {0xa1}, {0x18}, {0xff}, {0x01, 0x01}}) {
    const auto decoded = decode(bytes);
    ASSERT_FALSE(decoded);
    EXPECT_THAT(decoded.error().message(), HasSubstr("the test's tree"));
  }
}

TEST(Tree, DepthIsLimited) {
  std::vector<std::uint8_t> lists(20, 0x81);  // lists of one, one in the other
  lists.push_back(0x01);
  EXPECT_TRUE(decode(lists));
  EXPECT_FALSE(decode(std::vector<std::uint8_t>(8'000'000, 0x81)));
  EXPECT_FALSE(decode(std::vector<std::uint8_t>(8'000'000, 0x9f)));  // without lengths
}

}  // namespace
}  // namespace orrery::remote
