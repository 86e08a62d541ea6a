// Root digests of what disks hold (storage/content_root.hpp, docs/formats/content-root.md).
#include "storage/content_root.hpp"

#include <fstream>
#include <sstream>

#include <gtest/gtest.h>

#include "storage/disk_image.hpp"
#include "storage/qcow2/content_record.hpp"
#include "storage/request/run_task.hpp"
#include "storage/request/transfers.hpp"
#include "storage/tools/disk_content.hpp"
#include "storage/tools/open_alone.hpp"
#include "support/temporary_folder.hpp"

namespace orrery::storage {
namespace {

class ContentRootTest : public ::testing::Test {
 protected:
  std::string create(const std::string& name, Format format, std::uint32_t cluster,
                     const std::string& backing = "") {
    CreateOptions options;
    options.path = folder_.path(name);
    options.format = format;
    options.size = Bytes(128_KiB);
    options.cluster_size = cluster;
    options.backing = backing;
    const auto made = create_disk(*loop_, options);
    EXPECT_TRUE(made) << made.error().message();
    return options.path;
  }
  void write(const std::string& path, std::uint64_t sector, std::vector<std::byte> bytes) {
    DiskOptions options;
    options.path = path;
    const auto disk = open_disk(*loop_, options);
    ASSERT_TRUE(disk) << disk.error().message();
    EXPECT_TRUE(run_task(*loop_, write_all(**disk, sector * 512, bytes)));
    EXPECT_TRUE(flush_disk(*loop_, **disk));
  }
  std::string root(const std::string& path) {
    DiskOptions options;
    options.path = path;
    options.read_only = true;
    const auto disk = open_disk(*loop_, options);
    EXPECT_TRUE(disk) << disk.error().message();
    const auto found = content_root(*loop_, **disk, {});
    EXPECT_TRUE(found) << found.error().message();
    return to_hex(*found);
  }
  void seal(const std::string& path) {
    const auto sealed = seal_disk(*loop_, path, {});
    ASSERT_TRUE(sealed) << sealed.error().message();
  }
  std::vector<ContentFinding::Kind> check(const std::string& path) {
    const auto findings = check_content(*loop_, path, std::nullopt, {});
    EXPECT_TRUE(findings) << findings.error().message();
    std::vector<ContentFinding::Kind> kinds;
    for (const ContentFinding& each : *findings) kinds.push_back(each.kind);
    return kinds;
  }

  static std::vector<std::byte> filled(std::size_t length, unsigned value) {
    return std::vector<std::byte>(length, static_cast<std::byte>(value));
  }

  testing::TemporaryFolder folder_;
  std::unique_ptr<EventLoop> loop_ = EventLoop::create().value();
};

using Kind = ContentFinding::Kind;

TEST_F(ContentRootTest, ExampleOfTheFormatPage) {
  std::ifstream page(ORRERY_SOURCE_DIR "/docs/formats/content-root.md");
  std::stringstream text;
  text << page.rdbuf();
  const std::string disk = create("a.qcow2", Format::kQcow2, 512);
  write(disk, 1, filled(512, 0x5A));
  EXPECT_NE(text.str().find("    " + root(disk) + "\n"), std::string::npos) << root(disk);
}

TEST_F(ContentRootTest, DoesNotDependOnHowADiskLiesInItsFile) {
  const std::string raw = create("a.raw", Format::kRaw, 0);
  const std::string small = create("b.qcow2", Format::kQcow2, 512);
  const std::string large = create("c.qcow2", Format::kQcow2, 65536);
  for (const std::string& each : {raw, small, large}) {
    write(each, 0, filled(128_KiB, 0));
    write(each, 9, filled(1024, 3));
    write(each, 200, filled(4096, 4));
  }
  EXPECT_EQ(root(raw), root(small));
  EXPECT_EQ(root(raw), root(large));
  // What is not held is not the same as zeroes that are.
  EXPECT_NE(root(create("d.qcow2", Format::kQcow2, 512)), root(create("e.raw", Format::kRaw, 0)));
}

TEST_F(ContentRootTest, IsOfALinkByItselfAndTakenOverByWhatIsMadeOverIt) {
  const std::string base = create("base.qcow2", Format::kQcow2, 4096);
  write(base, 0, filled(4096, 1));
  const std::string alone = root(base);
  seal(base);
  const std::string top = create("top.qcow2", Format::kQcow2, 4096, base);
  EXPECT_EQ(describe_disk(*loop_, base, std::nullopt)->content_root, alone);
  EXPECT_EQ(describe_disk(*loop_, top, std::nullopt)->parent_root, alone);
  EXPECT_EQ(check(top), (std::vector{Kind::kUnknown, Kind::kWhole}));
  write(top, 0, filled(512, 9));
  seal(top);
  EXPECT_EQ(check(top), (std::vector{Kind::kWhole, Kind::kWhole}));
}

TEST_F(ContentRootTest, AWriteTakesTheSealBackAndAccusesNobody) {
  const std::string disk = create("a.qcow2", Format::kQcow2, 4096);
  seal(disk);
  EXPECT_EQ(check(disk), std::vector{Kind::kWhole});
  write(disk, 5, filled(512, 1));
  EXPECT_EQ(check(disk), std::vector{Kind::kUnknown});
  EXPECT_EQ(describe_disk(*loop_, disk, std::nullopt)->content_root, "");
}

TEST_F(ContentRootTest, SealingADiskOverARawOneRecordsThatToo) {
  const std::string base = create("base.raw", Format::kRaw, 0);
  write(base, 0, filled(4096, 1));
  const std::string top = create("top.qcow2", Format::kQcow2, 4096, base);
  EXPECT_EQ(check(top), (std::vector{Kind::kUnknown, Kind::kUnknown}));
  seal(top);
  EXPECT_EQ(check(top), (std::vector{Kind::kWhole, Kind::kWhole}));
}

TEST_F(ContentRootTest, ADamagedRecordIsNotBelieved) {
  qcow2::Header header;
  const qcow2::Identities identities{.own = draw_identity(), .parent = draw_identity()};
  qcow2::set_identities(header, identities);
  const qcow2::ContentRoots roots{.own = store::Digest{}, .parent = store::Digest{}};
  ASSERT_TRUE(qcow2::set_content_roots(header, identities, roots));
  EXPECT_TRUE(qcow2::read_content_roots(header, identities)->parent);
  for (const std::uint32_t type : {qcow2::kExtensionContentRoots, qcow2::kExtensionIdentity}) {
    qcow2::Header flipped = header;
    std::vector<std::byte> bytes = flipped.extension(type)->data;
    bytes[40] ^= std::byte{4};
    flipped.set_extension(type, std::move(bytes));
    EXPECT_FALSE(qcow2::read_content_roots(flipped, identities));
  }
  std::vector<std::byte> later(200);
  store_be(later.data(), std::uint32_t{2});
  header.set_extension(qcow2::kExtensionContentRoots, std::move(later));
  EXPECT_FALSE(qcow2::read_content_roots(header, identities)->parent);
}

}  // namespace
}  // namespace orrery::storage
