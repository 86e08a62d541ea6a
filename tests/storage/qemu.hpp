// Disk images both ways with QEMU's own tools (Debian's qemu-utils): what they write we read, what
// we write they find whole.
#pragma once

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <random>

#include <gtest/gtest.h>

#include "base/format.hpp"
#include "storage/disk_image.hpp"
#include "storage/request/run_task.hpp"
#include "storage/request/submitted.hpp"

namespace orrery::storage {

inline constexpr std::uint64_t kDiskSize = 24_MiB;

class QemuTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (std::system("qemu-img --version >/dev/null 2>&1") != 0) {
      GTEST_SKIP() << "qemu-img is not installed (tools/setup test)";
    }
    char name[] = "/tmp/orrery-disk-XXXXXX";
    ASSERT_NE(::mkdtemp(name), nullptr);
    folder_ = name;
  }
  void TearDown() override {
    if (!folder_.empty()) std::filesystem::remove_all(folder_);
  }

  std::string path(const std::string& name) const { return folder_ + "/" + name; }
  void shell(const std::string& command) const {
    const std::string all = "cd " + folder_ + " && { " + command + "; } >log 2>&1";
    ASSERT_EQ(std::system(all.c_str()), 0) << command << "\n" << read_text(path("log"));
  }
  static std::string read_text(const std::string& file) {
    std::error_code error;
    const auto size = std::filesystem::file_size(file, error);
    std::string text(error ? 0 : size, '\0');
    std::ifstream(file).read(text.data(), static_cast<std::streamsize>(text.size()));
    return text;
  }

  // Random writes, zeroes and discards by qemu-io.
  std::string qemu_trace(const std::string& image, unsigned seed, unsigned count,
                         const std::string& more = "") const {
    std::mt19937 random(seed);
    std::string commands = "qemu-io -t unsafe -d unmap " + more;
    for (unsigned i = 0; i < count; ++i) {
      const std::uint64_t sector = random() % (kDiskSize / 512 - 300);
      const std::uint64_t sectors = 1 + random() % 300;
      switch (random() % 6) {
        case 0: commands += format(" -c 'write -z {} {}'", sector * 512, sectors * 512); break;
        case 1: commands += format(" -c 'write -zu {} {}'", sector * 512, sectors * 512); break;
        case 2: commands += format(" -c 'discard {} {}'", sector * 512, sectors * 512); break;
        default:
          commands +=
              format(" -c 'write -P {} {} {}'", 1 + random() % 255, sector * 512, sectors * 512);
      }
    }
    return commands + " " + image + " | { ! grep -i fail; }";
  }

  std::unique_ptr<port::Blocks> open(const DiskOptions& options) {
    auto disk = open_disk(*loop_, options);
    EXPECT_TRUE(disk) << disk.error().message();
    return disk ? std::move(*disk) : nullptr;
  }
  Result<> perform(port::Blocks& disk, port::BlockRequest request) {
    return run_task(*loop_, waited(disk, std::move(request)));
  }
  std::vector<std::byte> read_all(port::Blocks& disk) {
    std::vector<std::byte> bytes(disk.geometry().size.value());
    const Result<> read = perform(disk, {.kind = port::BlockRequest::Kind::kRead,
                                         .offset = 0,
                                         .length = bytes.size(),
                                         .may_unmap = false,
                                         .buffers = {bytes}});
    EXPECT_TRUE(read) << read.error().message();
    return bytes;
  }
  static std::vector<std::byte> read_file(const std::string& file) {
    const std::string text = read_text(file);
    const auto* const data = reinterpret_cast<const std::byte*>(text.data());
    return {data, data + text.size()};
  }
  // Our reading of IMAGE against QEMU's.
  void expect_read_alike(const std::string& image, const std::string& more = "") {
    shell("qemu-img convert -O raw " + more + " " + image + " expected.raw");
    DiskOptions options;
    options.path = path(image);
    options.read_only = true;
    const auto disk = open(options);
    ASSERT_NE(disk, nullptr);
    EXPECT_TRUE(read_all(*disk) == read_file(path("expected.raw"))) << image;
  }
  // Random requests of ours, kept up in CONTENT.
  void write_randomly(port::Blocks& disk, std::vector<std::byte>& content, unsigned seed,
                      unsigned count) {
    std::mt19937 random(seed);
    for (unsigned i = 0; i < count; ++i) {
      const std::uint64_t offset = random() % (kDiskSize / 512 - 300) * 512;
      const std::uint64_t length = (1 + random() % 300) * 512;
      const auto begin = content.begin() + static_cast<std::ptrdiff_t>(offset);
      port::BlockRequest request{.kind = port::BlockRequest::Kind::kWrite,
                                 .offset = offset,
                                 .length = length,
                                 .may_unmap = random() % 2 == 0,
                                 .buffers = {}};
      std::vector<std::byte> bytes(length, static_cast<std::byte>(random()));
      if (random() % 4 == 0) {
        request.kind = port::BlockRequest::Kind::kWriteZeroes;
        bytes.assign(length, std::byte{0});
      } else {
        request.buffers = {bytes};
      }
      std::copy(bytes.begin(), bytes.end(), begin);
      const Result<> done = perform(disk, std::move(request));
      ASSERT_TRUE(done) << done.error().message();
    }
    ASSERT_TRUE(flush_disk(*loop_, disk));
  }
  void expect_written_alike(const std::string& image, unsigned seed) {
    shell("qemu-img convert -O raw " + image + " before.raw");
    std::vector<std::byte> content = read_file(path("before.raw"));
    DiskOptions options;
    options.path = path(image);
    auto disk = open(options);
    ASSERT_NE(disk, nullptr);
    write_randomly(*disk, content, seed, 200);
    disk.reset();
    shell("qemu-img check " + image);
    shell("qemu-img convert -O raw " + image + " after.raw");
    EXPECT_TRUE(content == read_file(path("after.raw"))) << image;
    expect_read_alike(image);
  }

  std::unique_ptr<EventLoop> loop_ = EventLoop::create().value();

 private:
  static Task<Result<>> waited(port::Blocks& disk, port::BlockRequest request) {
    co_return co_await Submitted(disk, std::move(request));
  }
  std::string folder_;
};

}  // namespace orrery::storage
