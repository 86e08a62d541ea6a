// Deleting and merging, killed before each system call that changes something: afterwards every
// snapshot is there whole or gone, the disk in use and all other snapshots read as before, and the
// next delete or merge brings what was begun to its end.
//
// ORRERY_KILL_STRIDE=1 kills at every one of them; a usual run leaves most out, by turns.
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <functional>
#include <map>
#include <random>
#include <set>

#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "base/format.hpp"
#include "snapshot/disk_in_use.hpp"
#include "snapshot/removal.hpp"
#include "store/digest.hpp"
#include "support/from_environment.hpp"
#include "support/temporary_folder.hpp"

namespace orrery::snapshot {
namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t kSize = 1_MiB;

bool keep_on(std::uint64_t, std::uint64_t) {
  return true;
}

// Of those that the program makes, the calls that can change a file or a folder.
bool changes_something(std::uint64_t call) {
  static const std::set<std::uint64_t> kCalls{
      SYS_write,     SYS_pwrite64, SYS_pwritev, SYS_pwritev2, SYS_io_uring_enter, SYS_rename,
      SYS_renameat2, SYS_renameat, SYS_unlink,  SYS_unlinkat, SYS_rmdir,          SYS_ftruncate,
      SYS_fallocate, SYS_link,     SYS_linkat,  SYS_mkdir,    SYS_fsync,          SYS_fdatasync};
  return kCalls.contains(call);
}

unsigned stride_of_kills() {
  return static_cast<unsigned>(testing::number_from_environment("ORRERY_KILL_STRIDE", 13));
}

// A child process that can be killed before the Nth call that changes something.
class Victim {
 public:
  explicit Victim(const std::function<void()>& work) {
    child_ = ::fork();
    if (child_ == 0) {
      ::ptrace(PTRACE_TRACEME, 0, nullptr, nullptr);
      ::raise(SIGSTOP);
      work();
      ::_exit(0);
    }
    int status = 0;
    EXPECT_EQ(::waitpid(child_, &status, 0), child_);
    traced_ = WIFSTOPPED(status) && ::ptrace(PTRACE_SETOPTIONS, child_, nullptr,
                                             PTRACE_O_EXITKILL | PTRACE_O_TRACESYSGOOD) == 0;
  }
  bool traced() const { return traced_; }

  // Whether it came to be killed, rather than to its end.
  bool killed_before(unsigned number) {
    for (unsigned calls = 0;;) {
      ::ptrace(PTRACE_SYSCALL, child_, nullptr, nullptr);
      int status = 0;
      if (::waitpid(child_, &status, 0) != child_) return false;
      if (WIFEXITED(status)) {
        EXPECT_EQ(WEXITSTATUS(status), 0);
        return false;
      }
      if (WIFSIGNALED(status)) {
        ADD_FAILURE() << "ended by signal " << WTERMSIG(status);
        return false;
      }
      __ptrace_syscall_info info{};
      ::ptrace(PTRACE_GET_SYSCALL_INFO, child_, sizeof info, &info);
      if (info.op != PTRACE_SYSCALL_INFO_ENTRY || !changes_something(info.entry.nr)) continue;
      if (++calls < number) continue;
      ::kill(child_, SIGKILL);
      ::waitpid(child_, &status, 0);
      return true;
    }
  }

 private:
  pid_t child_ = -1;
  bool traced_ = false;
};

class SnapshotKillTest : public ::testing::Test {
 protected:
  // The disk, and the snapshots s0, s1, s2 of it in a row; a copy is kept.
  void SetUp() override {
    ASSERT_TRUE(store::load_hasher());
    fs::create_directory(place);
    {
      DiskInUse disk(place, kSize);
      disk.open();
      for (unsigned i = 0; i < 3; ++i) {
        write(disk, i);
        disk.take(format("s{}", i));
        snapshots[format("s{}", i)] = content;
      }
      write(disk, 3);
      disk.close();
    }
    fs::rename(place, original);
  }

  // Some of it over what was there, some where nothing was.
  void write(DiskInUse& disk, unsigned number) {
    const std::uint64_t offset = number * 128_KiB;
    const Content bytes(192_KiB, static_cast<std::byte>('a' + number));
    std::copy(bytes.begin(), bytes.end(), content.begin() + static_cast<std::ptrdiff_t>(offset));
    disk.write(offset, bytes);
  }

