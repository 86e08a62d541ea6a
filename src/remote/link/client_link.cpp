#include "remote/link/client_link.hpp"

#include <sys/random.h>

#include "base/assert.hpp"
#include "base/format.hpp"
#include "base/log.hpp"
#include "remote/packet/codec.hpp"

namespace orrery::remote {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

// A server that starts again is there within some of the first, and is not kept busy by the last.
constexpr milliseconds kFirstPause{5};
constexpr milliseconds kLongestPause{1'000};

SessionId random_session() {
  SessionId id{};
  // So few bytes come at once, once the kernel has any (getrandom(2)).
  ORRERY_ASSERT(::getrandom(id.data(), id.size(), 0) == static_cast<ssize_t>(id.size()));
  return id;
}

}  // namespace

ClientLink::ClientLink(EventLoop& loop, Options options, Callbacks callbacks)
    : loop_(loop),
      options_(std::move(options)),
      callbacks_(std::move(callbacks)),
      session_(random_session()),
      link_(options_.timing),
      retry_(loop.create_timer([this] { connect(); })),
      tick_(loop.create_timer([this] { tick(); })) {
  tick_->arm(steady_clock::now() + options_.timing.silence / 4);
  retry_->arm(steady_clock::now());
}

ClientLink::~ClientLink() {
  socket_.forget();
}

void ClientLink::send(const Body& body) {
  const std::lock_guard lock(mutex_);
  link_.send(body);
  if (!link_.attached() || (taking_ && loop_.on_loop_thread())) return;
  const Result<> sent = link_.flush();
  if (sent && !link_.has_output()) return;
  loop_.post([this, alive = std::weak_ptr(alive_)] {
    if (alive.lock()) flush();
  });
}

bool ClientLink::has_credit() {
  const std::lock_guard lock(mutex_);
  starved_ |= !link_.has_credit();
  return link_.has_credit();
}

PlatformId ClientLink::server() const {
  const std::lock_guard lock(mutex_);
  return server_;
}

// ---- Greeting ----

void ClientLink::connect() {
  if (lost_) return;
  const Result<> begun = begin_greeting();
  if (!begun) disconnected(begun.error());
}

Result<> ClientLink::begin_greeting() {
  ORRERY_TRY(FileDescriptor socket, begin_connecting(options_.server));
  ORRERY_TRY(tls::Endpoint endpoint,
             tls::Endpoint::connecting(options_.credentials, options_.host));
  auto channel = std::make_unique<Channel>(std::move(socket), std::move(endpoint));
  ORRERY_CHECK(socket_.watch(
      loop_, channel->descriptor(), [this] { greeting_ ? greet() : take_packets(); },
      [this] { greeting_ ? greet() : flush(); }));
  socket_.want_to_write();
  greeting_ = Greeting{.channel = std::move(channel), .since = steady_clock::now()};
  return {};
}

void ClientLink::greet() {
  const Result<> result = go_on_greeting();
  if (!result) disconnected(result.error());
}

Result<> ClientLink::go_on_greeting() {
  Channel& channel = *greeting_->channel;
  if (!greeting_->connected) {
    ORRERY_CHECK(connection_error(channel.descriptor()));
    greeting_->connected = true;
  }
  const Result<> received = channel.receive();
  if (channel.established() && !std::exchange(greeting_->said_hello, channel.established())) {
    std::uint64_t taken = 0;
    {
      const std::lock_guard lock(mutex_);
      taken = link_.received();
    }
    const Hello hello{.session = session_,
                      .resuming = welcomed_ ? std::uint8_t{1} : std::uint8_t{0},
                      .vm = options_.vm};
    ORRERY_CHECK(channel.queue(encode(hello, 0, taken)));
  }
  ORRERY_CHECK(channel.flush());
  if (channel.has_output()) socket_.want_to_write();
  ORRERY_TRY(const std::optional<Packet> packet, channel.next());
  if (packet) return take_answer(*packet);
  return received;
}

Result<> ClientLink::take_answer(const Packet& packet) {
  if (const auto* const welcome = std::get_if<Welcome>(&packet.body)) {
    return welcomed(packet, *welcome);
  }
  if (const auto* const refusal = std::get_if<Refusal>(&packet.body)) {
    const auto* const text = reinterpret_cast<const char*>(refusal->data.data());
    lose(Error(std::string(text, refusal->data.size())));
    return {};
  }
  return fail(format("a {} instead of a welcome", kind_of(packet.body).name));
}

Result<> ClientLink::welcomed(const Packet& packet, const Welcome& welcome) {
  if (welcomed_ && welcome.resumed == 0) {
    lose(Error("the server has started anew, and what it had is gone"));
    return {};
  }
  {
    const std::lock_guard lock(mutex_);
    ORRERY_CHECK(link_.attach(std::move(greeting_->channel), packet.header.acknowledged));
    link_.set_credit(welcome.credit);
    server_ = welcome.server;
  }
  greeting_.reset();
  if (complained_) log::warning("{}: connected again", options_.server.name);
  welcomed_ = true;
  complained_ = false;
  pause_ = milliseconds(0);
  flush();
  // What followed the welcome is here already.
  if (!greeting_) take_packets();
  return {};
}

// ---- Packets ----

void ClientLink::take_packets() {
  const Result<> taken = take_received();
  if (!taken) return disconnected(taken.error());
  flush();
}

Result<> ClientLink::take_received() {
  // (What came with the welcome is here already.)
  for (bool received = false;;) {
    Result<std::optional<Packet>> packet = std::nullopt;
    {
      const std::lock_guard lock(mutex_);
      taking_ = false;
      if (!link_.attached()) return {};
      packet = link_.next();
      if (packet && !*packet) {
        if (std::exchange(received, true)) return {};
        ORRERY_CHECK(link_.receive());
        packet = link_.next();
      }
      taking_ = packet.has_value();
    }
    announce_credit();
    if (!packet) return fail(packet.error());
    if (*packet) callbacks_.packet(**packet);
  }
}

// To whoever was told that there is none; credit comes in packets and with a welcome.
void ClientLink::announce_credit() {
  {
    const std::lock_guard lock(mutex_);
    if (!starved_ || !link_.has_credit()) return;
    starved_ = false;
  }
  callbacks_.credit();
}

void ClientLink::flush() {
  Result<> flushed;
  bool more = false;
  {
    const std::lock_guard lock(mutex_);
    if (!link_.attached()) return;
    flushed = link_.flush();
    more = link_.has_output();
  }
  if (!flushed) return disconnected(flushed.error());
  if (more) socket_.want_to_write();
}

// ---- Losses ----

void ClientLink::disconnected(const Error& why) {
  socket_.forget();
  greeting_.reset();
  bool connected = false;
  {
    const std::lock_guard lock(mutex_);
    connected = link_.attached();
    link_.detach();
  }
  if (lost_) return;
  // The first attempt to connect again succeeds in most cases, and nobody needs to know.
  if (pause_ > kFirstPause && !std::exchange(complained_, true)) {
    log::warning("{}: {}; trying again", options_.server.name, why.message());
  }
  retry_->arm(steady_clock::now() + pause_);
  pause_ = std::clamp(pause_ * 2, kFirstPause, kLongestPause);
  if (!connected && callbacks_.unreachable) callbacks_.unreachable(why);
}

void ClientLink::lose(const Error& why) {
  lost_ = true;
  disconnected(why);
  callbacks_.lost(why.context(options_.server.name));
}

void ClientLink::tick() {
  const SteadyTime now = steady_clock::now();
  tick_->arm(now + options_.timing.silence / 4);
  if (greeting_ && now - greeting_->since >= options_.timing.patience) {
    return disconnected(Error("no answer"));
  }
  Result<> ticked;
  {
    const std::lock_guard lock(mutex_);
    if (!link_.attached()) return;
    ticked = link_.tick(now);
  }
  if (!ticked) disconnected(ticked.error());
}

}  // namespace orrery::remote
