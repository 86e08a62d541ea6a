// Damaged VHDX images: what is used instead, what is refused, and what is said.
#include "storage/io/crc32c.hpp"
#include "storage/vhdx/bench_vhdx.hpp"
#include "storage/vhdx/layout.hpp"

namespace orrery::testing {
namespace {

namespace vhdx = storage::vhdx;
using Kind = port::BlockRequest::Kind;

class VhdxImageTest : public ::testing::Test {
 protected:
  void write_some() {
    ASSERT_TRUE(image_.open());
    ASSERT_TRUE(image_.perform(Kind::kWrite, 100, 3000));
    ASSERT_TRUE(image_.perform(Kind::kFlush));
    ASSERT_TRUE(image_.perform(Kind::kFlush));
    image_.disk.reset();
  }
  std::byte& byte(std::uint64_t at) { return image_.file->content[at]; }
  void set_entry(std::uint64_t index, std::uint64_t entry) {
    store_le(&byte(3_MiB + index * 8), entry);
  }
  void seal(std::uint64_t at, std::size_t length) {
    store_le(&byte(at + 4), storage::crc32c(ByteSpan(image_.file->content).subspan(at, length), 4));
  }
  std::string error(vhdx::Access access = vhdx::Access::kWrite) {
    const Result<> opened = image_.open(access);
    return opened ? "" : opened.error().message();
  }
  void expect_error(const std::string& part, vhdx::Access access = vhdx::Access::kWrite) {
    const std::string found = error(access);
    EXPECT_NE(found.find(part), std::string::npos) << found;
  }

