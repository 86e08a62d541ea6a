// Trees of snapshots against a model: a disk in use, its snapshots, and whatever may be done with
// them, at random. Whatever was done, the disk and every snapshot read as the model says.
//
// ORRERY_SNAPSHOT_OPERATIONS: how many (a long run is 1,000,000); ORRERY_SEED: which.
#include <cstdlib>
#include <cstring>
#include <map>
#include <random>

#include "base/format.hpp"
#include "snapshot/disk_in_use.hpp"
#include "snapshot/removal.hpp"
#include "snapshot/revert.hpp"
#include "storage/tools/disk_content.hpp"
#include "store/digest.hpp"
#include "support/from_environment.hpp"
#include "support/temporary_folder.hpp"

namespace orrery::snapshot {
namespace {

constexpr std::uint64_t kSize = 1_MiB;
constexpr std::uint64_t kUnit = 4_KiB;  // of writes; clusters are larger
constexpr std::size_t kMostSnapshots = 12;

class Tree {
 public:
  Tree(const std::string& folder, std::uint64_t seed) : random_(seed), disk_(folder, kSize) {
    disk_.open();
  }

  void step();
  void check_all();

 private:
  std::uint64_t below(std::uint64_t limit) { return random_() % limit; }
  const std::string& any_name() {
    return std::next(model_.begin(), static_cast<std::ptrdiff_t>(below(model_.size())))->first;
  }

  void write();
  void zero();
  void take();
  void revert();
  void remove();
  void merge();
  void seal();
  static void check(const Result<Content>& found, const Content& expected, const std::string& what);
  void check_disk() { check(disk_.read(), content_, "the disk"); }
  void check_one();

  std::mt19937_64 random_;
  DiskInUse disk_;
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
  disk_.write(offset, std::move(bytes));
}

void Tree::zero() {
  const std::uint64_t units = 1 + below(40);
  const std::uint64_t offset = below(kSize / kUnit - units) * kUnit;
  std::fill_n(content_.begin() + static_cast<std::ptrdiff_t>(offset), units * kUnit, std::byte{0});
  disk_.zero(offset, units * kUnit);
}

void Tree::take() {
  const std::string name = format("s{}", made_++);
  disk_.take(name);
  model_[name] = content_;
}

void Tree::revert() {
  const std::string name = any_name();
  disk_.close();
  const auto reverted = revert_disks(disk_.loop(), disk_.library(), name);
  ASSERT_TRUE(reverted.has_value()) << reverted.error().message();
  content_ = model_[name];
  disk_.open();
}

// Also while the disk is in use, when what lies below it is not touched.
void Tree::remove() {
  const std::string name = any_name();
  if (below(2) == 0) disk_.close();
  const auto report = remove_snapshot(disk_.loop(), disk_.library(), name, Missing::kDepends);
  ASSERT_TRUE(report.has_value()) << report.error().message();
  model_.erase(name);
  if (!disk_.is_open()) disk_.open();
}

void Tree::merge() {
  const std::string name = any_name();
  if (below(4) != 0) disk_.close();
  const auto report = merge_snapshot(disk_.loop(), disk_.library(), name, Missing::kDepends,
                                     [](std::uint64_t, std::uint64_t) { return true; });
  ASSERT_TRUE(report.has_value()) << report.error().message();
  model_.erase(name);
  if (!disk_.is_open()) disk_.open();
}

// Digests of what disks hold have to stay true, or go.
void Tree::seal() {
  disk_.close();
  const auto keep_on = [](std::uint64_t, std::uint64_t) { return true; };
  const Result<> sealed = storage::seal_disk(disk_.loop(), disk_.path(), keep_on);
  ASSERT_TRUE(sealed.has_value()) << sealed.error().message();
  const auto findings = storage::check_content(disk_.loop(), disk_.path(), {}, keep_on);
  ASSERT_TRUE(findings.has_value()) << findings.error().message();
  for (const storage::ContentFinding& each : *findings) {
    ASSERT_NE(each.kind, storage::ContentFinding::Kind::kChanged) << each.text;
    ASSERT_NE(each.kind, storage::ContentFinding::Kind::kUnreadable) << each.text;
  }
  disk_.open();
}

void Tree::check(const Result<Content>& found, const Content& expected, const std::string& what) {
  ASSERT_TRUE(found.has_value()) << what << ": " << found.error().message();
  const auto [one, other] = std::mismatch(found->begin(), found->end(), expected.begin());
  ASSERT_TRUE(one == found->end()) << what << " differs at " << (one - found->begin());
}

void Tree::check_one() {
  if (model_.empty()) return check_disk();
  const std::string name = any_name();
  check(disk_.read_snapshot(name), model_[name], name);
}

void Tree::check_all() {
  check_disk();
  for (const auto& [name, content] : model_) check(disk_.read_snapshot(name), content, name);
  ASSERT_EQ(disk_.library().names()->size(), model_.size());
}

void Tree::step() {
  const std::uint64_t what = below(1000);
  if (model_.size() >= kMostSnapshots) return what < 500 ? remove() : merge();
  if (what < 600) return write();
  if (what < 700) return zero();
  if (what < 960) return check_disk();
  if (what < 980) return take();
  if (what < 982) return seal();
  if (model_.empty()) return;
  if (what < 985) return revert();
  if (what < 988) return remove();
  if (what < 991) return merge();
  check_one();
}

TEST(SnapshotModel, DiskAndSnapshotsReadAsTheyShould) {
  ASSERT_TRUE(store::load_hasher());
  const std::uint64_t seed =
      testing::number_from_environment("ORRERY_SEED", std::random_device{}());
#ifdef ORRERY_SANITIZED  // many times as slow
  constexpr std::uint64_t kUsually = 400;
#else
  constexpr std::uint64_t kUsually = 4000;
#endif
  const std::uint64_t operations =
      testing::number_from_environment("ORRERY_SNAPSHOT_OPERATIONS", kUsually);
  SCOPED_TRACE(format("ORRERY_SEED={}", seed));
  const testing::TemporaryFolder folder;
  Tree tree(folder.path(""), seed);
  for (std::uint64_t i = 0; i < operations && !::testing::Test::HasFatalFailure(); ++i) {
    SCOPED_TRACE(format("operation {}", i));
    tree.step();
  }
  if (!::testing::Test::HasFatalFailure()) tree.check_all();
}

}  // namespace
}  // namespace orrery::snapshot
