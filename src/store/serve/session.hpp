// One client of the store's server, from its first byte to its last. Private to store/serve/; on
// the loop's thread, with the store read by workers.
#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "base/error.hpp"
#include "base/loop/event_loop.hpp"
#include "base/loop/task.hpp"
#include "base/sockets/stream.hpp"
#include "store/http/request.hpp"
#include "store/serve/library.hpp"
#include "store/serve/limits.hpp"
#include "store/serve/reply.hpp"
#include "store/worker_pool.hpp"

namespace orrery::store::serve {

class Session {
 public:
  // What all sessions of a server share, and which outlives them.
  struct Surroundings {
    EventLoop& loop;
    Library& library;
    WorkerPool& workers;
    const Limits& limits;
  };
  Session(const Surroundings& surroundings, Stream& stream);

  // Done when the client has gone, and nothing is under way for it any more.
  Task<Result<>> serve();
  // Takes no more requests; an answer under way is sent to its end, for as long as Limits say.
  void stop();

 private:
  Task<bool> receive();
  Task<bool> answer(http::Request request);
  Task<bool> send_body(const Reply& reply);
  Task<bool> send(ByteSpan bytes);
  Task<bool> refuse();
  void close_after(std::chrono::milliseconds time);

  const Surroundings surroundings_;
  Stream& stream_;
  http::RequestParser parser_;
  std::vector<std::byte> piece_;
  bool stopping_ = false;
  bool left_ = false;  // the client is not there any more
  std::unique_ptr<LoopTimer> timer_;
};

}  // namespace orrery::store::serve
