// Each in a process of its own, for nobody comes out of a sandbox.
#include "vmm/host/sandbox.hpp"

#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <functional>
#include <thread>

#include <asm/prctl.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace orrery::vmm {
namespace {

constexpr int kNotEntered = 99;

// WHAT inside a sandbox: ends the process with its result.
[[noreturn]] void inside(const SandboxNeeds& needs, const std::function<int()>& what) {
  if (!enter_sandbox(needs)) std::_Exit(kNotEntered);
  std::_Exit(what());
}

constexpr const char* kTold = "the sandbox refused system call [0-9]+; .*--sandbox off";

class SandboxTest : public testing::Test {
 protected:
  void SetUp() override {
    if (!probe_sandbox()) GTEST_SKIP() << "no seccomp here";
    GTEST_FLAG_SET(death_test_style, "threadsafe");
  }
};
using SandboxDeathTest = SandboxTest;

TEST_F(SandboxDeathTest, WhatIsOpenGoesOn) {
  EXPECT_EXIT(inside({},
                     [] {
                       bool ran = false;
                       std::thread([&] { ran = true; }).join();
                       return ran && ::write(STDERR_FILENO, "x", 1) == 1 ? 7 : 8;
                     }),
              testing::ExitedWithCode(7), "x");
}

TEST_F(SandboxDeathTest, ProcessorTimeIsTold) {
  const auto asks = [] {
    rusage usage{};
    return ::getrusage(RUSAGE_SELF, &usage) == 0 && usage.ru_maxrss > 0 ? 7 : 8;
  };
  EXPECT_EXIT(inside({}, asks), testing::ExitedWithCode(7), "");
}

TEST_F(SandboxDeathTest, WhoOpensDisksSetsTheTimeOfThoseOnly) {
  const SandboxNeeds needs{.opens_disks = true};
  static constexpr timespec kAsTheyAre[2] = {{0, UTIME_OMIT}, {0, UTIME_OMIT}};
  const auto by_file = [] { return ::futimens(STDERR_FILENO, kAsTheyAre) == 0 ? 7 : 8; };
  const auto by_path = [] {
    return ::utimensat(AT_FDCWD, "/dev/null", kAsTheyAre, 0) == 0 ? 7 : 8;
  };
  EXPECT_EXIT(inside(needs, by_file), testing::ExitedWithCode(7), "");
  EXPECT_EXIT(inside(needs, by_path), testing::KilledBySignal(SIGSYS), kTold);
}

TEST_F(SandboxDeathTest, NoFileIsOpened) {
  EXPECT_EXIT(inside({}, [] { return ::open("/etc/passwd", O_RDONLY) < 0 ? errno : 0; }),
              testing::ExitedWithCode(EACCES), "");
}

TEST_F(SandboxDeathTest, NoProgramIsStarted) {
  EXPECT_EXIT(inside({}, [] { return ::execl("/bin/true", "true", nullptr); }),
              testing::KilledBySignal(SIGSYS), kTold);
  EXPECT_EXIT(inside({}, [] { return ::fork(); }), testing::KilledBySignal(SIGSYS), kTold);
}

TEST_F(SandboxDeathTest, NoMemoryBecomesExecutable) {
  EXPECT_EXIT(inside({},
                     [] {
                       constexpr int kAll = PROT_READ | PROT_WRITE | PROT_EXEC;
                       ::mmap(nullptr, 4096, kAll, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
                       return 0;
                     }),
              testing::KilledBySignal(SIGSYS), kTold);
  EXPECT_EXIT(inside({},
                     [] {
                       void* const page = ::mmap(nullptr, 4096, PROT_READ | PROT_WRITE,
                                                 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
                       return ::mprotect(page, 4096, PROT_READ | PROT_EXEC);
                     }),
              testing::KilledBySignal(SIGSYS), kTold);
}

// As on hosts without FSGSBASE, where the translator cannot do without.
TEST_F(SandboxDeathTest, AThreadSetsGsAndNoOtherRegisterOfItsKind) {
  EXPECT_EXIT(inside({}, [] { return ::syscall(SYS_arch_prctl, ARCH_SET_GS, 0) == 0 ? 7 : 8; }),
              testing::ExitedWithCode(7), "");
  EXPECT_EXIT(inside({}, [] { return ::syscall(SYS_arch_prctl, ARCH_SET_FS, 0) == 0 ? 7 : 8; }),
              testing::KilledBySignal(SIGSYS), kTold);
}

TEST_F(SandboxDeathTest, SocketsAreForTheUserNetworkOnly) {
  const auto connect_somewhere = [] { return ::socket(AF_INET, SOCK_STREAM, 0) >= 0 ? 7 : 8; };
  EXPECT_EXIT(inside({}, connect_somewhere), testing::KilledBySignal(SIGSYS), kTold);
  EXPECT_EXIT(inside({.user_network = true}, connect_somewhere), testing::ExitedWithCode(7), "");
}

TEST_F(SandboxDeathTest, TheUserNetworkReadsFilesAndWritesNone) {
  const SandboxNeeds needs{.user_network = true};
  EXPECT_EXIT(inside(needs, [] { return ::open("/etc/passwd", O_RDONLY) >= 0 ? 7 : 8; }),
              testing::ExitedWithCode(7), "");
  EXPECT_EXIT(inside(needs, [] { return ::open("/tmp/orrery-no-such", O_WRONLY | O_CREAT, 0600); }),
              testing::KilledBySignal(SIGSYS), kTold);
}

TEST_F(SandboxDeathTest, ThreadsThatThereWereAreInsideToo) {
  EXPECT_EXIT(
      {
        std::atomic<bool> entered{false};
        int refused = 0;
        std::thread before([&] {
          while (!entered) std::this_thread::yield();
          refused = ::open("/etc/passwd", O_RDONLY) < 0 ? errno : 0;
        });
        if (!enter_sandbox({})) std::_Exit(kNotEntered);
        entered = true;
        before.join();
        std::_Exit(refused);
      },
      testing::ExitedWithCode(EACCES), "");
}

}  // namespace
}  // namespace orrery::vmm
