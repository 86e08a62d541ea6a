#include "network/user_network.hpp"

#include <array>
#include <chrono>
#include <deque>
#include <utility>

#include <arpa/inet.h>
#include <sys/epoll.h>

#include "base/format.hpp"
#include "base/log.hpp"
#include "network/frame_queue.hpp"
#include "network/poll_set.hpp"
#include "network/slirp_library.hpp"

namespace orrery::network {
namespace {

using std::chrono::milliseconds;
using std::chrono::nanoseconds;
using std::chrono::steady_clock;

// Frames towards a guest that does not take them. libslirp's own windows bound TCP; more UDP than
// this is dropped, as on any full wire.
constexpr std::size_t kReceiveCapacity = 1024;

// The two names for the same four events.
struct EventNames {
  int slirp;
  std::uint32_t epoll;
};
constexpr std::array<EventNames, 5> kEvents{{{SLIRP_POLL_IN, EPOLLIN},
                                             {SLIRP_POLL_OUT, EPOLLOUT},
                                             {SLIRP_POLL_PRI, EPOLLPRI},
                                             {SLIRP_POLL_ERR, EPOLLERR},
                                             {SLIRP_POLL_HUP, EPOLLHUP}}};

std::uint32_t to_epoll(int events) {
  std::uint32_t result = 0;
  for (const EventNames& names : kEvents) result |= (events & names.slirp) != 0 ? names.epoll : 0;
  return result;
}

int to_slirp(std::uint32_t events) {
  int result = 0;
  for (const EventNames& names : kEvents) result |= (events & names.epoll) != 0 ? names.slirp : 0;
  return result;
}

in_addr ipv4(const char* text) {
  in_addr address{};
  ::inet_pton(AF_INET, text, &address);
  return address;
}

in6_addr ipv6(const char* text) {
  in6_addr address{};
  ::inet_pton(AF_INET6, text, &address);
  return address;
}

struct SlirpDeleter {
  const SlirpLibrary* library;
  void operator()(Slirp* slirp) const { library->cleanup(slirp); }
};

// libslirp is for one thread: all of it happens on the loop's.
class UserNetwork final : public port::Frames {
 public:
  UserNetwork(EventLoop& loop, PollSet poll_set, const SlirpLibrary& library)
      : loop_(loop),
        poll_set_(std::move(poll_set)),
        library_(library),
        slirp_(nullptr, {&library}) {}
  Result<> open(const UserNetworkOptions& options);

  // NAT sends and takes only complete, ordinary frames.
  port::FrameOffloadSupport offload_support() const override { return {}; }
  void set_receive_offload(port::FrameOffloadSupport /*accepted*/) override {}
  bool send(const port::Frame& frame) override;
  void set_callbacks(std::function<bool(const port::Frame&)> receive,
                     port::Notify writable) override;
  void resume() override;
  bool link_up() const override { return true; }

 private:
  static const SlirpCb kCallbacks;
  static UserNetwork& self(void* opaque) { return *static_cast<UserNetwork*>(opaque); }

  Result<> add_forward(const PortForward& forward);
  void send_queued();
  void receive_from_slirp(ByteSpan frame);
  void deliver();
  void request_refresh();
  void refresh();
  void served();
  template <typename Work>
  void post(Work work);

