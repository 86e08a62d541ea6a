// The table of options (vmm/options.hpp).
#include "vmm/options/options.hpp"

#include <gtest/gtest.h>

#include "vmm/options/configuration_file.hpp"

namespace orrery::vmm {
namespace {

Setting setting(const char* name, const char* value) {
  return {find_option(name), value, std::string("--") + name};
}

TEST(Options, CommandLineReplacesWhatTheFileSays) {
  const std::vector file{setting("cpus", "2"), setting("disk", "a.img"), setting("memory", "1G")};
  const std::vector line{setting("disk", "b.img"), setting("disk", "c.img"), setting("cpus", "4")};
  const auto configuration = configure(file, line);
  ASSERT_TRUE(configuration.has_value()) << configuration.error().message();
  EXPECT_EQ(configuration->cpus, 4u);
  EXPECT_EQ(configuration->memory.value(), 1_GiB);
  ASSERT_EQ(configuration->disks.size(), 2u);
  EXPECT_EQ(configuration->disks[0].path, "b.img");
}

TEST(Options, ErrorsNameTheOption) {
  struct Case {
    const char* name;
    const char* value;
    const char* hint;
  };
  for (const Case& c :
       {Case{"memory", "5Q", "512M"}, Case{"memory", "4M", "8M"}, Case{"memory", "10000001", "4K"},
        Case{"cpus", "17", "16"}, Case{"code-cache", "64K", "1M"}, Case{"code-cache", "2G", "1G"},
        Case{"paging", "tags,fast", "directed"}, Case{"engine", "tcg", "interpret"},
        Case{"console", "x", "stdio"}, Case{"disk", "a,b", "readonly"}, Case{"net", "x", "user"},
        Case{"debug-exit", "yes", "true"}}) {
    const std::vector line{setting(c.name, c.value)};
    const auto configuration = configure({}, line);
    ASSERT_FALSE(configuration.has_value()) << c.name;
    const std::string& text = configuration.error().message();
    EXPECT_EQ(text.find(std::string("--") + c.name), 0u) << text;
    EXPECT_NE(text.find(c.hint), std::string::npos) << text;
  }
}

TEST(Options, StandardInputHasOneUser) {
  const std::vector both{setting("virtio-console", "stdio")};
  const auto refused = configure({}, both);
  ASSERT_FALSE(refused.has_value());
  EXPECT_NE(refused.error().message().find("--console none"), std::string::npos);
  const std::vector moved{setting("console", "none"), setting("virtio-console", "stdio"),
                          setting("virtio-console", "pty,name=agent")};
  const auto configuration = configure({}, moved);
  ASSERT_TRUE(configuration.has_value()) << configuration.error().message();
  EXPECT_EQ(configuration->virtio_consoles.size(), 2u);
  const std::vector twice{setting("console", "none"), setting("virtio-console", "stdio"),
                          setting("virtio-console", "stdio,name=b")};
  EXPECT_FALSE(configure({}, twice).has_value());
  EXPECT_FALSE(configure({}, std::vector(32, setting("virtio-console", "pty"))).has_value());
}

TEST(Options, LockstepIsForTheTranslatorOnOneProcessor) {
  const auto with = [](std::vector<Setting> more) {
    more.push_back(setting("lockstep", "true"));
    return configure({}, more);
  };
  EXPECT_TRUE(with({setting("engine", "translate")}));
  EXPECT_FALSE(with({}));
  const auto refused = with({setting("engine", "translate"), setting("cpus", "2")});
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().message().find("--cpus 1"), std::string::npos);
}

TEST(Options, WhatMustNotDependOnChanceIsTranslatedInline) {
  const auto with = [](const char* option) {
    return configure({}, std::vector{setting("engine", "translate"),
                                     setting("translation", "beside"), setting(option, "true")});
  };
  for (const char* option : {"counted", "lockstep"}) {
    const auto refused = with(option);
    ASSERT_FALSE(refused) << option;
    EXPECT_NE(refused.error().message().find("--translation beside"), std::string::npos);
  }
  EXPECT_TRUE(with("verbose"));
}

TEST(Options, ConfigurationSurvivesItsOwnFile) {
  const std::vector line{
      setting("kernel", "a \"b\" \\c\n\x7f"), setting("initrd", "x,y"),
      setting("disk", "d,readonly"),          setting("net", "user"),
      setting("no-reboot", "true"),           setting("memory", "768M"),
      setting("paging", "lazy,tags"),         setting("virtio-console", "file=a,name=b")};
  const auto first = configure({}, line);
  ASSERT_TRUE(first.has_value());
  const std::string text = to_toml(*first);
  const auto settings = parse_configuration(text, "vm.toml");
  ASSERT_TRUE(settings.has_value()) << settings.error().message() << '\n' << text;
  const auto second = configure(*settings, {});
  ASSERT_TRUE(second.has_value());
  EXPECT_EQ(to_toml(*second), text);
  EXPECT_EQ(second->initrds.size(), 2u);
  EXPECT_TRUE(second->paging.tags && second->paging.lazy_dirty);
  EXPECT_FALSE(second->paging.batches || second->paging.directed);
}

TEST(ConfigurationFile, RefusesWhatIsNotUtf8) {
  for (const std::string text :
       {"memory = \"\xff\"", "\xc0\x80", "\xed\xa0\x80", "\xf5", "a\x01", "\xe2\x82"}) {
    const auto settings = parse_configuration("cpus = 1\n" + text, "vm.toml");
    ASSERT_FALSE(settings) << text;
    EXPECT_NE(settings.error().message().find("vm.toml:2: not text in UTF-8"), std::string::npos)
        << settings.error().message();
  }
  EXPECT_TRUE(parse_configuration("append = \"gr\xc3\xbc\xc3\x9f \xf0\x9f\x98\x80\"\n", "vm.toml"));
}

}  // namespace
}  // namespace orrery::vmm
