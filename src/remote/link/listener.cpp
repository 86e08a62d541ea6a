#include "remote/link/listener.hpp"

#include "base/format.hpp"
#include "base/log.hpp"
#include "remote/packet/codec.hpp"

namespace orrery::remote {

using std::chrono::steady_clock;

// A connection from its first byte to its hello.
class Listener::Greeting {
 public:
  Greeting(Listener& listener, std::unique_ptr<Channel> channel)
      : listener_(listener),
        channel_(std::move(channel)),
        patience_(listener.loop_.create_timer([this] { end(Error("no hello in time")); })) {}
  ~Greeting() { socket_.forget(); }

  Result<> watch() {
    patience_->arm(steady_clock::now() + listener_.options_.link.timing.patience);
    return socket_.watch(
        listener_.loop_, channel_->descriptor(), [this] { go_on(); }, [this] { go_on(); });
  }

 private:
  void go_on() {
    const Result<bool> done = receive();
    if (!done) return end(done.error());
    if (*done) listener_.forget(*this);
  }

  // True: the channel has been given away, or is at its end.
  Result<bool> receive() {
    const Result<> received = channel_->receive();
    // (TLS tells the other side what is wrong.)
    const Result<> flushed = channel_->flush();
    if (!received) return fail(received.error());
    if (!flushed) return fail(flushed.error());
    if (channel_->has_output()) socket_.want_to_write();
    ORRERY_TRY(const std::optional<Packet> packet, channel_->next());
    if (!packet) return false;
    const auto* const hello = std::get_if<Hello>(&packet->body);
    if (hello == nullptr) return fail("its first packet is no hello");
    socket_.forget();
    patience_->cancel();
    const Hello said = *hello;
    const Result<> begun = listener_.begin(said, packet->header.acknowledged, channel_);
    if (!begun) refuse(begun.error());
    return true;
  }

  void refuse(const Error& why) {
    const std::string& text = why.message();
    log::warning("VM of {}: refused: {}", channel_->peer(), text);
    const Refusal refusal{as_bytes(text.data(), text.size())};
    // The other side may be gone; nothing depends on it.
    if (channel_->queue(encode(refusal, 0, 0))) static_cast<void>(channel_->flush());
  }

  void end(const Error& why) {
    socket_.forget();
    patience_->cancel();
    log::info("a connection ends before it begins: {}", why.message());
    listener_.forget(*this);
  }

  Listener& listener_;
  std::unique_ptr<Channel> channel_;
  WatchedSocket socket_;
  std::unique_ptr<LoopTimer> patience_;
};

Listener::Listener(EventLoop& loop, Options options, Serve serve)
    : loop_(loop), options_(std::move(options)), serve_(std::move(serve)) {}

Listener::~Listener() = default;

Result<std::unique_ptr<Listener>> Listener::create(EventLoop& loop, FileDescriptor socket,
                                                   Options options, Serve serve) {
  std::unique_ptr<Listener> listener(new Listener(loop, std::move(options), std::move(serve)));
  ORRERY_TRY(listener->acceptor_,
             Acceptor::create(loop, std::move(socket), "device server", kMostGreetings,
                              [raw = listener.get()](FileDescriptor client) {
                                return raw->greet(std::move(client));
                              }));
  return listener;
}

Result<> Listener::greet(FileDescriptor socket) {
  ORRERY_TRY(tls::Endpoint endpoint, tls::Endpoint::accepting(options_.credentials));
  auto greeting = std::make_unique<Greeting>(
      *this, std::make_unique<Channel>(std::move(socket), std::move(endpoint)));
  ORRERY_CHECK(greeting->watch());
  Greeting* const key = greeting.get();
  greetings_.emplace(key, std::move(greeting));
  return {};
}

void Listener::forget(Greeting& greeting) {
  loop_.post([this, key = &greeting, alive = std::weak_ptr(alive_)] {
    if (!alive.lock()) return;
    greetings_.erase(key);
    acceptor_->farewell();
  });
}

Result<> Listener::begin(const Hello& hello, std::uint64_t received,
                         std::unique_ptr<Channel>& channel) {
  ORRERY_TRY(ServerLink* const link, find_session(hello, channel->peer()));
  link->attach(std::move(channel), received, options_.platform);
  return {};
}

Result<ServerLink*> Listener::find_session(const Hello& hello, const std::string& peer) {
  const auto found = sessions_.find(hello.session);
  if (found != sessions_.end()) {
    if (found->second->peer() == peer) return found->second.get();
    return fail(format("the session belongs to {}", found->second->peer()));
  }
  if (hello.resuming != 0) {
    return fail(
        "the server does not have the session any more: it has started anew, or waited "
        "too long");
  }
  if (sessions_.size() >= kMostSessions) return fail("the server has too many sessions");
  auto link = std::make_unique<ServerLink>(loop_, options_.link, hello, peer,
                                           [this, id = hello.session] { end(id); });
  ORRERY_TRY(auto service, serve_(*link));
  link->set_service(std::move(service));
  log::info("VM {} of {}: connected", hello.vm.vm.value(), peer);
  return sessions_.emplace(hello.session, std::move(link)).first->second.get();
}

void Listener::end(const SessionId& session) {
  loop_.post([this, session, alive = std::weak_ptr(alive_)] {
    if (alive.lock()) sessions_.erase(session);
  });
}

}  // namespace orrery::remote
