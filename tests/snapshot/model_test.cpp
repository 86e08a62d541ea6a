// Trees of snapshots against a model: a disk in use, its snapshots, and whatever may be done with
// them, at random. Whatever was done, the disk and every snapshot read as the model says.
//
// ORRERY_SNAPSHOT_OPERATIONS: how many (a long run is 1,000,000); ORRERY_SEED: which.
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <map>
#include <random>

#include <gtest/gtest.h>
#include <unistd.h>

#include "base/format.hpp"
#include "snapshot/library.hpp"
#include "snapshot/removal.hpp"
#include "snapshot/revert.hpp"
#include "storage/disk_image.hpp"
#include "storage/live_overlay.hpp"
#include "storage/request/run_task.hpp"
#include "storage/request/transfers.hpp"
#include "storage/tools/disk_copy.hpp"
#include "storage/tools/disk_tools.hpp"

namespace orrery::snapshot {
namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t kSize = 1_MiB;
constexpr std::uint64_t kUnit = 4_KiB;  // of writes; clusters are larger
constexpr std::size_t kMostSnapshots = 12;

std::uint64_t from_environment(const char* name, std::uint64_t otherwise) {
  const char* const value = std::getenv(name);
  return value == nullptr ? otherwise : std::strtoull(value, nullptr, 10);
}

using Content = std::vector<std::byte>;

class Tree {
 public:
  explicit Tree(std::uint64_t seed) : random_(seed) {
    std::string name = "/dev/shm/orrery-model-XXXXXX";
    EXPECT_NE(::mkdtemp(name.data()), nullptr);
    folder_ = name;
    head_ = folder_ + "/head.qcow2";
    library_ = Library(folder_ + "/library");
    storage::CreateOptions create;
    create.path = head_;
    create.size = Bytes(kSize);
    EXPECT_TRUE(storage::create_disk(*loop_, create));
    open_head();
  }
  ~Tree() {
    gate_.reset();
    fs::remove_all(folder_);
  }

  void step();
  void check_all();

 private:
  std::uint64_t below(std::uint64_t limit) { return random_() % limit; }
  const std::string& any_name() {
    return std::next(model_.begin(), static_cast<std::ptrdiff_t>(below(model_.size())))->first;
  }
  void expect(const Result<>& done, const std::string& doing) {
    ASSERT_TRUE(done.has_value()) << doing << ": " << done.error().message();
  }

  void open_head() {
    storage::DiskOptions options;
    options.path = head_;
    auto disk = storage::open_disk(*loop_, options);
    ASSERT_TRUE(disk.has_value()) << disk.error().message();
    gate_ = std::make_unique<storage::GatedDisk>(std::move(*disk));
  }
  void close_head() {
    expect(storage::flush_disk(*loop_, *gate_), "flush");
    gate_.reset();
  }

  void write();
  void zero();
  void take();
  void revert();
  void remove();
  void merge();
  void check(port::Blocks& disk, const Content& content, const std::string& what);
  void check_one();