  BenchVhdx image_{{.sectors = 8192}};
};

TEST_F(VhdxImageTest, UsesTheHeaderAndTheRegionTableThatAreWhole) {
  write_some();
  for (const std::uint64_t at : {vhdx::kHeadersAt[0], vhdx::kHeadersAt[1], vhdx::kRegionTablesAt[0],
                                 vhdx::kRegionTablesAt[1]}) {
    SCOPED_TRACE(at);
    byte(at + 40) ^= std::byte{1};
    ASSERT_EQ(error(), "");
    image_.expect_content();
    EXPECT_EQ(vhdx::check(image_.disk->image()).errors, 1u);
    ASSERT_TRUE(storage::run_task(*image_.loop, image_.disk->image().renew_copies()));
    ASSERT_EQ(error(), "");
    image_.expect_whole();
    image_.expect_content();
  }
}

TEST_F(VhdxImageTest, RefusesWhereBothCopiesAreDamaged) {
  for (const std::uint64_t at : vhdx::kRegionTablesAt) byte(at + 40) ^= std::byte{1};
  expect_error("neither of its two region tables is whole");
  for (const std::uint64_t at : vhdx::kHeadersAt) byte(at + 40) ^= std::byte{1};
  expect_error("neither of its two headers is whole");
}

TEST_F(VhdxImageTest, RefusesWhatItDoesNotKnow) {
  for (const std::uint64_t at : vhdx::kHeadersAt) {
    store_le(&byte(at + vhdx::header_field::kVersion), std::uint16_t{2});
    seal(at, vhdx::kHeaderLength);
  }
  expect_error("version 2 of VHDX");
}

TEST_F(VhdxImageTest, RefusesARegionThatIsNeededAndUnknown) {
  std::vector<vhdx::Region> regions;
  ASSERT_TRUE(image_.open());
  regions = image_.disk->image().regions().all;
  regions.push_back({vhdx::make_guid(7, 7, 7, 7), 4_MiB, 1u << 20, 0});
  image_.file->content.resize(5_MiB);
  const auto put = [&] {
    const auto table = vhdx::make_region_table(regions);
    for (const std::uint64_t at : vhdx::kRegionTablesAt) std::ranges::copy(table, &byte(at));
  };
  put();
  // One that is not needed is left alone: nothing is put there.
  ASSERT_EQ(error(), "");
  ASSERT_TRUE(image_.perform(Kind::kWrite, 0, 8));
  EXPECT_EQ(image_.disk->image().bat().block(0).place, 5_MiB);
  regions.back().required = 1;
  put();
  expect_error("needs region {00000007-0007-0007-0000-000000000007}");
}

TEST_F(VhdxImageTest, DoesNotWriteWherePlacesLieOverEachOther) {
  write_some();
  set_entry(2, load_le<std::uint64_t>(&byte(3_MiB)));
  expect_error("lies over what is at");
  expect_error("\",readonly\"");
  ASSERT_EQ(error(vhdx::Access::kRead), "");
  EXPECT_EQ(vhdx::check(image_.disk->image()).errors, 1u);
}

TEST_F(VhdxImageTest, SaysWhichEntryIsWrong) {
  write_some();
  set_entry(3, 5);
  expect_error("block entry 3 has state 5");
  set_entry(3, 900_MiB | 6);
  expect_error("block entry 3 names 943718400");
  set_entry(3, 5_MiB | 7);
  expect_error("block entry 3 has state 7");  // no parent, so nothing is partial
  ASSERT_EQ(error(vhdx::Access::kRead), "");
  EXPECT_EQ(image_.read(100, 1)[0], image_.expected[100]);
}

TEST_F(VhdxImageTest, ReadsBlocksThatWereUnmappedElsewhereAsZeroes) {
  write_some();
  const auto entry = load_le<std::uint64_t>(&byte(3_MiB));
  set_entry(0, (entry & vhdx::kPlaceMask) | 3);  // unmapped, its place left as it was
  std::fill_n(image_.expected.begin(), 2048, 0);
  ASSERT_EQ(error(), "");
  image_.expect_content();
  // Written again it has zeroes around what is written, and no other block gets its old place.
  ASSERT_TRUE(image_.perform(Kind::kWrite, 7, 1));
  ASSERT_TRUE(image_.perform(Kind::kWrite, 6000, 1));
  image_.expect_content();
  ASSERT_TRUE(image_.perform(Kind::kFlush));
  image_.expect_whole();
}

TEST_F(VhdxImageTest, TakesNoPlaceOutsideTheFileForAnUnmappedBlocks) {
  write_some();
  set_entry(1, (std::uint64_t{1} << 63) | 3);
  set_entry(2, std::uint64_t{700_MiB} | 1);
  std::fill_n(image_.expected.begin() + 2048, 4096, 0);
  ASSERT_EQ(error(), "");
  for (const std::uint64_t sector : {2048, 4096, 6144}) {
    ASSERT_TRUE(image_.perform(Kind::kWrite, sector, 8));
    ASSERT_TRUE(image_.perform(Kind::kFlush));
  }
  image_.expect_content();
  image_.expect_whole();
  EXPECT_LT(image_.file->content.size(), 20_MiB);
}

TEST_F(VhdxImageTest, RefusesALogThatChangesHeaders) {
  write_some();
  const vhdx::Guid guid = vhdx::draw_guid();
  const std::vector<std::byte> page(vhdx::kLogSector);
  for (const std::uint64_t target : {std::uint64_t{0}, vhdx::kHeadersAt[1], 1_MiB}) {
    const auto entry = vhdx::make_entry(
        {.guid = guid, .sequence = 1, .place = 0, .file_end = 1_MiB}, {{target, page}});
    std::ranges::copy(entry, &byte(1_MiB));
    for (const std::uint64_t at : vhdx::kHeadersAt) {
      vhdx::store_guid(&byte(at + vhdx::header_field::kLogGuid), guid);
      seal(at, vhdx::kHeaderLength);
    }
    expect_error("which it must not");
    expect_error("which it must not", vhdx::Access::kRead);
  }
}

// What docs/rooms/storage.md promises.
TEST_F(VhdxImageTest, AFlushSyncsNoMoreThanItHasTo) {
  ASSERT_TRUE(image_.open());
  const auto syncs_of = [&](std::uint64_t sector) {
    const std::uint64_t before = image_.file->syncs;
    EXPECT_TRUE(image_.perform(Kind::kWrite, sector, 8));
    EXPECT_TRUE(image_.perform(Kind::kFlush));
    return image_.file->syncs - before;
  };
  EXPECT_EQ(syncs_of(0), 2u + 3u);  // both headers; data, log, and the header that names it
  EXPECT_EQ(syncs_of(2048), 2u);    // another block: data and log
  EXPECT_EQ(syncs_of(8), 2u);       // data only, and the log is emptied
  EXPECT_EQ(syncs_of(8), 1u);
  EXPECT_EQ(syncs_of(4096), 3u);
}

// Every call of the host fails from some moment on: requests say so, and what was flushed stays.
TEST_F(VhdxImageTest, PassesOnErrorsOfTheHost) {
  for (std::uint64_t fails_after = 0; fails_after < 40; fails_after += 3) {
    SCOPED_TRACE(fails_after);
    BenchVhdx image({.sectors = 8192});
    ASSERT_TRUE(image.open());
    image.file->fails_after = image.file->operations + fails_after;
    bool failed = false;
    for (int i = 0; i < 4; ++i) {
      failed |= !image.perform(Kind::kWrite, static_cast<std::uint64_t>(i) * 2048, 8);
      failed |= !image.perform(Kind::kFlush);
    }
    EXPECT_TRUE(failed || fails_after >= 30);
    image.file->fails_after = UINT64_MAX;
    ASSERT_TRUE(image.open());
    image.expect_whole();
  }
}

}  // namespace
}  // namespace orrery::testing
