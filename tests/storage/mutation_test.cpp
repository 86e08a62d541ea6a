// Changes to the parents of a sealed chain: each that changes what a disk holds is found, at the
// link that was changed, and no other link is named (docs/decisions/0018-content-roots.md).
//
// ORRERY_MUTATIONS=N makes N of them instead of a few hundred.
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <random>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/files/file_descriptor.hpp"
#include "base/format.hpp"
#include "storage/disk_image.hpp"
#include "storage/request/run_task.hpp"
#include "storage/request/submitted.hpp"
#include "storage/request/transfers.hpp"
#include "storage/tools/disk_content.hpp"
#include "storage/tools/disk_tools.hpp"
#include "storage/tools/open_alone.hpp"
#include "support/from_environment.hpp"
#include "support/temporary_folder.hpp"

namespace orrery::storage {
namespace {

constexpr std::uint64_t kSize = 512_KiB;

struct Copy {
  std::string bytes;
  struct timespec changed {};
};

Task<Result<port::BlockExtent>> mapped(port::Blocks& disk, std::uint64_t offset,
                                       std::uint64_t length) {
  co_return co_await Mapped(disk, offset, length);
}

// base (raw or qcow2), middle, top, each over the one before, all sealed.
class SealedChain {
 public:
  SealedChain(unsigned seed, bool raw_base)
      : random_(seed), base_(folder_.path(raw_base ? "base.raw" : "base.qcow2")) {
    create(base_, "");
    write(base_, 12);
    older_[base_] = take(base_);
    write(base_, 6);
    if (!raw_base) expect_done(seal_disk(*loop_, base_, {}));
    create(middle_, base_);
    write(middle_, 8);
    older_[middle_] = take(middle_);
    write(middle_, 4);
    expect_done(seal_disk(*loop_, middle_, {}));
    create(top_, middle_);
    write(top_, 2);
    for (const std::string& each : {base_, middle_, top_}) sound_[each] = take(each);
    for (const std::string& each : {base_, middle_}) pictures_[each] = picture(each);
    for (const std::string& each : {base_, middle_}) replaced_[each] = make_other(each);
  }

  std::uint64_t any(std::uint64_t bound) { return random_() % bound; }

  // Makes one change, judges what is said of it, and takes it back.
  void mutate() {
    const std::string target = any(2) == 0 ? base_ : middle_;
    const std::string what = change(target);
    SCOPED_TRACE(format("{} in {}", what, target));
    const std::string now = picture(target);
    const bool differs = now != pictures_.at(target);
    const Verdict verdict = judge(target);
    EXPECT_TRUE(verdict.found || !differs) << "not found";
    EXPECT_EQ(verdict.wrongly_named, "") << verdict.text;
    found_ += verdict.found ? 1 : 0;
    differing_ += differs ? 1 : 0;
    put(target, sound_.at(target));
  }
  void expect_sound() {
    const Verdict verdict = judge("");
    EXPECT_FALSE(verdict.found) << verdict.text;
    EXPECT_EQ(verdict.wrongly_named, "") << verdict.text;
  }
  unsigned found() const { return found_; }
  unsigned differing() const { return differing_; }

 private:
  struct Verdict {
    bool found = false;
    std::string wrongly_named;
    std::string text;
  };

  static void expect_done(const Result<>& result) {
    ASSERT_TRUE(result) << result.error().message();
  }

  void create(const std::string& path, const std::string& backing) {
    CreateOptions options;
    options.path = path;
    options.size = Bytes(kSize);
    options.backing = backing;
    if (path.ends_with(".raw")) options.format = Format::kRaw;
    if (options.format == Format::kQcow2) options.cluster_size = 4096;
    expect_done(create_disk(*loop_, options));
  }

