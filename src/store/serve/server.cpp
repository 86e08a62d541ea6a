#include "store/serve/server.hpp"

#include <utility>

#include "base/loop/on_worker.hpp"
#include "store/serve/routes.hpp"

namespace orrery::store::serve {

Task<http::Reply> LibraryHandler::reply_to(const http::Request& request) {
  const auto work = [&] { return serve::reply_to(request, library_, uploads_); };
  http::Reply reply = co_await OnWorker(loop_, workers_, work);
  co_return reply;
}

Server::Server(EventLoop& loop, std::unique_ptr<Store> store, std::unique_ptr<Uploads> uploads)
    : library_(std::move(store)),
      uploads_(std::move(uploads)),
      workers_(processors()),
      handler_(loop, workers_, library_, uploads_.get()) {}

Result<std::unique_ptr<Server>> Server::create(EventLoop& loop, std::unique_ptr<Store> store,
                                               FileDescriptor listener, Options options) {
  if (options.uploads) {
    options.limits.body = kMostUploadBody;
    // Such a body, at a megabit a second and some more.
    options.limits.request = std::chrono::seconds(20);
  }
  std::unique_ptr<Server> server(new Server(loop, std::move(store), std::move(options.uploads)));
  ORRERY_TRY(server->server_,
             http::Server::create(loop, std::move(listener), server->handler_, server->workers_,
                                  {"store server", options.limits, options.wrap}));
  return server;
}

}  // namespace orrery::store::serve
