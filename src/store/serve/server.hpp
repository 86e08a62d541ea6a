// A store served over HTTP. docs/formats/store-http.md has what clients may ask for.
//
// There is no encryption and no authentication: whoever can connect can read every image.
#pragma once

#include <functional>
#include <memory>

#include "base/error.hpp"
#include "base/files/file_descriptor.hpp"
#include "base/loop/event_loop.hpp"
#include "base/loop/worker_pool.hpp"
#include "http/server.hpp"
#include "store/serve/library.hpp"

namespace orrery::store::serve {

// The store's routes, with workers that read it.
class LibraryHandler final : public http::Handler {
 public:
  // All outlive it.
  LibraryHandler(EventLoop& loop, WorkerPool& workers, Library& library)
      : loop_(loop), workers_(workers), library_(library) {}
  Task<http::Reply> reply_to(const http::Request& request) override;

 private:
  EventLoop& loop_;
  WorkerPool& workers_;
  Library& library_;
};

class Server {
 public:
  static constexpr int kBacklog = http::Server::kBacklog;

  // LISTENER: non-blocking (base/sockets/listening_socket.hpp).
  static Result<std::unique_ptr<Server>> create(EventLoop& loop, std::unique_ptr<Store> store,
                                                FileDescriptor listener,
                                                const http::Limits& limits);

  // As http::Server has them.
  std::size_t clients() const { return server_->clients(); }
  void stop(std::function<void()> empty) { server_->stop(std::move(empty)); }
  void drop_clients() { server_->drop_clients(); }

 private:
  Server(EventLoop& loop, std::unique_ptr<Store> store);

  Library library_;
  WorkerPool workers_;
  LibraryHandler handler_;
  std::unique_ptr<http::Server> server_;
};

}  // namespace orrery::store::serve
