#include "cluster/host/agent.hpp"

#include <utility>

#include <nlohmann/json.hpp>

#include "base/format.hpp"
#include "base/log.hpp"
#include "cluster/host/vm_options.hpp"
#include "vmm/control/client.hpp"
#include "vmm/control/suspend.hpp"
#include "vmm/options/options.hpp"

namespace orrery::cluster::host {

struct Agent::Lent {
  std::unique_ptr<http::Client> client;
  // While it is open; shared with who closes it, which ends the task.
  std::shared_ptr<http::ClientSocket> socket;
  Task<Result<>> task;  // goes before what it uses
};

Agent::Agent(EventLoop& loop, Options options)
    : loop_(loop),
      options_(std::move(options)),
      reconciler_(*this),
      link_(loop, options_.link,
            {.connected = [this] { reconciler_.connected(); },
             .taken = [this](link::Message message) { take(std::move(message)); },
             .beaten = [this] { look_at_models(); }}) {}

Agent::~Agent() = default;

Result<> Agent::recover() {
  ORRERY_TRY(const auto vms, VmFolder::read_all(options_.state));
  for (const LocalVm& vm : vms) {
    reconciler_.adopt(vm);
    if (vm.phase == Phase::kEnded) continue;
    log::info("{}: found again", vm.name);
    make_process(vm.name).adopt();
  }
  return {};
}

Task<Result<>> Agent::run() {
  const Result<> run = co_await link_.run();
  stopping_ = true;
  for (const auto& [name, lent] : lent_) {
    lent->client->close();
    const std::shared_ptr<http::ClientSocket> kept = lent->socket;
    if (kept) kept->socket().close();
  }
  while (!lent_.empty()) co_await all_returned_;
  co_return run;
}

void Agent::stop() {
  link_.stop();
}

void Agent::take(link::Message message) {
  if (const auto* const assign = std::get_if<link::Assign>(&message)) {
    reconciler_.assign(assign->vms);
  } else if (const auto* const revoke = std::get_if<link::Revoke>(&message)) {
    log::warning("{}: belongs to another platform now, and is ended", revoke->vm);
    reconciler_.revoke(*revoke);
  } else if (auto* const open = std::get_if<link::OpenConsole>(&message)) {
    lend_console(std::move(*open));
  } else if (std::holds_alternative<link::Measure>(message)) {
    measure_all();
  }
}

void Agent::measure_all() {
  for (const auto& [name, process] : processes_) {
    process->measure([this, name](const nlohmann::json& figures) {
      link_.send(link::Figures{.vm = name, .figures = link::figures_of(figures)});
    });
  }
}

void Agent::look_at_models() {
  for (const auto& [name, process] : processes_) process->look_at_models();
}

Result<> Agent::keep(const LocalVm& vm) {
  return VmFolder(options_.state, vm.name).write_record(vm);
}

// Its console's log stays until the VM is started here again.
void Agent::forget(const std::string& vm) {
  ::unlink(VmFolder(options_.state, vm).file("record.json").c_str());
}

void Agent::report(const VmReport& report) {
  link_.send(link::Report{.vms = {report}});
}

VmProcess& Agent::make_process(const std::string& vm) {
  VmProcess::Listener listener{
      .seen = [this, vm](const GuestFacts& guest) { reconciler_.seen(vm, guest); },
      .running = [this, vm](Reconciler::Clock clock) { reconciler_.running(vm, clock); },
      .ended = [this, vm](bool failed,
                          const std::string& detail) { process_ended(vm, failed, detail); }};
  auto& process = processes_[vm];
  process = std::make_unique<VmProcess>(loop_, VmFolder(options_.state, vm), std::move(listener));
  return *process;
}

void Agent::process_ended(const std::string& vm, bool failed, const std::string& detail) {
  const auto found = processes_.find(vm);
  gone_.push_back(std::move(found->second));
  processes_.erase(found);
  loop_.post([this] { gone_.clear(); });
  const bool kept = VmFolder(options_.state, vm).has_state();
  reconciler_.ended(vm, {.failed = failed, .kept = kept, .detail = detail});
}

void Agent::launch(const std::string& vm, const VmOptions& options, Launch how) {
  const Result<> launched = try_launch(vm, options, how);
  if (launched) return;
  log::warning("{}: {}", vm, launched.error().message());
  loop_.post([this, vm, how, why = launched.error().message()] {
    processes_.erase(vm);
    reconciler_.ended(vm, {.failed = true, .kept = how == Launch::kResume, .detail = why});
  });
}

Result<> Agent::try_launch(const std::string& vm, const VmOptions& options, Launch how) {
  const VmFolder folder(options_.state, vm);
  ORRERY_TRY(auto lock, folder.try_lock());
  if (!lock) return fail("a process of it is there already");
  ORRERY_CHECK(folder.prepare());
  std::vector<std::string> words{"--snapshot", folder.state_library() + "/" + VmFolder::kStateName,
                                 "--console",  "socket=" + folder.file("console"),
                                 "--control",  folder.file("control")};
  if (how == Launch::kBoot) {
    ORRERY_TRY(words, write_options(folder, options));
  } else if (const auto identity = options.find("identity"); identity != options.end()) {
    words.insert(words.end(), {"--identity", identity->second.front()});
  }
  log::info("{}: launched", vm);
  return make_process(vm).launch(options_.program, words, options_.files.front(), std::move(*lock));
}

// As a configuration file; returns what names it.
Result<std::vector<std::string>> Agent::write_options(const VmFolder& folder,
                                                      const VmOptions& options) const {
  ORRERY_TRY(vmm::Configuration configuration, configuration_of(options));
  ORRERY_CHECK(check_files(configuration, options_.files));
  configuration.console = {.kind = vmm::ConsoleOptions::Kind::kSocket,
                           .target = folder.file("console")};
  configuration.control = folder.file("control");
  ORRERY_CHECK(replace_file(folder.file("vm.toml"), vmm::to_toml(configuration)));
  return std::vector<std::string>{"--config", folder.file("vm.toml")};
}

void Agent::discard(const std::string& vm) {
  VmFolder(options_.state, vm).discard_state();
}

void Agent::suspend(const std::string& vm) {
  log::info("{}: is being suspended", vm);
  workers_.post([this, vm, folder = VmFolder(options_.state, vm), weak = std::weak_ptr(alive_)] {
    folder.discard_state();
    const auto done = vmm::control::suspend(
        folder.file("control"), snapshot::Library(folder.state_library()), VmFolder::kStateName);
    if (done) return;  // and so the process ends
    loop_.post([this, vm, weak, why = done.error().message()] {
      if (weak.expired()) return;
      log::warning("{}: cannot be suspended: {}", vm, why);
      reconciler_.cannot_suspend(vm, why);
    });
  });
}

namespace {

// Waits until it is there; what then is where.
Result<GuestFacts> move_model(const std::string& socket, const DeviceMove& move) {
  ORRERY_TRY(auto vm, vmm::control::Client::connect(socket));
  ORRERY_CHECK(
      vm.ask({{"command", "move-device"}, {"device", move.device}, {"server", move.server}}));
  ORRERY_TRY(const nlohmann::json status, vm.ask({{"command", "status"}}));
  return guest_facts_of(status);
}

}  // namespace

void Agent::move_device(const std::string& vm, const DeviceMove& move) {
  log::info("{}: {} goes to {}", vm, move.device, move.server);
  workers_.post([this, vm, move, socket = VmFolder(options_.state, vm).file("control"),
                 weak = std::weak_ptr(alive_)] {
    const Result<GuestFacts> guest = move_model(socket, move);
    loop_.post([this, vm, number = move.number, weak, guest] {
      if (weak.expired()) return;
      if (!guest) log::warning("{}: {}", vm, guest.error().message());
      if (guest) reconciler_.seen(vm, *guest);
      reconciler_.moved(vm, number, guest ? "" : guest.error().message());
    });
  });
}

void Agent::tell(const std::string& vm, const char* command) {
  const auto found = processes_.find(vm);
  if (found != processes_.end()) found->second->tell(command);
}

void Agent::end_at_once(const std::string& vm) {
  const auto found = processes_.find(vm);
  if (found != processes_.end()) found->second->end_at_once();
}

void Agent::lend_console(link::OpenConsole open) {
  const std::string name = open.console;
  if (stopping_ || lent_.contains(name)) return;
  auto& lent = lent_[name];
  lent = std::make_unique<Lent>();
  lent->client =
      std::make_unique<http::Client>(loop_, std::vector{link_.panel()}, http::Client::Times{});
  lent->task = speak_console(std::move(open));
  lent->task.start([this, name] {
    loop_.post([this, name] {
      lent_.erase(name);
      all_returned_.notify_all();
    });
  });
}

Task<Result<>> Agent::speak_console(link::OpenConsole open) {
  Lent& lent = *lent_.at(open.console);
  http::Ask ask = ask_for(http::Method::kGet, "/v1/consoles/" + open.console, options_.link.secret);
  auto opened = co_await lent.client->open(std::move(ask));
  if (!opened) co_return fail(opened.error());
  lent.socket = std::move(*opened);
  http::WebSocket& socket = lent.socket->socket();
  if (open.use == link::ConsoleUse::kLog) {
    const VmFolder folder(options_.state, open.vm);
    http::Message log;
    log.text = false;
    log.data = ConsoleRelay::read_log(folder.file("console.log"));
    co_await socket.send(std::move(log));
    co_await socket.send_close();
  } else {
    co_await show_console(socket, open.vm);
  }
  socket.close();
  co_return Result<>{};
}

namespace {

// What a console prints, to a socket, as fast as that takes it; of more than fits, the oldest is
// dropped.
class Printed {
 public:
  void add(std::string_view text) {
    constexpr std::size_t kMost = std::size_t{1} << 20;
    if (waiting_.size() + text.size() > kMost) waiting_.clear();
    waiting_ += text;
    if (text.empty()) ended_ = true;
    changed_.notify_all();
  }
  bool over() const { return ended_; }
  Task<Result<>> send_to(http::WebSocket& socket) {
    bool sent = true;
    while (sent && !(waiting_.empty() && ended_)) {
      if (waiting_.empty()) {
        co_await changed_;
        continue;
      }
      http::Message message;
      message.text = false;
      message.data = std::exchange(waiting_, "");
      sent = co_await socket.send(std::move(message));
    }
    if (sent) co_await socket.send_close();
    socket.close();
    co_return Result<>{};
  }

 private:
  std::string waiting_;
  bool ended_ = false;
  Changed changed_;
};

}  // namespace

Task<Result<>> Agent::show_console(http::WebSocket& socket, std::string vm) {
  Printed printed;
  // Once it is over, there is no console any more, or it is the next run's.
  const auto console = [&]() -> ConsoleRelay* {
    const auto found = processes_.find(vm);
    return found == processes_.end() || printed.over() ? nullptr : found->second->console();
  };
  if (console() == nullptr) co_return Result<>{};
  const unsigned viewer = console()->add_viewer([&](std::string_view text) { printed.add(text); });
  Task<Result<>> sending = printed.send_to(socket);
  bool sent_all = false;
  Changed sent;
  sending.start([&] {
    sent_all = true;
    sent.notify_all();
  });
  while (true) {
    const std::optional<http::Message> typed = co_await socket.receive();
    ConsoleRelay* const relay = console();
    if (!typed || relay == nullptr) break;
    relay->type(typed->data);
  }
  if (ConsoleRelay* const relay = console()) relay->remove_viewer(viewer);
  printed.add("");
  while (!sent_all) co_await sent;
  co_return Result<>{};
}

}  // namespace orrery::cluster::host
