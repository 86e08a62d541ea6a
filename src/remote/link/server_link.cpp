#include "remote/link/server_link.hpp"

#include "base/format.hpp"
#include "base/log.hpp"

namespace orrery::remote {
namespace {

using std::chrono::steady_clock;

}  // namespace

ServerLink::ServerLink(EventLoop& loop, const Options& options, const Hello& hello,
                       std::string peer, std::function<void()> ended)
    : loop_(loop),
      options_(options),
      hello_(hello),
      peer_(std::move(peer)),
      ended_(std::move(ended)),
      link_(options.timing),
      tick_(loop.create_timer([this] { tick(); })) {
  tick_->arm(steady_clock::now() + options_.timing.silence / 4);
}

ServerLink::~ServerLink() {
  service_.reset();
  socket_.forget();
}

void ServerLink::attach(std::unique_ptr<Channel> channel, std::uint64_t peer_received,
                        PlatformId server) {
  socket_.forget();
  link_.detach();
  const int descriptor = channel->descriptor();
  Result<> attached = link_.attach(std::move(channel), peer_received);
  if (attached) {
    attached = socket_.watch(
        loop_, descriptor, [this] { take_packets(); }, [this] { flush(); });
  }
  if (!attached) return disconnected(attached.error());
  link_.send(Welcome{server, std::exchange(welcomed_, true) ? std::uint8_t{1} : std::uint8_t{0},
                     link_.credit()});
  take_packets();
}

bool ServerLink::make_way_for(const ServerLink& newer) {
  const ToVm& vm = newer.vm();
  const bool same_vm =
      newer.peer_ == peer_ && vm.vm == hello_.vm.vm && vm.client == hello_.vm.client;
  if (!same_vm || link_.attached()) return false;
  end();
  return true;
}

void ServerLink::send(const Body& body) {
  link_.send(body);
  flush_soon();
}

void ServerLink::give_back(std::uint64_t bytes) {
  link_.give_back(bytes);
  flush_soon();
}

void ServerLink::flush_soon() {
  if (taking_ || !link_.attached() || std::exchange(flush_posted_, true)) return;
  loop_.post([this, alive = std::weak_ptr(alive_)] {
    if (!alive.lock()) return;
    flush_posted_ = false;
    flush();
  });
}

void ServerLink::take_packets() {
  taking_ = true;
  const Result<> taken = take_received();
  taking_ = false;
  if (!taken) return disconnected(taken.error());
  flush();
}

Result<> ServerLink::take_received() {
  // (What came with the hello is here already.)
  for (bool received = false; link_.attached();) {
    ORRERY_TRY(const std::optional<Packet> packet, link_.next());
    if (packet) {
      service_->take(*packet);
    } else if (std::exchange(received, true)) {
      break;
    } else {
      ORRERY_CHECK(link_.receive());
    }
  }
  return {};
}

void ServerLink::flush() {
  if (!link_.attached()) return;
  const Result<> flushed = link_.flush();
  if (!flushed) return disconnected(flushed.error());
  if (link_.has_output()) socket_.want_to_write();
}

void ServerLink::disconnected(const Error& why) {
  socket_.forget();
  link_.detach();
  disconnected_ = steady_clock::now();
  log::info("VM {} of {}: disconnected: {}", hello_.vm.vm.value(), peer_, why.message());
  if (!service_->holds_anything()) end();
}

void ServerLink::tick() {
  const SteadyTime now = steady_clock::now();
  tick_->arm(now + options_.timing.silence / 4);
  if (link_.attached()) {
    const Result<> ticked = link_.tick(now);
    if (!ticked) disconnected(ticked.error());
  } else if (now - disconnected_ >= options_.lease) {
    log::warning("VM {} of {}: has not come back for {} s; its device models are released",
                 hello_.vm.vm.value(), peer_,
                 std::chrono::duration_cast<std::chrono::seconds>(options_.lease).count());
    end();
  }
}

void ServerLink::end() {
  if (!std::exchange(over_, true)) ended_();
}

}  // namespace orrery::remote
