// What a file is taken for, and chains of backing files (storage/disk_image.hpp).
#include "storage/disk_image.hpp"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <optional>

#include <gtest/gtest.h>

#include "storage/qcow2/create.hpp"

namespace orrery::storage {
namespace {

class DiskImageTest : public ::testing::Test {
 protected:
  void SetUp() override {
    char name[] = "/tmp/orrery-images-XXXXXX";
    ASSERT_NE(::mkdtemp(name), nullptr);
    folder_ = name;
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  std::string make_raw(const std::string& name, std::string start = "") {
    const std::string path = folder_ + "/" + name;
    start.resize(std::max<std::size_t>(start.size(), 64_KiB));
    std::ofstream(path, std::ios::binary).write(start.data(), static_cast<long>(start.size()));
    return path;
  }
  std::string make_qcow2(const std::string& name, const std::string& backing = "",
                         const std::string& backing_format = "",
                         const std::function<void(qcow2::Header&)>& change = {}) {
    qcow2::Header header;
    header.size = 1_MiB;
    header.backing = backing;
    if (!backing_format.empty()) {
      const auto* const text = reinterpret_cast<const std::byte*>(backing_format.data());
      header.set_extension(qcow2::kExtensionBackingFormat, {text, text + backing_format.size()});
    }
    if (change) change(header);
    auto bytes = qcow2::make_empty(header);
    EXPECT_TRUE(bytes) << bytes.error().message();
    return make_raw(name, {reinterpret_cast<const char*>(bytes->data()), bytes->size()});
  }
  std::string error_of(DiskOptions options) {
    const auto disk = open_disk(*loop_, options);
    return disk ? "" : disk.error().message();
  }
  static bool has(const std::string& text, const std::string& part) {
    return text.find(part) != std::string::npos;
  }
  Result<> write(port::Blocks& disk, std::uint64_t offset, std::string text) {
    text.resize(512);
    std::optional<Result<>> answer;
    const MutableByteSpan bytes(reinterpret_cast<std::byte*>(text.data()), text.size());
    disk.submit({.kind = port::BlockRequest::Kind::kWrite,
                 .offset = offset,
                 .length = 512,
                 .may_unmap = false,
                 .buffers = {bytes}},
                [&](Result<> result) {
                  answer = std::move(result);
                  loop_->stop();
                });
    loop_->run();
    return *answer;
  }

  std::unique_ptr<EventLoop> loop_ = EventLoop::create().value();
  std::string folder_;
};

TEST_F(DiskImageTest, AGuestCanNotMakeARawDiskLookLikeAnImage) {
  DiskOptions options;
  options.path = make_raw("disk.img");
  auto disk = open_disk(*loop_, options);
  ASSERT_TRUE(disk);
  EXPECT_FALSE(write(**disk, 0, "QFI\xfb and more"));
  EXPECT_FALSE(write(**disk, 0, "vhdxfile"));
  EXPECT_TRUE(write(**disk, 0, "boot sector"));
  EXPECT_TRUE(write(**disk, 512, "QFI\xfb"));
  disk->reset();
  options.format = Format::kRaw;
  disk = open_disk(*loop_, options);
  ASSERT_TRUE(disk);
  EXPECT_TRUE(write(**disk, 0, "QFI\xfb and more"));
}

TEST_F(DiskImageTest, ARawNameWithAnImagesContentIsAsked) {
  DiskOptions options;
  options.path = make_qcow2("disk.raw");
  EXPECT_TRUE(has(error_of(options), "format=qcow2"));
  options.format = Format::kQcow2;
  EXPECT_EQ(error_of(options), "");
  options.path = make_raw("disk.img", "KDMV");
  options.format.reset();
  EXPECT_TRUE(has(error_of(options), "qemu-img convert"));
}

TEST_F(DiskImageTest, ABackingFileWhoseFormatIsNotSaidIsRawOrAnError) {
  make_raw("base.img");
  make_qcow2("base.qcow2");
  DiskOptions options;
  options.path = make_qcow2("over-raw.qcow2", "base.img");
  EXPECT_EQ(error_of(options), "");
  options.path = make_qcow2("over-qcow2.qcow2", "base.qcow2");
  EXPECT_TRUE(has(error_of(options), "--backing-format qcow2"));
  options.path = make_qcow2("said.qcow2", "base.qcow2", "qcow2");
  EXPECT_EQ(error_of(options), "");
}

TEST_F(DiskImageTest, AChainThatGoesRoundIsRefused) {
  make_qcow2("a.qcow2", "b.qcow2", "qcow2");
  DiskOptions options;
  options.path = make_qcow2("b.qcow2", "a.qcow2", "qcow2");
  EXPECT_TRUE(has(error_of(options), "in its own chain"));
  options.path = make_qcow2("self.qcow2", "self.qcow2", "qcow2");
  EXPECT_TRUE(has(error_of(options), "in its own chain"));
  options.path = make_qcow2("orphan.qcow2", "gone.qcow2", "qcow2");
  EXPECT_TRUE(has(error_of(options), "gone.qcow2: cannot open"));
}

TEST_F(DiskImageTest, NamesWhatItDoesNotKnow) {
  DiskOptions options;
  options.path = make_qcow2("a.qcow2", "", "", [](qcow2::Header& header) {
    header.incompatible = 1ull << 40;
    std::vector<std::byte> name(48);
    name[1] = std::byte{40};
    std::memcpy(&name[2], "time travel", 11);
    header.set_extension(qcow2::kExtensionFeatureNames, std::move(name));
  });
  EXPECT_TRUE(has(error_of(options), "\"time travel\" (bit 40)"));
  options.path = make_qcow2(
      "b.qcow2", "", "", [](qcow2::Header& header) { header.incompatible = qcow2::kExternalData; });
  EXPECT_TRUE(has(error_of(options), "external data file"));
}

TEST_F(DiskImageTest, ADamagedImageIsRead) {
  DiskOptions options;
  options.path = make_qcow2("a.qcow2", "", "",
                            [](qcow2::Header& header) { header.incompatible = qcow2::kCorrupt; });
  EXPECT_TRUE(has(error_of(options), "check --repair"));
  options.read_only = true;
  EXPECT_EQ(error_of(options), "");
}

}  // namespace
}  // namespace orrery::storage