  EventLoop& loop_;
  FrameQueue outgoing_;
  std::function<bool(const port::Frame&)> receive_;
  port::Notify writable_;
  std::deque<std::vector<std::byte>> incoming_;
  PollSet poll_set_;
  std::unique_ptr<Watch> poll_watch_;
  std::unique_ptr<LoopTimer> poll_timer_;
  bool refresh_requested_ = false;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
  const SlirpLibrary& library_;
  // Last: its end closes sockets and frees timers through the callbacks.
  std::unique_ptr<Slirp, SlirpDeleter> slirp_;
};

constexpr int kConfigurationVersion = 4;  // with init_completed and timer_new_opaque

const SlirpCb UserNetwork::kCallbacks = {
    .send_packet = [](const void* bytes, std::size_t size, void* opaque) -> ssize_t {
      self(opaque).receive_from_slirp(as_bytes(bytes, size));
      return static_cast<ssize_t>(size);
    },
    .guest_error = [](const char* text, void*) { log::guest_error("--net user: {}", text); },
    .clock_get_ns = [](void*) -> std::int64_t {
      return nanoseconds(steady_clock::now().time_since_epoch()).count();
    },
    .timer_new = nullptr,
    .timer_free = [](void* timer,
                     void*) { delete static_cast<std::unique_ptr<LoopTimer>*>(timer); },
    .timer_mod =
        [](void* timer, std::int64_t expire_ms, void*) {
          (*static_cast<std::unique_ptr<LoopTimer>*>(timer))
              ->arm(SteadyTime(milliseconds(expire_ms)));
        },
    .register_poll_fd = [](int, void*) {},
    .unregister_poll_fd = [](int descriptor,
                             void* opaque) { self(opaque).poll_set_.forget(descriptor); },
    .notify = [](void* opaque) { self(opaque).request_refresh(); },
    .init_completed = [](Slirp*, void*) {},
    .timer_new_opaque = [](SlirpTimerId id, void* argument, void* opaque) -> void* {
      UserNetwork& network = self(opaque);
      return new std::unique_ptr<LoopTimer>(network.loop_.create_timer([&network, id, argument] {
        network.library_.handle_timer(network.slirp_.get(), id, argument);
        network.request_refresh();
      }));
    },
};

Result<> UserNetwork::open(const UserNetworkOptions& options) {
  SlirpConfig configuration{};
  configuration.version = kConfigurationVersion;
  configuration.in_enabled = true;
  configuration.vnetwork = ipv4("10.0.2.0");
  configuration.vnetmask = ipv4("255.255.255.0");
  configuration.vhost = ipv4("10.0.2.2");
  configuration.vdhcp_start = ipv4("10.0.2.15");
  configuration.vnameserver = ipv4("10.0.2.3");
  configuration.in6_enabled = true;
  configuration.vprefix_addr6 = ipv6("fec0::");
  configuration.vprefix_len = 64;
  configuration.vhost6 = ipv6("fec0::2");
  configuration.vnameserver6 = ipv6("fec0::3");
  configuration.if_mtu = options.mtu;
  configuration.if_mru = options.mtu;
  slirp_.reset(library_.create(&configuration, &kCallbacks, this));
  if (!slirp_) return fail("libslirp refused its configuration");
  for (const PortForward& forward : options.forwards) ORRERY_CHECK(add_forward(forward));
  poll_timer_ = loop_.create_timer([this] { served(); });
  ORRERY_TRY(poll_watch_,
             loop_.watch(poll_set_.descriptor(), Readiness::kReadable, [this] { served(); }));
  request_refresh();
  return {};
}

Result<> UserNetwork::add_forward(const PortForward& forward) {
  const bool udp = forward.protocol == PortForward::Protocol::kUdp;
  const int code = library_.add_hostfwd(slirp_.get(), udp ? SLIRP_HOSTFWD_UDP : 0,
                                        ipv4(forward.host_address.c_str()), forward.host_port,
                                        ipv4("10.0.2.15"), forward.guest_port);
  if (code == 0) return {};
  return fail_errno(format("cannot listen on {}:{} ({}; is the port in use?)", forward.host_address,
                           forward.host_port, udp ? "udp" : "tcp"));
}

template <typename Work>
void UserNetwork::post(Work work) {
  loop_.post([work = std::move(work), alive = std::weak_ptr(alive_)] {
    if (alive.lock()) work();
  });
}

bool UserNetwork::send(const port::Frame& frame) {
  const auto pushed = outgoing_.push(frame);
  if (pushed == FrameQueue::Pushed::kFirst) post([this] { send_queued(); });
  return pushed != FrameQueue::Pushed::kFull;
}

void UserNetwork::send_queued() {
  const FrameQueue::Taken taken = outgoing_.take();
  for (const QueuedFrame& frame : taken.frames) {
    library_.input(slirp_.get(), reinterpret_cast<const std::uint8_t*>(frame.bytes.data()),
                   static_cast<int>(frame.bytes.size()));
  }
  if (taken.sender_waits && writable_) writable_();
  request_refresh();
}

void UserNetwork::set_callbacks(std::function<bool(const port::Frame&)> receive,
                                port::Notify writable) {
  receive_ = std::move(receive);
  writable_ = std::move(writable);
}

void UserNetwork::receive_from_slirp(ByteSpan frame) {
  if (incoming_.empty() && receive_ && receive_({frame, {}})) return;
  if (incoming_.size() < kReceiveCapacity) incoming_.emplace_back(frame.begin(), frame.end());
}

void UserNetwork::resume() {
  post([this] { deliver(); });
}

void UserNetwork::deliver() {
  while (!incoming_.empty() && receive_ && receive_({incoming_.front(), {}})) {
    incoming_.pop_front();
  }
}

void UserNetwork::request_refresh() {
  if (std::exchange(refresh_requested_, true)) return;
  post([this] { refresh(); });
}

// Tells the poll set what libslirp waits for now, and the timer for how long at most.
void UserNetwork::refresh() {
  refresh_requested_ = false;
  std::uint32_t timeout_ms = UINT32_MAX;
  poll_set_.begin();
  library_.pollfds_fill(
      slirp_.get(), &timeout_ms,
      [](int descriptor, int events, void* opaque) {
        return self(opaque).poll_set_.add(descriptor, to_epoll(events));
      },
      this);
  poll_set_.end();
  if (timeout_ms != UINT32_MAX) {
    poll_timer_->arm(steady_clock::now() + milliseconds(timeout_ms));
  } else {
    poll_timer_->cancel();
  }
}

void UserNetwork::served() {
  if (refresh_requested_)
    refresh();  // the indices that libslirp asks about are those of its last fill
  poll_set_.poll();
  library_.pollfds_poll(
      slirp_.get(), 0,
      [](int index, void* opaque) { return to_slirp(self(opaque).poll_set_.ready_events(index)); },
      this);
  refresh();
}

}  // namespace

Result<std::unique_ptr<port::Frames>> create_user_network(EventLoop& loop,
                                                          const UserNetworkOptions& options) {
  const Result<SlirpLibrary>& library = SlirpLibrary::get();
  if (!library) return fail(library.error());
  ORRERY_TRY(PollSet poll_set, PollSet::create());
  auto network = std::make_unique<UserNetwork>(loop, std::move(poll_set), *library);
  ORRERY_CHECK(network->open(options));
  return network;
}

Result<std::string> user_network_version() {
  const Result<SlirpLibrary>& library = SlirpLibrary::get();
  if (!library) return fail(library.error());
  return library->version_string();
}

}  // namespace orrery::network
