// A store served over HTTP: clients of a listening socket, all on the I/O loop's thread, with
// workers that read the store. docs/formats/store-http.md has what clients may ask for.
//
// No client waits for another, however slowly it reads: each has its own task and piece of memory.
// There is no encryption and no authentication: whoever can connect can read every image.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <unordered_map>

#include "base/error.hpp"
#include "base/event_loop.hpp"
#include "base/file_descriptor.hpp"
#include "store/serve/library.hpp"
#include "store/serve/limits.hpp"
#include "store/worker_pool.hpp"

namespace orrery::store::serve {

class Server {
 public:
  static constexpr int kBacklog = 128;

  // LISTENER: non-blocking (base/listening_socket.hpp).
  static Result<std::unique_ptr<Server>> create(EventLoop& loop, std::unique_ptr<Store> store,
                                                FileDescriptor listener, const Limits& limits);
  // Only where no client is left.
  ~Server();

  std::size_t clients() const { return clients_.size(); }

  // Takes no more clients and requests. Answers under way are sent, for Limits::farewell at most;
  // then EMPTY is called on the loop, once.
  void stop(std::function<void()> empty);
  // After stop(): without sending the rest.
  void drop_clients();

 private:
  struct Client;

  Server(EventLoop& loop, std::unique_ptr<Store> store, FileDescriptor listener,
         const Limits& limits);
  void accept_some();
  void welcome(FileDescriptor socket);
  void farewell(std::uint64_t number);
  void tell_if_empty();

  EventLoop& loop_;
  const Limits limits_;
  Library library_;
  WorkerPool workers_;
  FileDescriptor listener_;
  std::unique_ptr<Watch> watch_;
  std::unique_ptr<LoopTimer> retry_;
  std::unordered_map<std::uint64_t, std::unique_ptr<Client>> clients_;
  std::uint64_t last_number_ = 0;
  bool stopping_ = false;
  std::function<void()> empty_;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace orrery::store::serve
