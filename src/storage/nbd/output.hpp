// Messages on their way to one client, in order. Private to storage/nbd/; on the loop's thread.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <vector>

#include <sys/uio.h>

#include "base/error.hpp"
#include "base/loop/event_loop.hpp"
#include "base/loop/task.hpp"
#include "base/sockets/stream.hpp"
#include "storage/nbd/budget.hpp"
#include "storage/nbd/reply.hpp"

namespace orrery::storage::nbd {

class Output {
 public:
  Output(EventLoop& loop, Stream& stream, Budget& budget)
      : loop_(loop), stream_(stream), budget_(budget) {}

  // What of the budget a message holds until it is sent, besides its payload: its header, and the
  // memory around both.
  static constexpr std::uint64_t kOverhead = 128;

  // TAKEN: what the sender has taken of the budget for it already. All messages of one turn of the
  // loop go in one call of the host. Where the client has gone, they are dropped.
  void queue(Message message, std::uint64_t taken);
  bool is_idle() const { return messages_.empty() && !sending_; }
  // Told when messages have been sent.
  Changed& sent() { return sent_; }

 private:
  void start_sending();
  Task<Result<>> send_all();
  void drop_sent(std::size_t count);
  void gather(std::vector<iovec>& vectors);

  struct Entry {
    Message message;
    std::uint64_t taken = 0;
  };

  EventLoop& loop_;
  Stream& stream_;
  Budget& budget_;
  std::deque<Entry> messages_;
  std::size_t sent_of_first_ = 0;
  bool sending_ = false;  // or about to
  bool broken_ = false;
  Task<Result<>> task_;
  Changed sent_;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace orrery::storage::nbd
