// One client of a server, from its first byte to its last. On the loop's thread; bodies of replies
// are read by workers.
#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "base/error.hpp"
#include "base/loop/event_loop.hpp"
#include "base/loop/task.hpp"
#include "base/loop/worker_pool.hpp"
#include "base/sockets/stream.hpp"
#include "http/limits.hpp"
#include "http/reply.hpp"
#include "http/request.hpp"

namespace orrery::http {

// What a server is for.
class Handler {
 public:
  virtual ~Handler() = default;
  // On the loop's thread; several at a time, one for each client. REQUEST lives until it is done.
  virtual Task<Reply> reply_to(const Request& request) = 0;
};

class Session {
 public:
  // What all sessions of a server share, and which outlives them.
  struct Surroundings {
    EventLoop& loop;
    Handler& handler;
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
  Task<bool> answer(Request request);
  Task<bool> send_body(const Reply& reply);
  Task<bool> send(ByteSpan bytes);
  Task<bool> refuse();
  void close_after(std::chrono::milliseconds time);

  const Surroundings surroundings_;
  Stream& stream_;
  RequestParser parser_;
  std::vector<std::byte> piece_;
  bool stopping_ = false;
  bool left_ = false;  // the client is not there any more
  std::unique_ptr<LoopTimer> timer_;
};

}  // namespace orrery::http
