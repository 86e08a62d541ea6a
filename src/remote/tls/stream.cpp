#include "remote/tls/stream.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include "base/log.hpp"
#include "base/types.hpp"

namespace orrery::remote::tls {

TlsStream::TlsStream(Stream& below, Result<Endpoint> endpoint)
    : below_(below), endpoint_(std::move(endpoint)) {
  if (!endpoint_) fail_with(endpoint_.error());
}

void TlsStream::fail_with(const Error& error) {
  ended_ = true;
  log::debug("a client: {}", error.message());
}

Task<std::size_t> TlsStream::receive(MutableByteSpan to) {
  while (used_ == plain_.size()) {
    plain_.clear();
    used_ = 0;
    if (ended_) co_return 0;
    const bool more = co_await receive_more();
    if (!more && plain_.empty()) co_return 0;
  }
  const std::size_t count = std::min(to.size(), plain_.size() - used_);
  std::copy_n(plain_.begin() + static_cast<std::ptrdiff_t>(used_), count, to.begin());
  used_ += count;
  co_return count;
}

// Whatever comes, and tells the peer what is to be told. False: it was the last.
Task<bool> TlsStream::receive_more() {
  std::array<std::byte, 16_KiB> bytes;
  const std::size_t count = co_await below_.receive(bytes);
  if (count == 0) {
    ended_ = true;
    co_return false;
  }
  const Result<> received = endpoint_->receive(ByteSpan(bytes).first(count), plain_);
  const bool flushed = co_await flush();
  if (!received) fail_with(received.error());
  if (!flushed) ended_ = true;
  co_return !ended_;
}

Task<std::size_t> TlsStream::send(std::span<const iovec> from) {
  constexpr std::size_t kMost = 64_KiB;  // in memory once more, encrypted
  if (!endpoint_ || !endpoint_->established()) co_return 0;
  std::size_t count = 0;
  for (const iovec& each : from) {
    const std::size_t part = std::min(each.iov_len, kMost - count);
    const Result<> taken = endpoint_->send(as_bytes(each.iov_base, part));
    if (!taken) {
      fail_with(taken.error());
      co_return 0;
    }
    count += part;
    if (count == kMost) break;
  }
  const bool sent = co_await flush();
  co_return sent ? count : 0;
}

// One at a time, for both directions have something to send.
Task<bool> TlsStream::flush() {
  const auto lock = co_await flushing_.lock();
  endpoint_->take_output(output_);
  for (std::size_t done = 0; done < output_.size();) {
    const iovec part{output_.data() + done, output_.size() - done};
    const std::size_t count = co_await below_.send({&part, 1});
    if (count == 0) co_return false;
    done += count;
  }
  output_.clear();
  co_return true;
}

}  // namespace orrery::remote::tls
