// Carries out the requests of one client, many at a time, and queues the replies (doc/proto.md,
// "Transmission"). Private to storage/nbd/; on the loop's thread.
//
// Payloads go through memory in pieces of kPiece: those of writes as they come in, those of reads
// as the client takes them.
#pragma once

#include <memory>
#include <string>

#include "base/error.hpp"
#include "base/loop/task.hpp"
#include "port/blocks.hpp"
#include "storage/nbd/budget.hpp"
#include "storage/nbd/input.hpp"
#include "storage/nbd/output.hpp"
#include "storage/nbd/request.hpp"
#include "storage/nbd/task_set.hpp"

namespace orrery::storage::nbd {

class Service {
 public:
  // CLIENT: for the log.
  Service(port::Blocks& disk, const Agreement& agreement, Stream& stream, Output& output,
          Budget& budget, const std::string& client);

  // Whether one more request may be started; if not, look again when changed() says so, or the
  // budget does.
  bool has_room() const;
  bool is_idle() const { return running_.size() == 0; }
  Changed& changed() { return running_.changed(); }

  // Starts a request; for a write, takes its payload from INPUT. False: the client has gone, or has
  // to go.
  Task<bool> start(Request request, Input& input);

 private:
  // A write whose pieces are on their way to the disk.
  struct Write {
    Request request;
    std::uint32_t pending = 0;
    bool received = false;  // all of it
    bool failed = false;
  };

  Task<Result<>> carry_out(Request request);
  Task<bool> receive_write(Request request, Input& input);
  Task<Result<>> write_piece(std::shared_ptr<Write> write, std::uint64_t offset, Buffer data);
  Task<Result<>> read(Request request);
  Task<Result<>> read_chunks(Request request);
  Task<Result<>> read_simply(Request request);
  Task<Result<>> read_long(Request request);
  Task<Result<>> read_for_cache(Request request);
  Task<Result<>> change(Request request, port::BlockRequest::Kind kind);
  Task<Result<>> tell_status(Request request);
  Task<Result<>> finish(Request request, Result<> result);
  Task<Result<>> refuse(Request request, ErrorCode error);

  Task<Result<>> fill(std::uint64_t offset, MutableByteSpan to);
  Task<Result<>> flush();
  Task<std::uint64_t> take_room(std::uint64_t bytes);
  Result<> noted(Result<> result);

  port::Blocks& disk_;
  const Agreement agreement_;
  Stream& stream_;
  Output& output_;
  Budget& budget_;
  const std::string client_;
  TaskSet running_;
  // Whose reply goes out: simple replies have no order of their own, so one that comes in pieces
  // keeps the others waiting.
  TaskMutex turn_;
  bool failure_logged_ = false;
};

}  // namespace orrery::storage::nbd
