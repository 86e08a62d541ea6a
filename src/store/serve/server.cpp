#include "store/serve/server.hpp"

#include <utility>

#include "base/loop/on_worker.hpp"
#include "store/serve/routes.hpp"

namespace orrery::store::serve {

Task<http::Reply> LibraryHandler::reply_to(const http::Request& request) {
  const auto work = [&] { return serve::reply_to(request, library_); };
  http::Reply reply = co_await OnWorker(loop_, workers_, work);
  co_return reply;
}

Server::Server(EventLoop& loop, std::unique_ptr<Store> store)
    : library_(std::move(store)), workers_(processors()), handler_(loop, workers_, library_) {}

Result<std::unique_ptr<Server>> Server::create(EventLoop& loop, std::unique_ptr<Store> store,
                                               FileDescriptor listener,
                                               const http::Limits& limits) {
  std::unique_ptr<Server> server(new Server(loop, std::move(store)));
  ORRERY_TRY(server->server_, http::Server::create(loop, std::move(listener), server->handler_,
                                                   server->workers_, {"store server", limits}));
  return server;
}

}  // namespace orrery::store::serve
