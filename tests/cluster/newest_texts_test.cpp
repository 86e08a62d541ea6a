// What waits for somebody slow (cluster/panel/newest_texts.hpp).
#include "cluster/panel/newest_texts.hpp"

#include <gtest/gtest.h>

namespace orrery::cluster {
namespace {

TEST(NewestTexts, OfEachThingOnlyTheNewestWaits) {
  NewestTexts texts;
  texts.put("a", "1");
  texts.put("a", "2");
  EXPECT_EQ(texts.take(), "2");
  EXPECT_TRUE(texts.empty());
  EXPECT_EQ(texts.take(), std::nullopt);
}

TEST(NewestTexts, EachThingHasItsTurnHoweverOftenTheFirstComes) {
  NewestTexts texts;
  for (const char* const about : {"a", "b", "c"}) texts.put(about, about);
  std::string taken;
  for (int i = 0; i < 6; ++i) {
    const auto text = texts.take();
    ASSERT_TRUE(text);
    taken += *text;
    texts.put(*text, *text);
    texts.put("a", "a");
  }
  EXPECT_EQ(taken, "abcabc");
}

TEST(NewestTexts, WhatDoesNotFitIsDroppedUntilThereIsRoom) {
  NewestTexts texts(Bytes(10));
  texts.put("a", "1234");
  texts.put("b", "1234");
  texts.put("c", "");
  texts.put("a", "12345");  // larger than the one before, which is old now
  EXPECT_EQ(texts.take(), "1234");
  EXPECT_EQ(texts.take(), std::nullopt);
  texts.put("c", "123456789");
  EXPECT_EQ(texts.take(), "123456789");
  texts.put("d", "1234567890");
  EXPECT_TRUE(texts.empty());
}

}  // namespace
}  // namespace orrery::cluster
