#include "vmm/host/signals.hpp"

#include <csignal>

#include <sys/signalfd.h>
#include <unistd.h>

namespace orrery::vmm {
namespace {

sigset_t served_signals() {
  sigset_t set;
  ::sigemptyset(&set);
  for (const int number : {SIGTERM, SIGINT, SIGHUP, SIGCONT, SIGWINCH}) ::sigaddset(&set, number);
  return set;
}

}  // namespace

void block_served_signals() {
  const sigset_t set = served_signals();
  ::pthread_sigmask(SIG_BLOCK, &set, nullptr);
  // A reader that went away is an error of write(), not the end of the machine.
  ::signal(SIGPIPE, SIG_IGN);
}

void unblock_served_signals() {
  const sigset_t set = served_signals();
  ::pthread_sigmask(SIG_UNBLOCK, &set, nullptr);
  ::signal(SIGPIPE, SIG_DFL);
}

Result<std::unique_ptr<Signals>> Signals::create(EventLoop& loop, SignalActions actions) {
  std::unique_ptr<Signals> signals(new Signals(std::move(actions)));
  const sigset_t set = served_signals();
  signals->descriptor_ = FileDescriptor(::signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC));
  if (!signals->descriptor_) return fail_errno("cannot serve signals (signalfd)");
  ORRERY_TRY(signals->watch_, loop.watch(signals->descriptor_.get(), Readiness::kReadable,
                                         [raw = signals.get()] { raw->serve(); }));
  return signals;
}

void Signals::serve() {
  signalfd_siginfo info{};
  if (::read(descriptor_.get(), &info, sizeof info) != sizeof info) return;
  const int number = static_cast<int>(info.ssi_signo);
  if (number == SIGCONT) {
    actions_.continued();
  } else if (number == SIGWINCH) {
    if (actions_.resized) actions_.resized();
  } else {
    actions_.end(number);
  }
}

}  // namespace orrery::vmm
