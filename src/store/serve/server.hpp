// A store served over HTTP. docs/formats/store-http.md has what clients may ask for.
//
// Whoever can connect can read every image. Images are added by those with a token, if any are.
#pragma once

#include <functional>
#include <memory>

#include "base/error.hpp"
#include "base/files/file_descriptor.hpp"
#include "base/loop/event_loop.hpp"
#include "base/loop/worker_pool.hpp"
#include "http/server.hpp"
#include "store/serve/library.hpp"
#include "store/serve/uploads.hpp"

namespace orrery::store::serve {

// The store's routes, with workers that read it.
class LibraryHandler final : public http::Handler {
 public:
  // All outlive it. UPLOADS: or nullptr.
  LibraryHandler(EventLoop& loop, WorkerPool& workers, Library& library, Uploads* uploads = nullptr)
      : loop_(loop), workers_(workers), library_(library), uploads_(uploads) {}
  Task<http::Reply> reply_to(const http::Request& request) override;

 private:
  EventLoop& loop_;
  WorkerPool& workers_;
  Library& library_;
  Uploads* const uploads_;
};

class Server {
 public:
  static constexpr int kBacklog = http::Server::kBacklog;

  struct Options {
    http::Limits limits;
    std::unique_ptr<Uploads> uploads;  // null: images are only given
    // As http::Server has it.
    std::function<std::unique_ptr<Stream>(Stream& socket)> wrap;
  };
  // LISTENER: non-blocking (base/sockets/listening_socket.hpp).
  static Result<std::unique_ptr<Server>> create(EventLoop& loop, std::unique_ptr<Store> store,
                                                FileDescriptor listener, Options options);

  // As http::Server has them.
  std::size_t clients() const { return server_->clients(); }
  void stop(std::function<void()> empty) { server_->stop(std::move(empty)); }
  void drop_clients() { server_->drop_clients(); }

 private:
  Server(EventLoop& loop, std::unique_ptr<Store> store, std::unique_ptr<Uploads> uploads);

  Library library_;
  const std::unique_ptr<Uploads> uploads_;
  WorkerPool workers_;
  LibraryHandler handler_;
  std::unique_ptr<http::Server> server_;
};

}  // namespace orrery::store::serve
