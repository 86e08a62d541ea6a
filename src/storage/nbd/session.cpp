#include "storage/nbd/session.hpp"

#include "base/log.hpp"
#include "storage/nbd/wire.hpp"

namespace orrery::storage::nbd {

Session::Session(EventLoop& loop, Stream& stream, Catalogue& catalogue, std::string client)
    : stream_(stream),
      client_(std::move(client)),
      input_(stream),
      output_(loop, stream, budget_),
      negotiation_(catalogue),
      timer_(loop.create_timer([this] { stream_.close(); })) {}

Task<Result<>> Session::serve() {
  close_after(kHandshakeTime);
  // (g++ 12 lays frames out wrongly where awaited conditions guard what is awaited and dropped.)
  const bool negotiated = co_await negotiate();
  if (negotiated) {
    timer_->cancel();
    log::info("NBD client {}: uses export \"{}\"", client_, negotiation_.chosen().name());
    co_await receive_requests();
  }
  close_after(kFarewellTime);
  while (service_ && !service_->is_idle()) co_await service_->changed();
  while (!output_.is_idle()) co_await output_.sent();
  if (!left_) {
    close_after(kLingerTime);
    co_await stream_.linger();
  }
  timer_->cancel();
  stream_.close();
  log::info("NBD client {}: has gone", client_);
  co_return Result<>{};
}

void Session::stop() {
  stopping_ = true;
  close_after(kFarewellTime);
  stream_.stop_receiving();
}

void Session::close_after(std::chrono::seconds time) {
  timer_->arm(std::chrono::steady_clock::now() + time);
}

// Waits until it is sent, so that a client that does not read its replies can ask for no more.
Task<bool> Session::send(std::vector<std::byte> bytes) {
  if (!bytes.empty()) output_.queue({std::move(bytes), {}}, 0);
  while (!output_.is_idle()) co_await output_.sent();
  co_return true;
}

Task<bool> Session::negotiate() {
  bool goes_on = co_await begin_negotiation();
  for (std::size_t options = 0; goes_on && options < kMostOptions && !stopping_; ++options) {
    goes_on = co_await take_option();
    if (goes_on && service_) co_return true;
  }
  co_return false;
}

Task<bool> Session::begin_negotiation() {
  const auto greeting = Negotiation::greeting();
  std::vector<std::byte> bytes(greeting.begin(), greeting.end());
  co_await send(std::move(bytes));
  std::array<std::byte, 4> flags{};
  left_ = !co_await input_.take(flags);
  if (left_) co_return false;
  co_return negotiation_.take_client_flags(load_be<std::uint32_t>(flags.data()));
}

// False: the handshake has come to its end without an export.
Task<bool> Session::take_option() {
  std::array<std::byte, 16> header{};
  left_ = !co_await input_.take(header);
  if (left_) co_return false;
  if (load_be<std::uint64_t>(header.data()) != kOptionMagic) co_return false;
  const auto option = load_be<std::uint32_t>(header.data() + 8);
  const auto length = load_be<std::uint32_t>(header.data() + 12);
  if (length > kMostSkippedBytes) co_return false;
  ByteWriter replies;
  auto next = Negotiation::Next::kOption;
  if (length > kMostOptionBytes) {
    left_ = !co_await input_.skip(length);
    negotiation_.refuse_too_long(option, replies);
  } else {
    std::vector<std::byte> data(length);
    left_ = !co_await input_.take(data);
    if (!left_) next = negotiation_.take_option(option, data, replies);
  }
  if (left_) co_return false;
  if (next == Negotiation::Next::kOpen) co_return co_await open_chosen();
  co_await send(replies.take());
  co_return next == Negotiation::Next::kOption;
}

Task<bool> Session::open_chosen() {
  Result<std::shared_ptr<port::Blocks>> opened = co_await negotiation_.chosen().open();
  ByteWriter replies;
  std::optional<Error> error;
  if (!opened) error = opened.error();
  const auto next = negotiation_.finish(error, replies);
  if (opened) {
    disk_ = std::move(*opened);
    service_.emplace(*disk_, negotiation_.agreement(), stream_, output_, budget_, client_);
  }
  co_await send(replies.take());
  co_return next == Negotiation::Next::kOption;
}

Task<Result<>> Session::receive_requests() {
  std::array<std::byte, Request::kHeaderBytes> header{};
  while (!stopping_) {
    while (!service_->has_room()) {
      const bool needs_memory = !budget_.has_room(Output::kOverhead);
      co_await (needs_memory ? budget_.changed() : service_->changed());
    }
    bool received = input_.take_at_once(header);
    if (!received) received = co_await input_.take(header);
    if (!received) break;
    const std::optional<Request> request = parse_request(header);
    if (!request) {
      log::guest_error("NBD client {}: sent what is no request, so its connection ends", client_);
      co_return Result<>{};
    }
    left_ = request->command == Command::kDisconnect;
    if (left_) co_return Result<>{};
    const bool goes_on = co_await service_->start(*request, input_);
    if (!goes_on) break;
  }
  left_ = !stopping_;
  co_return Result<>{};
}

}  // namespace orrery::storage::nbd
