#include "storage/nbd/service.hpp"

#include <algorithm>

#include "base/log.hpp"
#include "storage/nbd/limits.hpp"
#include "storage/request/submitted.hpp"

namespace orrery::storage::nbd {

using port::BlockRequest;
using Kind = BlockRequest::Kind;

Service::Service(port::Blocks& disk, const Agreement& agreement, Stream& stream, Output& output,
                 Budget& budget, const std::string& client)
    : disk_(disk),
      agreement_(agreement),
      stream_(stream),
      output_(output),
      budget_(budget),
      client_(client) {}

bool Service::has_room() const {
  return running_.size() < kMostRequests && budget_.has_room(Output::kOverhead);
}

Task<bool> Service::start(Request request, Input& input) {
  if (request.payload() > kMostPayload) co_return false;  // nobody wants to skip that
  const ErrorCode error = check(request, agreement_, disk_.geometry());
  if (error != ErrorCode::kNone) {
    const bool skipped = co_await input.skip(request.payload());
    if (!skipped) co_return false;
    running_.start(refuse(request, error));
    co_return true;
  }
  if (request.command == Command::kWrite) co_return co_await receive_write(request, input);
  running_.start(carry_out(request));
  co_return true;
}

Task<Result<>> Service::carry_out(Request request) {
  switch (request.command) {
    case Command::kRead: return read(request);
    case Command::kTrim: return change(request, Kind::kDiscard);
    case Command::kWriteZeroes: return change(request, Kind::kWriteZeroes);
    case Command::kFlush: return change(request, Kind::kFlush);
    case Command::kCache: return read_for_cache(request);
    case Command::kBlockStatus: return tell_status(request);
    case Command::kWrite:
    case Command::kDisconnect: break;  // are not carried out like this
  }
  return refuse(request, ErrorCode::kInvalid);
}

Task<bool> Service::receive_write(Request request, Input& input) {
  const auto write = std::make_shared<Write>();
  write->request = request;
  for (std::uint64_t done = 0; done < request.length;) {
    const std::uint64_t length = std::min<std::uint64_t>(kPiece, request.length - done);
    co_await take_room(length);
    Buffer data(length);
    bool received = input.take_at_once(data.span());
    if (!received) received = co_await input.take(data.span());
    if (!received) {
      budget_.give_back(length);
      co_return false;
    }
    const std::uint64_t offset = request.offset + done;
    done += length;
    ++write->pending;
    write->received = done == request.length;
    running_.start(write_piece(write, offset, std::move(data)));
  }
  co_return true;
}

Task<Result<>> Service::write_piece(std::shared_ptr<Write> write, std::uint64_t offset,
                                    Buffer data) {
  BlockRequest request;
  request.kind = Kind::kWrite;
  request.offset = offset;
  request.length = data.size();
  request.buffers = {data.span()};
  const Result<> written = noted(co_await Submitted(disk_, std::move(request)));
  budget_.give_back(data.size());
  write->failed |= !written;
  if (--write->pending != 0 || !write->received) co_return Result<>{};
  if (write->failed) co_return co_await refuse(write->request, ErrorCode::kInputOutput);
  co_return co_await finish(write->request, {});
}

Task<Result<>> Service::read(Request request) {
  if (agreement_.structured_replies) return read_chunks(request);
  return request.length > kPiece ? read_long(request) : read_simply(request);
}

Task<Result<>> Service::read_chunks(Request request) {
  // Shorter reads cost less than asking where the holes are.
  constexpr std::uint64_t kShort = 32_KiB;
  const bool whole = request.has(command_flag::kDf);
  if (whole && request.length > kPiece) co_return co_await refuse(request, ErrorCode::kOverflow);
  const std::uint64_t end = request.offset + request.length;
  for (std::uint64_t at = request.offset; at < end;) {
    std::uint64_t length = std::min(kPiece, end - at);
    if (!whole && length > kShort) {
      const Result<port::BlockExtent> extent = co_await Mapped(disk_, at, end - at);
      if (extent && extent->zeroes) {
        const auto done = at + extent->length == end ? Done::kYes : Done::kNo;
        output_.queue(
            hole_chunk(request.handle, done, at, static_cast<std::uint32_t>(extent->length)), 0);
        at += extent->length;
        co_await take_room(0);
        continue;
      }
      if (extent) length = std::min(length, extent->length);
    }
    const std::uint64_t taken = co_await take_room(length);
    Buffer data(length);
    const Result<> filled = noted(co_await fill(at, data.span()));
    if (!filled) {
      budget_.give_back(taken);
      co_return co_await refuse(request, ErrorCode::kInputOutput);
    }
    const auto done = at + length == end ? Done::kYes : Done::kNo;
    output_.queue(data_chunk(request.handle, done, at, std::move(data)), taken);
    at += length;
  }
  co_return Result<>{};
}

Task<Result<>> Service::read_simply(Request request) {
  const std::uint64_t taken = co_await take_room(request.length);
  Buffer data(request.length);
  const Result<> filled = noted(co_await fill(request.offset, data.span()));
  if (!filled) {
    budget_.give_back(taken);
    co_return co_await refuse(request, ErrorCode::kInputOutput);
  }
  const auto turn = co_await turn_.lock();
  output_.queue(simple_reply(request.handle, ErrorCode::kNone, std::move(data)), taken);
  co_return Result<>{};
}

// Piece by piece behind one header, for clients that know no chunks. It has the turn and one piece
// in memory whatever the budget says, since all who wait for the turn may hold all of that.
Task<Result<>> Service::read_long(Request request) {
  auto turn = co_await turn_.lock();
  for (std::uint64_t done = 0; done < request.length;) {
    const std::uint64_t length = std::min(kPiece, request.length - done);
    while (!output_.is_idle()) co_await output_.sent();
    budget_.take(length);
    Buffer data(length);
    const Result<> filled = noted(co_await fill(request.offset + done, data.span()));
    if (!filled) {
      budget_.give_back(length);
      if (done != 0) {
        stream_.close();  // the header has said that all is well, and nothing else can be said
        co_return Result<>{};
      }
      output_.queue(simple_reply(request.handle, ErrorCode::kInputOutput), 0);
      co_return Result<>{};
    }
    output_.queue(done == 0 ? simple_reply(request.handle, ErrorCode::kNone, std::move(data))
                            : bare_message(std::move(data)),
                  length);
    done += length;
  }
  co_return Result<>{};
}

// What is read comes into the caches of the host and of the disk's format.
Task<Result<>> Service::read_for_cache(Request request) {
  Result<> result;
  for (std::uint64_t done = 0; result && done < request.length;) {
    const std::uint64_t length = std::min<std::uint64_t>(kPiece, request.length - done);
    const std::uint64_t taken = co_await take_room(length);
    Buffer data(length);
    result = noted(co_await fill(request.offset + done, data.span()));
    budget_.give_back(taken);
    done += length;
  }
  co_return co_await finish(request, result);
}

// Trim, write-zeroes and flush.
Task<Result<>> Service::change(Request request, Kind kind) {
  const bool may_unmap = !request.has(command_flag::kNoHole);
  const bool fast = may_unmap && disk_.geometry().zeroes_without_writing;
  if (request.has(command_flag::kFastZero) && !fast) {
    co_return co_await refuse(request, ErrorCode::kNotSupported);
  }
  BlockRequest block;
  block.kind = kind;
  if (kind != Kind::kFlush) {
    block.offset = request.offset;
    block.length = request.length;
  }
  block.may_unmap = kind == Kind::kWriteZeroes && may_unmap;
  const Result<> result = noted(co_await Submitted(disk_, std::move(block)));
  if (kind == Kind::kFlush) request.flags = 0;
  co_return co_await finish(request, result);
}

Task<Result<>> Service::tell_status(Request request) {
  const std::uint32_t block = disk_.geometry().logical_block_size;
  const std::size_t most = request.has(command_flag::kReqOne) ? 1 : kMostExtents;
  const std::uint64_t end = request.offset + request.length;
  std::vector<StatusExtent> extents;
  for (std::uint64_t at = request.offset; at < end;) {
    const Result<port::BlockExtent> extent = co_await Mapped(disk_, at, end - at);
    StatusExtent status{.length =
                            static_cast<std::uint32_t>(end - at)};  // of data, as far as known
    if (extent) {
      const std::uint64_t blocks = extent->length / block * block;
      status.length = static_cast<std::uint32_t>(std::max<std::uint64_t>(blocks, block));
      // What is known to be zeroes has a place on the host, or has none: disks do not tell.
      if (extent->zeroes && blocks != 0) status.flags = allocation::kHole | allocation::kZero;
    }
    at += status.length;
    if (!extents.empty() && extents.back().flags == status.flags) {
      extents.back().length += status.length;
    } else if (extents.size() == most) {
      break;
    } else {
      extents.push_back(status);
    }
  }
  output_.queue(status_chunk(request.handle, extents), 0);
  co_return Result<>{};
}

// Replies to a request that has no data to give.
Task<Result<>> Service::finish(Request request, Result<> result) {
  if (result && request.has(command_flag::kFua)) result = noted(co_await flush());
  if (!result) co_return co_await refuse(request, ErrorCode::kInputOutput);
  const auto turn = co_await turn_.lock();
  output_.queue(simple_reply(request.handle, ErrorCode::kNone), 0);
  co_return Result<>{};
}

Task<Result<>> Service::refuse(Request request, ErrorCode error) {
  const auto turn = co_await turn_.lock();
  output_.queue(agreement_.structured_replies ? error_chunk(request.handle, error, describe(error))
                                              : simple_reply(request.handle, error),
                0);
  co_return Result<>{};
}

Task<Result<>> Service::fill(std::uint64_t offset, MutableByteSpan to) {
  // What the host has in memory is copied at once, if it is not much (decision 4).
  constexpr std::size_t kAtOnce = 64_KiB;
  BlockRequest request;
  request.offset = offset;
  request.length = to.size();
  request.buffers = {to};
  if (to.size() <= kAtOnce && disk_.read_at_once(request)) co_return Result<>{};
  co_return co_await Submitted(disk_, std::move(request));
}

Task<Result<>> Service::flush() {
  BlockRequest request;
  request.kind = Kind::kFlush;
  co_return co_await Submitted(disk_, std::move(request));
}

Task<std::uint64_t> Service::take_room(std::uint64_t bytes) {
  while (!budget_.has_room(bytes)) co_await budget_.changed();
  budget_.take(bytes);
  co_return bytes;
}

Result<> Service::noted(Result<> result) {
  if (!result && !failure_logged_) {
    failure_logged_ = true;
    log::warning("NBD client {}: {}; further failures are not logged", client_,
                 result.error().message());
  }
  return result;
}

}  // namespace orrery::storage::nbd