  void write(const std::string& path, unsigned count) {
    DiskOptions options;
    options.path = path;
    const auto disk = open_disk(*loop_, options);
    ASSERT_TRUE(disk) << disk.error().message();
    for (unsigned i = 0; i < count; ++i) {
      std::vector<std::byte> bytes((1 + any(40)) * 512);
      for (std::byte& each : bytes) each = static_cast<std::byte>(random_());
      const std::uint64_t offset = any((kSize - bytes.size()) / 512) * 512;
      expect_done(run_task(*loop_, write_all(**disk, offset, bytes)));
    }
    expect_done(flush_disk(*loop_, **disk));
  }

  static Copy take(const std::string& path) {
    Copy copy;
    copy.bytes.resize(std::filesystem::file_size(path));
    std::ifstream(path, std::ios::binary)
        .read(copy.bytes.data(), static_cast<std::streamsize>(copy.bytes.size()));
    struct stat status {};
    EXPECT_EQ(::stat(path.c_str(), &status), 0);
    copy.changed = status.st_mtim;
    return copy;
  }
  static void put(const std::string& path, const Copy& copy) {
    std::filesystem::remove(path);
    std::ofstream(path, std::ios::binary)
        .write(copy.bytes.data(), static_cast<std::streamsize>(copy.bytes.size()));
    set_time(path, copy.changed);
  }
  static void set_time(const std::string& path, const timespec& time) {
    const std::array<timespec, 2> times{time, time};
    EXPECT_EQ(::utimensat(AT_FDCWD, path.c_str(), times.data(), 0), 0);
  }

  // An image of the same shape that was made in the same way and holds something else.
  Copy make_other(const std::string& path) {
    const std::string other = folder_.path(path.ends_with(".raw") ? "other.raw" : "other.qcow2");
    std::filesystem::remove(other);
    create(other, path == middle_ ? base_ : "");
    write(other, 10);
    if (!path.ends_with(".raw")) expect_done(seal_disk(*loop_, other, {}));
    return take(other);
  }

  std::string change(const std::string& target) {
    switch (any(24)) {
      case 0: put(target, older_.at(target)); return "an older copy was restored";
      case 1: put(target, replaced_.at(target)); return "another image in its place";
      case 2: std::filesystem::rename(target, folder_.path("away")); return "renamed";
      case 3: put(target, sound_.at(target == base_ ? middle_ : base_)); return "its neighbour";
      case 4: return write_by_qemu(target);
      case 5: write(target, 1); return "a write by Orrery";
      case 6: return cut(target);
      default: return flip(target);
    }
  }

  // With the time of the file as it was.
  std::string flip(const std::string& target) {
    const Copy& sound = sound_.at(target);
    const std::uint64_t bit = any(sound.bytes.size() * 8);
    const FileDescriptor file(::open(target.c_str(), O_RDWR | O_CLOEXEC));
    char byte = sound.bytes[bit / 8];
    byte = static_cast<char>(byte ^ static_cast<char>(1 << (bit % 8)));
    EXPECT_EQ(::pwrite(file.get(), &byte, 1, static_cast<off_t>(bit / 8)), 1);
    set_time(target, sound.changed);
    return format("bit {} of byte {} flipped", bit % 8, bit / 8);
  }
  std::string cut(const std::string& target) {
    const Copy& sound = sound_.at(target);
    const std::uint64_t length = 1 + any(sound.bytes.size() - 1);
    std::filesystem::resize_file(target, length);
    set_time(target, sound.changed);
    return format("cut off at {}", length);
  }
  std::string write_by_qemu(const std::string& target) {
    const std::string command = format("qemu-io -f {} -c 'write -P {} {} 4k' {} >/dev/null 2>&1",
                                       target.ends_with(".raw") ? "raw" : "qcow2", any(256),
                                       any(kSize / 4096) * 4096, target);
    return std::system(command.c_str()) == 0 ? "a write by qemu-io" : "no qemu-io";
  }