  std::mt19937_64 random_;
  std::unique_ptr<EventLoop> loop_ = EventLoop::create().value();
  std::string folder_;
  std::string head_;
  Library library_{"/nowhere"};
  std::unique_ptr<storage::GatedDisk> gate_;
  Content content_ = Content(kSize);
  std::map<std::string, Content> model_;
  unsigned made_ = 0;
};

void Tree::write() {
  const std::uint64_t units = 1 + below(8);
  const std::uint64_t offset = below(kSize / kUnit - units) * kUnit;
  Content bytes(units * kUnit);
  for (std::size_t i = 0; i < bytes.size(); i += 8) {
    const std::uint64_t value = random_();
    std::memcpy(&bytes[i], &value, sizeof value);
  }
  std::copy(bytes.begin(), bytes.end(), content_.begin() + static_cast<std::ptrdiff_t>(offset));
  expect(storage::run_task(*loop_, storage::write_all(*gate_, offset, bytes)), "write");
}

void Tree::zero() {
  const std::uint64_t units = 1 + below(40);
  const std::uint64_t offset = below(kSize / kUnit - units) * kUnit;
  std::fill_n(content_.begin() + static_cast<std::ptrdiff_t>(offset), units * kUnit, std::byte{0});
  expect(storage::run_task(*loop_, storage::zero_piece(*gate_, offset, units * kUnit)), "zero");
}

// What `orrery snapshot create` and a VM do, with a page of memory.
void Tree::take() {
  const std::string name = format("s{}", made_++);
  auto made = NewSnapshot::begin(library_, name);
  ASSERT_TRUE(made.has_value()) << made.error().message();
  const std::string file = made->new_disk();
  const std::string scratch = made->scratch("disk0");
  auto opened =
      storage::create_overlay_file(*loop_, scratch, library_.disk_path(file), Bytes(kSize));
  ASSERT_TRUE(opened.has_value()) << opened.error().message();
  auto overlay = storage::run_task(
      *loop_, storage::LiveOverlay::prepare(*loop_, *gate_, std::move(*opened), scratch));
  ASSERT_TRUE(overlay.has_value()) << overlay.error().message();
  gate_->hold();
  const auto identity = storage::run_task(*loop_, (*overlay)->lay());
  ASSERT_TRUE(identity.has_value()) << identity.error().message();
  expect(made->change_disk(head_, file, scratch), "change");
  ASSERT_TRUE((*overlay)->has_name(head_));
  gate_->release();
  ASSERT_EQ(::ftruncate(made->memory(), kPageSize), 0);
  Manifest manifest;
  manifest.regions = {{GuestPhysical(0), Bytes(kPageSize)}};
  manifest.disks = {{file, head_, storage::describe(*identity), "", false}};
  const auto committed = made->commit(manifest);
  ASSERT_TRUE(committed.has_value()) << committed.error().message();
  model_[name] = content_;
}

void Tree::revert() {
  const std::string name = any_name();
  close_head();
  const auto reverted = revert_disks(*loop_, library_, name);
  ASSERT_TRUE(reverted.has_value()) << reverted.error().message();
  content_ = model_[name];
  open_head();
}

// Also while the disk is in use, when what lies below it is not touched.
void Tree::remove() {
  const std::string name = any_name();
  const bool in_use = below(2) == 0;
  if (!in_use) close_head();
  const auto report = remove_snapshot(*loop_, library_, name, Missing::kDepends);
  ASSERT_TRUE(report.has_value()) << report.error().message();
  model_.erase(name);
  if (!in_use) open_head();
}

void Tree::merge() {
  const std::string name = any_name();
  close_head();
  const auto report = merge_snapshot(*loop_, library_, name, Missing::kDepends,
                                     [](std::uint64_t, std::uint64_t) { return true; });
  ASSERT_TRUE(report.has_value()) << report.error().message();
  model_.erase(name);
  open_head();
}

void Tree::check(port::Blocks& disk, const Content& content, const std::string& what) {
  Content read(kSize);
  expect(storage::run_task(*loop_, storage::read_all(disk, 0, read)), what);
  const auto [one, other] = std::mismatch(read.begin(), read.end(), content.begin());
  ASSERT_TRUE(one == read.end()) << what << " differs at " << (one - read.begin());
}

void Tree::check_one() {
  if (model_.empty()) return check(*gate_, content_, "the disk");
  const std::string name = any_name();
  const auto manifest = library_.read(name);
  ASSERT_TRUE(manifest.has_value()) << manifest.error().message();
  storage::DiskOptions options;
  options.path = library_.disk_path(manifest->disks.at(0).file);
  options.read_only = true;
  const auto disk = storage::open_disk(*loop_, options);
  ASSERT_TRUE(disk.has_value()) << disk.error().message();
  check(**disk, model_[name], name);
  const auto described = storage::describe_disk(*loop_, options.path, storage::Format::kQcow2);
  ASSERT_TRUE(described.has_value());
  ASSERT_EQ(described->identity, manifest->disks[0].identity);
}

void Tree::check_all() {
  check(*gate_, content_, "the disk");
  for (std::size_t i = 0; i < 3 * model_.size(); ++i) check_one();
  ASSERT_EQ(library_.names()->size(), model_.size());
}

void Tree::step() {
  const std::uint64_t what = below(1000);
  if (model_.size() >= kMostSnapshots) return what < 500 ? remove() : merge();
  if (what < 600) return write();
  if (what < 700) return zero();
  if (what < 960) return check(*gate_, content_, "the disk");
  if (what < 980) return take();
  if (model_.empty()) return;
  if (what < 985) return revert();
  if (what < 988) return remove();
  if (what < 991) return merge();
  check_one();
}

TEST(SnapshotModel, DiskAndSnapshotsReadAsTheyShould) {
  ASSERT_TRUE(store::load_hasher());
  const std::uint64_t seed = from_environment("ORRERY_SEED", std::random_device{}());
  const std::uint64_t operations = from_environment("ORRERY_SNAPSHOT_OPERATIONS", 4000);
  SCOPED_TRACE(format("ORRERY_SEED={}", seed));
  Tree tree(seed);
  for (std::uint64_t i = 0; i < operations && !::testing::Test::HasFatalFailure(); ++i) {
    SCOPED_TRACE(format("operation {}", i));
    tree.step();
  }
  if (!::testing::Test::HasFatalFailure()) tree.check_all();
}

}  // namespace
}  // namespace orrery::snapshot
