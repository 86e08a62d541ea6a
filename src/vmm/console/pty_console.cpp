#include "vmm/console/pty_console.hpp"

#include <chrono>
#include <cstdlib>

#include <fcntl.h>
#include <poll.h>
#include <termios.h>

#include "base/log.hpp"

namespace orrery::vmm {
namespace {

// A pseudo-terminal does not tell when it is opened; five looks a second cost nothing and are too
// quick for a person to notice.
constexpr std::chrono::milliseconds kLookInterval{200};

}  // namespace

Result<std::unique_ptr<PtyConsole>> PtyConsole::create(EventLoop& loop) {
  std::unique_ptr<PtyConsole> console(new PtyConsole(loop));
  console->master_ = FileDescriptor(::posix_openpt(O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC));
  const int master = console->master_.get();
  if (master < 0 || ::grantpt(master) != 0 || ::unlockpt(master) != 0) {
    return fail_errno("pty: cannot make a pseudo-terminal (is /dev/pts mounted?)");
  }
  char name[64] = {};
  if (::ptsname_r(master, name, sizeof name) != 0)
    return fail_errno("pty: cannot name the pseudo-terminal");
  console->path_ = name;
  {
    // Raw from the start; opening and closing it once also makes the master report a hang-up until
    // somebody comes.
    const FileDescriptor slave(::open(name, O_RDWR | O_NOCTTY | O_CLOEXEC));
    if (!slave) return fail_errno("pty: cannot open " + console->path_);
    termios settings{};
    ::tcgetattr(slave.get(), &settings);
    ::cfmakeraw(&settings);
    ::tcsetattr(slave.get(), TCSANOW, &settings);
  }
  console->look_ = loop.create_timer([raw = console.get()] { raw->look_for_somebody(); });
  console->wait_for_somebody();
  return console;
}

PtyConsole::~PtyConsole() {
  look_.reset();
  detach();
}

void PtyConsole::wait_for_somebody() {
  detach();
  look_->arm(std::chrono::steady_clock::now() + kLookInterval);
}

void PtyConsole::look_for_somebody() {
  pollfd state{.fd = master_.get(), .events = POLLIN, .revents = 0};
  const bool somebody = ::poll(&state, 1, 0) >= 0 && (state.revents & POLLHUP) == 0;
  if (!somebody) return wait_for_somebody();
  const Result<> attached = attach(master_.get(), master_.get());
  if (!attached) log::error("console on {}: {}", path_, attached.error().message());
}

}  // namespace orrery::vmm
