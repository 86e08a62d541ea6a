#include "vmm/host/sandbox.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <csignal>
#include <initializer_list>
#include <memory>

#include <asm/prctl.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <linux/if_tun.h>
#include <linux/kvm.h>
#include <linux/userfaultfd.h>
#include <sched.h>
#include <seccomp.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <termios.h>
#include <unistd.h>

#include "base/format.hpp"
#include "vmm/console/terminal.hpp"

namespace orrery::vmm {
namespace {

constexpr std::string_view kRemedy = "--sandbox off runs without";

constexpr std::array kCommon{
    // memory; mmap and mprotect have conditions
    SCMP_SYS(brk), SCMP_SYS(madvise), SCMP_SYS(munmap), SCMP_SYS(mremap), SCMP_SYS(membarrier),
    // threads and signals; clone and tgkill have conditions
    SCMP_SYS(exit), SCMP_SYS(exit_group), SCMP_SYS(futex), SCMP_SYS(getpid), SCMP_SYS(gettid),
    SCMP_SYS(restart_syscall), SCMP_SYS(rseq), SCMP_SYS(rt_sigaction), SCMP_SYS(rt_sigprocmask),
    SCMP_SYS(rt_sigreturn), SCMP_SYS(sched_getaffinity), SCMP_SYS(sched_yield),
    SCMP_SYS(set_robust_list), SCMP_SYS(sigaltstack),
    // time
    SCMP_SYS(clock_getres), SCMP_SYS(clock_gettime), SCMP_SYS(clock_nanosleep), SCMP_SYS(getrusage),
    SCMP_SYS(gettimeofday), SCMP_SYS(nanosleep), SCMP_SYS(time), SCMP_SYS(timerfd_gettime),
    SCMP_SYS(timer_settime),  // of leases
    SCMP_SYS(timerfd_settime),
    // what is open: files, disks, terminals, event and timer descriptors, accepted connections
    SCMP_SYS(accept4), SCMP_SYS(close), SCMP_SYS(epoll_ctl), SCMP_SYS(epoll_pwait),
    SCMP_SYS(epoll_wait), SCMP_SYS(fallocate), SCMP_SYS(fcntl), SCMP_SYS(fdatasync),
    SCMP_SYS(fstat), SCMP_SYS(fsync), SCMP_SYS(ftruncate), SCMP_SYS(getsockname),
    SCMP_SYS(getsockopt), SCMP_SYS(io_uring_enter), SCMP_SYS(lseek), SCMP_SYS(newfstatat),
    SCMP_SYS(poll), SCMP_SYS(ppoll), SCMP_SYS(pread64), SCMP_SYS(preadv), SCMP_SYS(preadv2),
    SCMP_SYS(pwrite64), SCMP_SYS(pwritev), SCMP_SYS(pwritev2), SCMP_SYS(read), SCMP_SYS(readv),
    SCMP_SYS(recvfrom), SCMP_SYS(recvmsg), SCMP_SYS(sendmsg), SCMP_SYS(sendto),
    SCMP_SYS(setsockopt), SCMP_SYS(shutdown), SCMP_SYS(write), SCMP_SYS(writev),
    // chance
    SCMP_SYS(getrandom)};

// Libraries try these and go on without.
constexpr std::array kRefusedPolitely{
    SCMP_SYS(access), SCMP_SYS(faccessat), SCMP_SYS(faccessat2), SCMP_SYS(open),
    SCMP_SYS(openat), SCMP_SYS(prlimit64), SCMP_SYS(readlink),   SCMP_SYS(readlinkat),
    SCMP_SYS(stat),   SCMP_SYS(sysinfo),   SCMP_SYS(uname)};

// Files that are there; none is made or removed.
constexpr std::array kToOpenDisks{SCMP_SYS(eventfd2),       SCMP_SYS(io_uring_register),
                                  SCMP_SYS(io_uring_setup), SCMP_SYS(readlink),
                                  SCMP_SYS(readlinkat),     SCMP_SYS(statx)};

constexpr std::array kForUserNetwork{SCMP_SYS(accept),      SCMP_SYS(bind),   SCMP_SYS(connect),
                                     SCMP_SYS(getpeername), SCMP_SYS(listen), SCMP_SYS(socket)};

// Not the whole family: TIOCSTI of it types into the terminal for other programs.
constexpr std::array<unsigned long, 11> kIoctls{TCGETS,     TCSETS,     TCSETSW,     TCSETSF,
                                                FIONREAD,   FIONBIO,    TIOCGWINSZ,  TIOCGPGRP,
                                                BLKDISCARD, BLKZEROOUT, BLKGETSIZE64};

constexpr std::array<unsigned long, 4> kPageSupplyIoctls{UFFDIO_COPY, UFFDIO_ZEROPAGE, UFFDIO_WAKE,
                                                         UFFDIO_UNREGISTER};

// The most restrictive answer wins where rules overlap only by their conditions, so each rule here
// names its call in full. The first failure stays; later rules are not tried.
class Filter {
 public:
  Filter() : context_(::seccomp_init(SCMP_ACT_TRAP), &::seccomp_release) {
    if (!context_) code_ = -ENOMEM;
  }

