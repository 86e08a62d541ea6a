#include "vmm/console/terminal.hpp"

#include <array>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdlib>

#include <termios.h>
#include <unistd.h>

namespace orrery::vmm::terminal {
namespace {

// Read by restore() in signal handlers: `changed` is set after the rest is complete, and both run
// on whichever thread takes the signal.
std::atomic<bool> changed{false};
int terminal_descriptor = -1;
termios found{};
termios raw{};

constexpr std::array kFatalSignals{SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT, SIGQUIT, SIGSYS};

void die_with_terminal_restored(int number) {
  restore();
  // SA_RESETHAND put the default action back.
  ::raise(number);
}

void install_fatal_handlers() {
  struct sigaction action {};
  action.sa_handler = die_with_terminal_restored;
  action.sa_flags = static_cast<int>(SA_RESETHAND | SA_NODEFER);
  for (const int number : kFatalSignals) ::sigaction(number, &action, nullptr);
}

}  // namespace

bool usable(int descriptor) {
  if (::isatty(descriptor) == 0) return false;
  const pid_t foreground = ::tcgetpgrp(descriptor);
  // There is no foreground in a terminal that controls no session, or another: nobody else reads
  // it.
  return foreground == ::getpgrp() || (foreground < 0 && errno == ENOTTY);
}

void make_raw(int descriptor) {
  if (::tcgetattr(descriptor, &found) != 0) return;
  terminal_descriptor = descriptor;
  raw = found;
  raw.c_iflag &= ~static_cast<tcflag_t>(BRKINT | ICRNL | INLCR | IGNCR | INPCK | ISTRIP | IXON);
  raw.c_lflag &= ~static_cast<tcflag_t>(ECHO | ECHONL | ICANON | IEXTEN | ISIG);
  raw.c_cflag |= CS8;
  raw.c_cc[VMIN] = 1;
  raw.c_cc[VTIME] = 0;
  changed.store(true);
  install_fatal_handlers();
  std::atexit(restore);
  ::tcsetattr(descriptor, TCSANOW, &raw);
}

void restore() {
  if (changed.exchange(false)) ::tcsetattr(terminal_descriptor, TCSANOW, &found);
}

void make_raw_again() {
  if (terminal_descriptor < 0 || !usable(terminal_descriptor)) return;
  changed.store(true);
  ::tcsetattr(terminal_descriptor, TCSANOW, &raw);
}

}  // namespace orrery::vmm::terminal
