// One client of an NBD server, from its first byte to its last, over any Stream. On the loop's
// thread.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "base/error.hpp"
#include "base/loop/event_loop.hpp"
#include "base/loop/task.hpp"
#include "base/sockets/stream.hpp"
#include "port/blocks.hpp"
#include "storage/nbd/budget.hpp"
#include "storage/nbd/catalogue.hpp"
#include "storage/nbd/input.hpp"
#include "storage/nbd/limits.hpp"
#include "storage/nbd/negotiation.hpp"
#include "storage/nbd/output.hpp"
#include "storage/nbd/service.hpp"

namespace orrery::storage::nbd {

class Session {
 public:
  // CLIENT: for the log.
  Session(EventLoop& loop, Stream& stream, Catalogue& catalogue, std::string client);

  // Done when the client has gone, and nothing that it asked for is under way any more.
  Task<Result<>> serve();
  // Takes no more requests; those under way finish and are answered, and the client is given
  // kFarewellTime to take that.
  void stop();

  bool has_reached_transmission() const { return service_.has_value(); }

 private:
  Task<bool> negotiate();
  Task<bool> begin_negotiation();
  Task<bool> take_option();
  Task<bool> open_chosen();
  Task<Result<>> receive_requests();
  Task<bool> send(std::vector<std::byte> bytes);
  void close_after(std::chrono::seconds time);

  Stream& stream_;
  const std::string client_;
  Input input_;
  Budget budget_{kMostBytes};
  Output output_;
  Negotiation negotiation_;
  bool stopping_ = false;
  bool left_ = false;  // the client said that it leaves, or is not there any more
  std::unique_ptr<LoopTimer> timer_;
  std::shared_ptr<port::Blocks> disk_;
  std::optional<Service> service_;
};

}  // namespace orrery::storage::nbd
