// What a file is taken for, and chains of backing files (storage/disk_image.hpp).
#include "storage/disk_image.hpp"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <optional>
#include <sstream>

#include <gtest/gtest.h>
#include <sys/resource.h>

#include "storage/qcow2/create.hpp"
#include "storage/qcow2/identity.hpp"
#include "support/temporary_folder.hpp"

namespace orrery::storage {
namespace {

class DiskImageTest : public ::testing::Test {
 protected:
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
    header.set_backing_format(backing_format);
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
  const testing::TemporaryFolder temporary_;
  const std::string folder_ = temporary_.path(".");
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
  options.path = make_raw("disk.img", "COWD");
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

// The identifiers of chains: each of these asks for what `orrery disk info` shows.
class DiskIdentityTest : public DiskImageTest {
 protected:
  DiskIdentity identity(const std::string& path) {
    DiskOptions options;
    options.path = path;
    options.read_only = true;
    auto disk = open_disk(*loop_, options);
    EXPECT_TRUE(disk) << disk.error().message();
    return identity_of(**disk, path).value();
  }
  // Opens, writes once or twice or not at all, closes.
  void change(const std::string& path, int times) {
    DiskOptions options;
    options.path = path;
    auto disk = open_disk(*loop_, options);
    ASSERT_TRUE(disk) << disk.error().message();
    for (int i = 0; i < times; ++i) EXPECT_TRUE(write(**disk, 512, "x"));
    EXPECT_TRUE(flush_disk(*loop_, **disk));
  }
};

TEST_F(DiskIdentityTest, IsAnotherWithTheFirstChangeAfterAnOpen) {
  const std::string path = make_qcow2("a.qcow2");
  EXPECT_EQ(identity(path).kind, DiskIdentity::Kind::kFile);
  change(path, 1);
  const DiskIdentity first = identity(path);
  EXPECT_EQ(first.kind, DiskIdentity::Kind::kIdentifier);
  change(path, 0);
  EXPECT_EQ(identity(path), first);
  change(path, 2);
  EXPECT_NE(identity(path), first);
}

TEST_F(DiskIdentityTest, IsDrawnBeforeTheChangeItStandsFor) {
  const std::string path = make_qcow2("a.qcow2");
  change(path, 1);
  const DiskIdentity before = identity(path);
  DiskOptions options;
  options.path = path;
  auto disk = open_disk(*loop_, options);
  ASSERT_TRUE(disk);
  EXPECT_TRUE(write(**disk, 0, "x"));
  // Not flushed: what a crash would leave has the new identity already.
  std::filesystem::copy_file(path, folder_ + "/crashed.qcow2");
  EXPECT_NE(identity(folder_ + "/crashed.qcow2"), before);
}

TEST_F(DiskIdentityTest, ADamagedOneIsToldAndALaterVersionLeftAlone) {
  const auto with = [this](const std::string& name, std::uint32_t version, std::size_t length) {
    return make_qcow2(name, "", "", [&](qcow2::Header& header) {
      std::vector<std::byte> data(length);
      store_be(data.data(), version);
      header.set_extension(qcow2::kExtensionIdentity, std::move(data));
      header.autoclear = qcow2::kIdentityKept;
    });
  };
  DiskOptions options;
  options.path = with("short.qcow2", 1, 48);
  EXPECT_TRUE(has(error_of(options), "short.qcow2: damaged: its identity"));
  EXPECT_EQ(identity(with("later.qcow2", 2, 64)).kind, DiskIdentity::Kind::kFile);
}

TEST_F(DiskIdentityTest, ExampleOfTheFormatPage) {
  std::ifstream page(ORRERY_SOURCE_DIR "/docs/formats/qcow2-identity.md");
  std::stringstream buffer;
  buffer << page.rdbuf();
  std::string text = buffer.str();
  text = text.substr(text.find("4f525259"));
  std::vector<std::byte> bytes;
  std::erase_if(text, [](unsigned char c) { return std::isxdigit(c) == 0; });
  for (std::size_t i = 0; i + 1 < text.size(); i += 2) {
    bytes.push_back(static_cast<std::byte>(std::stoul(text.substr(i, 2), nullptr, 16)));
  }
  ASSERT_EQ(bytes.size(), 8u + 56u);
  EXPECT_EQ(load_be<std::uint32_t>(bytes.data()), qcow2::kExtensionIdentity);
  qcow2::Header header;
  header.autoclear = qcow2::kIdentityKept;
  header.set_extension(qcow2::kExtensionIdentity, {bytes.begin() + 8, bytes.end()});
  const qcow2::Identities identities = qcow2::read_identities(header).value();
  EXPECT_EQ(identities.parent.kind, DiskIdentity::Kind::kFile);
  EXPECT_EQ(identities.parent.file_size, 4_MiB);
  EXPECT_EQ(identities.own.identifier[0], std::byte{0x01});
  qcow2::Header again;
  qcow2::set_identities(again, identities);
  EXPECT_EQ(again.extension(qcow2::kExtensionIdentity)->data,
            header.extension(qcow2::kExtensionIdentity)->data);
}

// Chains of a thousand links.
class LongChainTest : public DiskIdentityTest {
 protected:
  std::string name(unsigned link) const { return "link" + std::to_string(link) + ".qcow2"; }
  // Link 0 is the base; each records the identity of the one below.
  std::string make_chain(unsigned links) {
    DiskIdentity below;
    for (unsigned i = 0; i < links; ++i) {
      const auto backing = i == 0 ? std::string() : name(i - 1);
      make_qcow2(name(i), backing, i == 0 ? "" : "qcow2", [&](qcow2::Header& header) {
        header.cluster_bits = 12;
        const qcow2::Identities identities{.own = draw_identity(), .parent = below};
        qcow2::set_identities(header, identities);
        below = identities.own;
      });
    }
    return folder_ + "/" + name(links - 1);
  }
  static std::size_t open_files() {
    const std::filesystem::directory_iterator files("/proc/self/fd");
    return static_cast<std::size_t>(std::distance(begin(files), end(files)));
  }
};

TEST_F(LongChainTest, TakesAFilePerLinkAndRaisesTheLimitItself) {
  rlimit limit{};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &limit), 0);
  const rlimit before = limit;
  limit.rlim_cur = 300;
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &limit), 0);
  DiskOptions options;
  options.path = make_chain(1000);
  change(folder_ + "/" + name(0), 1);
  // Which changed it: so the link above says so, by name.
  EXPECT_TRUE(has(error_of(options), "link1.qcow2: its backing file"));
  options.path = make_chain(1000);
  const std::size_t files = open_files();
  auto disk = open_disk(*loop_, options);
  ASSERT_TRUE(disk) << disk.error().message();
  EXPECT_LE(open_files() - files, 1000u + 2u);  // and a queue
  EXPECT_TRUE(write(**disk, 512, "x"));
  disk->reset();
  EXPECT_EQ(open_files(), files);
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &before), 0);
}

TEST_F(LongChainTest, EndsAtABoundThatIsTold) {
  DiskOptions options;
  options.path = make_chain(1025);
  EXPECT_TRUE(has(error_of(options), "more than 1024 links"));
}

}  // namespace
}  // namespace orrery::storage
