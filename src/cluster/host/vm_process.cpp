#include "cluster/host/vm_process.hpp"

#include <algorithm>
#include <array>
#include <csignal>
#include <utility>

#include <fcntl.h>
#include <nlohmann/json.hpp>
#include <spawn.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "base/format.hpp"
#include "base/log.hpp"

extern char** environ;  // NOLINT(readability-redundant-declaration): POSIX leaves it to the program

namespace orrery::cluster::host {
namespace {

using namespace std::chrono_literals;

// Between looks at a process that has not opened its sockets yet, or is about to end: a start takes
// 10 ms, one with large disks longer.
constexpr std::chrono::milliseconds kFirstPause{5};
constexpr std::chrono::milliseconds kLongestPause{200};

// posix_spawn's two objects, in a session of its own, with the signals as a shell has them.
class Spawn {
 public:
  Spawn() {
    ::posix_spawn_file_actions_init(&actions_);
    ::posix_spawnattr_init(&attributes_);
    sigset_t all;
    sigset_t none;
    ::sigfillset(&all);
    ::sigemptyset(&none);
    ::posix_spawnattr_setsigdefault(&attributes_, &all);
    ::posix_spawnattr_setsigmask(&attributes_, &none);
    ::posix_spawnattr_setflags(&attributes_,
                               POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK);
  }
  ~Spawn() {
    ::posix_spawn_file_actions_destroy(&actions_);
    ::posix_spawnattr_destroy(&attributes_);
  }
  Spawn(const Spawn&) = delete;
  Spawn& operator=(const Spawn&) = delete;

  posix_spawn_file_actions_t* actions() { return &actions_; }
  const posix_spawnattr_t* attributes() const { return &attributes_; }

 private:
  posix_spawn_file_actions_t actions_{};
  posix_spawnattr_t attributes_{};
};

}  // namespace

VmProcess::VmProcess(EventLoop& loop, VmFolder folder, Listener listener)
    : loop_(loop),
      folder_(std::move(folder)),
      listener_(std::move(listener)),
      pause_(kFirstPause),
      timer_(loop.create_timer([this] { look(); })) {}

VmProcess::~VmProcess() = default;

Result<> VmProcess::launch(const std::string& program, const std::vector<std::string>& options,
                           const std::string& working_folder, FileDescriptor lock) {
  Spawn spawn;
  auto* const actions = spawn.actions();
  const std::string log = folder_.file("vmm.log");
  constexpr mode_t kOwnerOnly = 0600;
  constexpr int kNew = O_WRONLY | O_CREAT | O_TRUNC;
  ::posix_spawn_file_actions_addopen(actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  ::posix_spawn_file_actions_addopen(actions, STDOUT_FILENO, log.c_str(), kNew, kOwnerOnly);
  ::posix_spawn_file_actions_adddup2(actions, STDOUT_FILENO, STDERR_FILENO);
  // The lock goes with the process: the kernel lets it go when the process has ended.
  constexpr int kLock = 3;
  ::posix_spawn_file_actions_adddup2(actions, lock.get(), kLock);
  ::posix_spawn_file_actions_addchdir_np(actions, working_folder.c_str());
  std::vector<std::string> words{program, "run", "--end", folder_.file("end.json")};
  words.insert(words.end(), options.begin(), options.end());
  std::vector<char*> arguments(words.size() + 1, nullptr);
  std::ranges::transform(words, arguments.begin(), [](std::string& word) { return word.data(); });
  const int code = ::posix_spawn(&process_, program.c_str(), actions, spawn.attributes(),
                                 arguments.data(), environ);
  if (code != 0) return fail_errno(program + ": cannot be started", code);
  look_after(kFirstPause);
  return {};
}

void VmProcess::adopt() {
  look_after(0ms);
}

void VmProcess::look_after(std::chrono::milliseconds time) {
  timer_->arm(std::chrono::steady_clock::now() + time);
}

bool VmProcess::has_ended() {
  if (process_ > 0) {
    // So that it is no zombie; its status is in end.json.
    int status = 0;
    if (::waitpid(process_, &status, WNOHANG) == process_) process_ = -1;
  }
  const auto lock = folder_.try_lock();
  if (!lock) log::warning("{}", lock.error().message());
  return lock && *lock;
}

void VmProcess::look() {
  if (has_ended()) {
    // (The last that it printed may be on its way.)
    if (!console_ || console_->ended()) return finish();
    return look_after(kFirstPause);
  }
  if (!control_) connect();
  if (control_) return;  // its end is told of
  if (end_wanted_ && process_ > 0) ::kill(process_, SIGKILL);
  pause_ = std::min(pause_ * 2, kLongestPause);
  look_after(pause_);
}

void VmProcess::connect() {
  auto control =
      ControlLink::connect(loop_, folder_.file("control"), [this, weak = std::weak_ptr(alive_)] {
        if (!weak.lock()) return;
        control_.reset();
        pause_ = kFirstPause;
        look_after(0ms);
      });
  if (!control) return;  // not yet
  auto console = ConsoleRelay::connect(loop_, folder_.file("console"), folder_.file("console.log"));
  if (!console) return;
  console_ = std::move(*console);
  control_ = std::move(*control);
  if (end_wanted_) return tell("quit");
  ask_status();
}

void VmProcess::ask_status() {
  control_->ask("status", [this](const Result<nlohmann::json>& answer) { take_status(answer); });
}

void VmProcess::take_status(const Result<nlohmann::json>& answer) {
  if (!answer) return;
  const GuestFacts guest = guest_facts_of(*answer);
  has_remote_models_ = std::ranges::any_of(
      guest.models, [](const DeviceModel& each) { return !each.server.empty(); });
  listener_.seen(guest);
  const bool stands = text_field(*answer, "state") == "paused";
  listener_.running(stands ? Reconciler::Clock::kStands : Reconciler::Clock::kRuns);
}

void VmProcess::tell(const std::string& command) {
  if (!control_) return;
  control_->ask(command, [command](const Result<nlohmann::json>& answer) {
    if (!answer) log::info("{}: {}", command, answer.error().message());
  });
  if (command == "pause" || command == "resume") ask_status();
}

void VmProcess::measure(std::function<void(const nlohmann::json& figures)> taken) {
  if (!control_ || std::exchange(measuring_, true)) return;
  control_->ask("figures", [this, taken = std::move(taken)](const Result<nlohmann::json>& answer) {
    measuring_ = false;
    if (answer) taken(*answer);
  });
}

void VmProcess::look_at_models() {
  if (!control_ || !has_remote_models_ || std::exchange(looking_, true)) return;
  control_->ask("status", [this](const Result<nlohmann::json>& answer) {
    looking_ = false;
    take_status(answer);
  });
}

void VmProcess::end_at_once() {
  if (!std::exchange(end_wanted_, true)) {
    if (control_) return tell("quit");
    if (process_ > 0) ::kill(process_, SIGKILL);
  }
}

void VmProcess::finish() {
  const VmFolder::End end = folder_.read_end();
  listener_.ended(end.failed && !end_wanted_, end.detail);
}

}  // namespace orrery::cluster::host