  void allow(int call) { rule(SCMP_ACT_ALLOW, call, {}); }
  void allow(int call, scmp_arg_cmp condition) { rule(SCMP_ACT_ALLOW, call, {condition}); }
  void refuse(int call, int code) { rule(SCMP_ACT_ERRNO(static_cast<unsigned>(code)), call, {}); }
  void set(scmp_filter_attr attribute, std::uint32_t value) {
    if (code_ == 0) code_ = ::seccomp_attr_set(context_.get(), attribute, value);
  }

  Result<> load() {
    if (code_ == 0) code_ = ::seccomp_load(context_.get());
    if (code_ == 0) return {};
    return fail_errno(format("cannot enter the sandbox (seccomp); {}", kRemedy), -code_);
  }

 private:
  void rule(std::uint32_t action, int call, std::initializer_list<scmp_arg_cmp> conditions) {
    if (code_ != 0) return;
    code_ =
        ::seccomp_rule_add_array(context_.get(), action, call,
                                 static_cast<unsigned>(conditions.size()), std::data(conditions));
  }

  std::unique_ptr<void, decltype(&::seccomp_release)> context_;
  int code_ = 0;
};

constexpr scmp_arg_cmp masked(unsigned argument, std::uint64_t mask, std::uint64_t value) {
  return {argument, SCMP_CMP_MASKED_EQ, mask, value};
}
constexpr scmp_arg_cmp equal(unsigned argument, std::uint64_t value) {
  return {argument, SCMP_CMP_EQ, value, 0};
}

void add_common(Filter& filter) {
#if defined(ORRERY_SANITIZED)
  // The sanitizers' run time: whether memory can be read, names of mappings, stacks of new threads.
  for (const int call : {SCMP_SYS(pipe2), SCMP_SYS(prctl)}) filter.allow(call);
#endif
  for (const int call : kCommon) filter.allow(call);
  for (const unsigned long request : kIoctls) filter.allow(SCMP_SYS(ioctl), equal(1, request));
  // Code is made executable before the sandbox only: the translator's cache is mapped twice.
  constexpr unsigned kProtection = 2;
  filter.allow(SCMP_SYS(mmap), masked(kProtection, PROT_EXEC, 0));
  filter.allow(SCMP_SYS(mprotect), masked(kProtection, PROT_EXEC, 0));
  // Translated code finds its vCPU by GS. Where the kernel lets no program write that itself (no
  // FSGSBASE), a vCPU's thread asks for it.
  filter.allow(SCMP_SYS(arch_prctl), equal(0, ARCH_SET_GS));
  // Threads, no processes. clone3 has its flags in memory, where no filter sees them; glibc then
  // takes clone.
  constexpr std::uint64_t kThread = CLONE_VM | CLONE_THREAD | CLONE_SIGHAND;
  filter.allow(SCMP_SYS(clone), masked(0, kThread, kThread));
  filter.refuse(SCMP_SYS(clone3), ENOSYS);
  filter.allow(SCMP_SYS(tgkill), equal(0, static_cast<std::uint64_t>(::getpid())));
}

void add_needs(Filter& filter, const SandboxNeeds& needs) {
  if (needs.kvm) {
    constexpr std::uint64_t kType = _IOC_TYPEMASK << _IOC_TYPESHIFT;
    filter.allow(SCMP_SYS(ioctl), masked(1, kType, std::uint64_t{KVMIO} << _IOC_TYPESHIFT));
  }
  if (needs.tap) filter.allow(SCMP_SYS(ioctl), equal(1, TUNSETOFFLOAD));
  if ((needs.store_client || needs.remote_devices) && !needs.user_network) {
    // Connections only, to wherever the server is; nobody can connect to us.
    filter.allow(SCMP_SYS(socket), equal(0, AF_INET));
    filter.allow(SCMP_SYS(socket), equal(0, AF_INET6));
    filter.allow(SCMP_SYS(connect));
  }
  if (needs.store_client) filter.allow(SCMP_SYS(getdents64));
  if (needs.page_supply) {
    for (const unsigned long request : kPageSupplyIoctls) {
      filter.allow(SCMP_SYS(ioctl), equal(1, request));
    }
  }
  if (needs.named_sockets) filter.allow(SCMP_SYS(unlink));
  const auto is_among = [](const auto& calls, int call) {
    return std::find(calls.begin(), calls.end(), call) != calls.end();
  };
  for (const int call : kRefusedPolitely) {
    const bool opens = (needs.user_network || needs.opens_disks) && call == SCMP_SYS(openat);
    const bool looks = needs.opens_disks && is_among(kToOpenDisks, call);
    if (!opens && !looks) filter.refuse(call, EACCES);
  }
  if (needs.opens_disks) {
    for (const int call : kToOpenDisks) filter.allow(call);
    filter.allow(SCMP_SYS(openat), masked(2, O_CREAT | O_TRUNC, 0));
    filter.allow(SCMP_SYS(utimensat), equal(1, 0));  // of a file that is open: no path
  }
  if (!needs.user_network) return;
  for (const int call : kForUserNetwork) filter.allow(call);
  filter.allow(SCMP_SYS(openat), masked(2, O_ACCMODE | O_CREAT | O_TRUNC, O_RDONLY));
}

// Async-signal-safe: what stdio would do, by hand.
void tell_and_die(int number, siginfo_t* information, void*) {
  terminal::restore();
  std::array<char, 128> text{};
  constexpr std::string_view kBefore = "orrery: the sandbox refused system call ";
  constexpr std::string_view kBehind = "; please report it. --sandbox off runs without\n";
  char* end = std::copy(kBefore.begin(), kBefore.end(), text.data());
  end = std::to_chars(end, text.data() + text.size(), information->si_syscall).ptr;
  end = std::copy(kBehind.begin(), kBehind.end(), end);
  (void)!::write(STDERR_FILENO, text.data(), static_cast<std::size_t>(end - text.data()));
  ::raise(number);  // SA_RESETHAND put the default action back
}

void install_handler() {
  struct sigaction action {};
  action.sa_sigaction = tell_and_die;
  action.sa_flags = static_cast<int>(SA_SIGINFO | SA_RESETHAND | SA_NODEFER);
  ::sigaction(SIGSYS, &action, nullptr);
}

}  // namespace

Result<> enter_sandbox(const SandboxNeeds& needs) {
  install_handler();
  Filter filter;
  filter.set(SCMP_FLTATR_CTL_TSYNC, 1);
  filter.set(SCMP_FLTATR_CTL_OPTIMIZE, 2);  // a binary tree, not a list
  add_common(filter);
  add_needs(filter, needs);
  return filter.load();
}

Result<> probe_sandbox() {
  constexpr unsigned kThreadsInOneGo = 2;  // seccomp_api_get(3): the TSYNC flag
  if (::seccomp_api_get() >= kThreadsInOneGo) return {};
  return fail("this kernel has no seccomp filters (CONFIG_SECCOMP_FILTER)");
}

}  // namespace orrery::vmm