  void restore() {
    fs::remove_all(place);
    fs::copy(original, place, fs::copy_options::recursive);
  }

  // Everything but GOING, which may be there, but then is whole.
  void check(const std::string& going) {
    DiskInUse disk(place, kSize);
    const auto found = disk.read();
    ASSERT_TRUE(found.has_value()) << found.error().message();
    ASSERT_EQ(*found, content);
    const auto names = disk.library().names();
    ASSERT_TRUE(names.has_value());
    for (const auto& [name, expected] : snapshots) {
      const bool listed = std::find(names->begin(), names->end(), name) != names->end();
      if (name == going && !listed) continue;
      ASSERT_TRUE(disk.library().verify(name).has_value()) << name;
      const auto kept = disk.read_snapshot(name);
      ASSERT_TRUE(kept.has_value()) << name << ": " << kept.error().message();
      ASSERT_EQ(*kept, expected) << name;
    }
    for (const auto& entry : fs::directory_iterator(disk.library().disk_path(""))) {
      const auto report = storage::check_disk(disk.loop(), entry.path(), storage::Format::kQcow2,
                                              storage::Repair::kNo);
      ASSERT_TRUE(report.has_value()) << entry.path() << ": " << report.error().message();
      ASSERT_EQ(report->errors, 0u) << entry.path() << ": " << report->messages.front();
    }
  }

  std::size_t disks() const {
    const fs::directory_iterator all(place + "/library/disks");
    return static_cast<std::size_t>(std::distance(fs::begin(all), fs::end(all)));
  }

  // Kills WORK, which removes GOING, at each of its steps; afterwards FINISH, and LEFT disks.
  void kill_everywhere(const std::string& going,
                       const std::function<void(EventLoop&, const Library&)>& work,
                       std::size_t left) {
    const unsigned stride = stride_of_kills();
    unsigned number = 1 + std::random_device{}() % stride;
    for (bool killed = true; killed; number += stride) {
      SCOPED_TRACE(format("killed before change {}", number));
      restore();
      const Library library(place + "/library");
      Victim victim([&] { work(*EventLoop::create().value(), library); });
      if (!victim.traced()) GTEST_SKIP() << "ptrace is not allowed here";
      killed = victim.killed_before(number);
      check(going);
      if (HasFatalFailure()) return;
      finish(going);
      check(going);
      if (HasFatalFailure()) return;
      ASSERT_EQ(disks(), left);
    }
    EXPECT_GT(number, 20u) << "so few steps cannot be all";
  }

  // What was begun is brought to its end by the next merge, of whatever snapshot.
  void finish(const std::string& going) {
    DiskInUse disk(place, kSize);
    const bool there = disk.library().read(going).has_value();
    if (!there) {
      disk.open();
      disk.take("another");
      disk.close();
    }
    const auto merged = merge_snapshot(disk.loop(), disk.library(), there ? going : "another",
                                       Missing::kDepends, keep_on);
    ASSERT_TRUE(merged.has_value()) << merged.error().message();
  }

  const testing::TemporaryFolder folder;
  const std::string place = folder.path("place");
  const std::string original = folder.path("original");
  Content content = Content(kSize);
  std::map<std::string, Content> snapshots;
};

TEST_F(SnapshotKillTest, Deleting) {
  kill_everywhere(
      "s1",
      [](EventLoop& loop, const Library& library) {
        (void)remove_snapshot(loop, library, "s1", Missing::kDepends);
      },
      2);
}

TEST_F(SnapshotKillTest, MergingInTheMiddle) {
  kill_everywhere(
      "s1",
      [](EventLoop& loop, const Library& library) {
        (void)merge_snapshot(loop, library, "s1", Missing::kDepends, keep_on);
      },
      2);
}

TEST_F(SnapshotKillTest, MergingIntoTheDiskInUse) {
  kill_everywhere(
      "s2",
      [](EventLoop& loop, const Library& library) {
        (void)merge_snapshot(loop, library, "s2", Missing::kDepends, keep_on);
      },
      2);
}

}  // namespace
}  // namespace orrery::snapshot
