// Differencing disks that are laid over disks in use (storage/live_overlay.hpp).
#include "storage/live_overlay.hpp"

#include <filesystem>

#include <gtest/gtest.h>

#include "storage/disk_image.hpp"
#include "storage/qcow2/disk.hpp"
#include "storage/request/run_task.hpp"
#include "storage/request/transfers.hpp"
#include "storage/tools/disk_copy.hpp"
#include "storage/tools/disk_tools.hpp"

namespace orrery::storage {
namespace {

constexpr std::uint64_t kSize = 16_MiB;

class LiveOverlayTest : public ::testing::Test {
 protected:
  void SetUp() override {
    char name[] = "/tmp/orrery-overlay-XXXXXX";
    ASSERT_NE(::mkdtemp(name), nullptr);
    folder = name;
    base = folder + "/base.qcow2";
    CreateOptions create;
    create.path = base;
    create.size = Bytes(kSize);
    ASSERT_TRUE(create_disk(*loop, create));
    gate = std::make_unique<GatedDisk>(std::move(*open(base, false)));
  }
  ~LiveOverlayTest() override {
    gate.reset();
    std::filesystem::remove_all(folder);
  }

  Result<std::unique_ptr<port::Blocks>> open(const std::string& path, bool read_only) {
    DiskOptions options;
    options.path = path;
    options.read_only = read_only;
    return open_disk(*loop, options);
  }
  std::unique_ptr<LiveOverlay> prepare(const std::string& path, Bytes size = Bytes(kSize)) {
    auto file = create_overlay_file(*loop, path, std::filesystem::path(below).filename(), size);
    EXPECT_TRUE(file.has_value()) << file.error().message();
    auto made = run_task(*loop, LiveOverlay::prepare(*loop, *gate, std::move(*file), path));
    if (!made) {
      told = made.error().message();
      return nullptr;
    }
    below = path;
    return std::move(*made);
  }
  std::unique_ptr<LiveOverlay> freeze(const std::string& path) {
    auto overlay = prepare(path);
    gate->hold();
    const auto identity = run_task(*loop, overlay->freeze());
    EXPECT_TRUE(identity.has_value()) << identity.error().message();
    return overlay;
  }
  void lay(const std::string& path) { freeze(path)->lay(); }

  void write(char letter, std::uint64_t offset) {
    std::vector<std::byte> bytes(64_KiB, static_cast<std::byte>(letter));
    const auto done = run_task(*loop, write_all(*gate, offset, bytes));
    ASSERT_TRUE(done) << done.error().message();
  }
  char first_byte(port::Blocks& disk, std::uint64_t offset) {
    std::vector<std::byte> bytes(512);
    EXPECT_TRUE(run_task(*loop, read_all(disk, offset, bytes)));
    return static_cast<char>(bytes[0]);
  }
  // Of the file as others find it.
  std::string content(const std::string& path) {
    auto disk = open(path, true);
    if (!disk) return disk.error().message();
    return {first_byte(**disk, 0), first_byte(**disk, 1_MiB)};
  }

  std::string folder;
  std::string base;
  std::string below = "base.qcow2";
  std::string told;
  std::unique_ptr<EventLoop> loop = EventLoop::create().value();
  std::unique_ptr<GatedDisk> gate;
};

TEST_F(LiveOverlayTest, TakesWhatIsWrittenAndTheDiskBelowStays) {
  write('a', 0);
  write('b', 1_MiB);
  EXPECT_NE(content(base).find("in use"), std::string::npos);
  lay(folder + "/over.qcow2");
  gate->release();
  write('c', 0);
  EXPECT_EQ(first_byte(*gate, 0), 'c');
  EXPECT_EQ(first_byte(*gate, 1_MiB), 'b');
  EXPECT_EQ(content(base), "ab") << "others may read it";
  ASSERT_TRUE(flush_disk(*loop, *gate));
  gate.reset();
  EXPECT_EQ(content(folder + "/over.qcow2"), "cb");
}

TEST_F(LiveOverlayTest, RequestsThatWaitGoToTheNewDisk) {
  write('a', 0);
  const auto overlay = freeze(folder + "/over.qcow2");
  std::vector<std::byte> bytes(512, std::byte{'w'});
  bool completed = false;
  gate->submit({.kind = port::BlockRequest::Kind::kWrite,
                .offset = 0,
                .length = bytes.size(),
                .buffers = {bytes}},
               [&](const Result<>& result) { completed = result.has_value(); });
  overlay->lay();
  gate->release();
  while (!completed) loop->poll();
  EXPECT_EQ(first_byte(*gate, 0), 'w');
  EXPECT_EQ(content(base)[0], 'a');
}

TEST_F(LiveOverlayTest, ManyOneOverTheOther) {
  for (int i = 0; i < 20; ++i) {
    write(static_cast<char>('a' + i), 0);
    lay(folder + "/" + std::to_string(i) + ".qcow2");
    gate->release();
  }
  write('z', 1_MiB);
  EXPECT_EQ(first_byte(*gate, 0), 't');
  for (int i = 1; i < 20; ++i) {
    EXPECT_EQ(content(folder + "/" + std::to_string(i - 1) + ".qcow2")[0], 'a' + i);
  }
  EXPECT_EQ(dynamic_cast<qcow2::Disk&>(gate->disk()).links(), 21u) << "of one chain, not nested";
}

// What a disk gives back is not lost to the file that stays below.
TEST_F(LiveOverlayTest, WhatStaysBelowIsSound) {
  write('a', 0);
  write('b', 1_MiB);
  ASSERT_TRUE(run_task(*loop, zero_piece(*gate, 0, 64_KiB)));
  lay(folder + "/over.qcow2");
  gate->release();
  const auto report = check_disk(*loop, base, Format::kQcow2, Repair::kNo);
  ASSERT_TRUE(report.has_value()) << report.error().message();
  EXPECT_EQ(report->errors, 0u);
  EXPECT_EQ(report->leaks, 0u);
}

TEST_F(LiveOverlayTest, NobodyReadsTheOldDiskBeforeItIsCertain) {
  write('a', 0);
  const auto overlay = freeze(folder + "/over.qcow2");
  EXPECT_NE(content(base).find("in use"), std::string::npos);
  overlay->lay();
  EXPECT_EQ(content(base)[0], 'a');
}

TEST_F(LiveOverlayTest, IsNotLaidAndTheDiskGoesOn) {
  write('a', 0);
  freeze(folder + "/over.qcow2").reset();
  gate->release();
  write('b', 0);
  EXPECT_EQ(first_byte(*gate, 0), 'b');
  // Whoever kept the overlay is told that it is over another content now.
  ASSERT_TRUE(flush_disk(*loop, *gate));
  gate.reset();
  EXPECT_NE(content(folder + "/over.qcow2").find("not what it was"), std::string::npos);
}

TEST_F(LiveOverlayTest, DisksThatDoNotFit) {
  EXPECT_EQ(prepare(folder + "/small.qcow2", Bytes(8_MiB)), nullptr);
  EXPECT_NE(told.find("8388608 bytes"), std::string::npos) << told;
  gate.reset();
  CreateOptions create;
  create.path = folder + "/disk.raw";
  create.format = Format::kRaw;
  create.size = Bytes(kSize);
  ASSERT_TRUE(create_disk(*loop, create));
  gate = std::make_unique<GatedDisk>(std::move(*open(create.path, false)));
  EXPECT_EQ(prepare(folder + "/over.qcow2"), nullptr);
  EXPECT_NE(told.find("only a qcow2"), std::string::npos) << told;
}

}  // namespace
}  // namespace orrery::storage