  // What an image holds, as a text: independent of the digests that are tested.
  std::string picture(const std::string& path) {
    const Result<std::string> found = read_picture(path);
    return found ? *found : found.error().message();
  }
  Result<std::string> read_picture(const std::string& path) {
    std::unique_ptr<port::Blocks> disk;
    if (path.ends_with(".raw")) {
      DiskOptions options;
      options.path = path;
      options.format = Format::kRaw;
      options.read_only = true;
      ORRERY_TRY(disk, open_disk(*loop_, options));
    } else {
      ORRERY_TRY(disk, open_alone(*loop_, path, qcow2::Access::kRead));
    }
    const std::uint64_t size = disk->geometry().size.value();
    if (size > 16 * kSize) return fail("too large");
    std::string text = std::to_string(size);
    std::vector<std::byte> bytes(size);
    ORRERY_CHECK(run_task(*loop_, read_all(*disk, 0, bytes)));
    for (std::uint64_t at = 0; at < size;) {
      ORRERY_TRY(const auto extent, run_task(*loop_, mapped(*disk, at, size - at)));
      for (std::uint64_t i = at; i < at + extent.length; i += 512) {
        text += extent.allocated ? '+' : '-';
        if (extent.allocated) text.append(reinterpret_cast<const char*>(&bytes[i]), 512);
      }
      at += extent.length;
    }
    return text;
  }

  // By opening the chain, as a VM does, and by reading it all.
  Verdict judge(const std::string& target) {
    Verdict verdict;
    DiskOptions options;
    options.path = top_;
    options.read_only = true;
    if (const auto disk = open_disk(*loop_, options); !disk) {
      verdict.found = true;
      verdict.text = disk.error().message();
      for (const std::string& each : {base_, middle_}) {
        const bool named = verdict.text.find(each + " is not what it was") != std::string::npos;
        if (named && each != target) verdict.wrongly_named = each;
      }
      if (verdict.text.find(target) == std::string::npos) verdict.wrongly_named = "not the target";
    }
    const auto findings = check_content(*loop_, top_, std::nullopt, {});
    EXPECT_TRUE(findings) << findings.error().message();
    for (const ContentFinding& each : findings.value_or(std::vector<ContentFinding>{})) {
      const bool bad = each.kind == ContentFinding::Kind::kChanged ||
                       each.kind == ContentFinding::Kind::kUnreadable;
      if (!bad) continue;
      verdict.found = true;
      verdict.text += "\n" + each.text;
      if (each.path != target) verdict.wrongly_named = each.path;
    }
    return verdict;
  }

  std::mt19937_64 random_;
  testing::TemporaryFolder folder_;
  std::unique_ptr<EventLoop> loop_ = EventLoop::create().value();
  const std::string base_;
  const std::string middle_ = folder_.path("middle.qcow2");
  const std::string top_ = folder_.path("top.qcow2");
  std::map<std::string, Copy> sound_;
  std::map<std::string, Copy> older_;
  std::map<std::string, Copy> replaced_;
  std::map<std::string, std::string> pictures_;
  unsigned found_ = 0;
  unsigned differing_ = 0;
};

class MutationTest : public ::testing::TestWithParam<bool> {};

TEST_P(MutationTest, IsFoundWhereItIs) {
  const auto count =
      static_cast<unsigned>(testing::number_from_environment("ORRERY_MUTATIONS", 400)) / 2;
  constexpr unsigned kOfOneChain = 1000;
  unsigned found = 0;
  unsigned differing = 0;
  for (unsigned done = 0; done < count; done += kOfOneChain) {
    SCOPED_TRACE(format("seed {}", done));
    SealedChain chain(done, GetParam());
    chain.expect_sound();
    for (unsigned i = 0; i < std::min(kOfOneChain, count - done); ++i) {
      SCOPED_TRACE(format("mutation {}", i));
      chain.mutate();
      if (::testing::Test::HasFailure()) return;
    }
    chain.expect_sound();
    found += chain.found();
    differing += chain.differing();
  }
  fmt::print("{} changes, {} of them of what a disk holds, {} told of\n", count, differing, found);
}

INSTANTIATE_TEST_SUITE_P(Bases, MutationTest, ::testing::Values(false, true),
                         [](const auto& parameter) { return parameter.param ? "Raw" : "Qcow2"; });

}  // namespace
}  // namespace orrery::storage
