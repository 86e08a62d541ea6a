#include "base/sockets/acceptor.hpp"

#include <cerrno>
#include <chrono>
#include <utility>

#include "base/log.hpp"
#include "base/sockets/listening_socket.hpp"

namespace orrery {

Acceptor::Acceptor(EventLoop& loop, FileDescriptor listener, std::string name, std::size_t most,
                   Welcome welcome)
    : listener_(std::move(listener)),
      name_(std::move(name)),
      most_(most),
      welcome_(std::move(welcome)),
      retry_(loop.create_timer([this] { watch_->resume(); })) {}

Result<std::unique_ptr<Acceptor>> Acceptor::create(EventLoop& loop, FileDescriptor listener,
                                                   std::string name, std::size_t most,
                                                   Welcome welcome) {
  std::unique_ptr<Acceptor> acceptor(
      new Acceptor(loop, std::move(listener), std::move(name), most, std::move(welcome)));
  ORRERY_TRY(acceptor->watch_, loop.watch(acceptor->listener_.get(), Readiness::kReadable,
                                          [raw = acceptor.get()] { raw->accept_some(); }));
  return acceptor;
}

void Acceptor::accept_some() {
  while (present_ < most_) {
    FileDescriptor client = accept_client(listener_.get());
    if (client) {
      if (const Result<> welcomed = welcome_(std::move(client))) {
        ++present_;
      } else {
        log::warning("{}: a client: {}", name_, welcomed.error().message());
      }
      continue;
    }
    if (errno == EAGAIN || errno == EWOULDBLOCK) return;
    if (errno == EINTR || errno == ECONNABORTED) continue;
    log::warning("{}: cannot accept a client ({}); trying again in a second", name_,
                 Error::from_errno("accept").message());
    watch_->pause();
    retry_->arm(std::chrono::steady_clock::now() + std::chrono::seconds(1));
    return;
  }
  watch_->pause();  // until one goes
}

void Acceptor::farewell() {
  --present_;
  watch_->resume();
}

}  // namespace orrery
