#include "remote/link/channel.hpp"

#include <array>
#include <cerrno>

#include <sys/socket.h>

#include "base/types.hpp"
#include "remote/packet/codec.hpp"

namespace orrery::remote {
namespace {

// One call of the host takes that much; a turn, some of them, so that others get theirs.
constexpr std::size_t kPiece = 64_KiB;
constexpr unsigned kPieces = 4;

bool would_wait() {
  return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR;
}

}  // namespace

Result<> Channel::receive() {
  input_.erase(input_.begin(), input_.begin() + static_cast<std::ptrdiff_t>(begin_input_));
  begin_input_ = 0;
  std::array<std::byte, kPiece> piece;
  for (unsigned n = 0; n < kPieces; ++n) {
    const ssize_t count = ::recv(socket_.get(), piece.data(), piece.size(), 0);
    if (count == 0) return fail("the other side has closed the connection");
    if (count < 0) return would_wait() ? Result<>{} : fail_errno("cannot receive");
    const auto size = static_cast<std::size_t>(count);
    ORRERY_CHECK(endpoint_.receive(ByteSpan(piece).first(size), input_));
    if (size < piece.size()) break;
  }
  return {};
}

Result<std::optional<Packet>> Channel::next() {
  const ByteSpan rest = ByteSpan(input_).subspan(begin_input_);
  ORRERY_TRY(const std::optional<std::size_t> length, packet_length(rest));
  if (!length || *length > rest.size()) return std::nullopt;
  begin_input_ += *length;
  ORRERY_TRY(const Packet packet, decode(rest.first(*length)));
  return packet;
}

Result<> Channel::flush() {
  endpoint_.take_output(output_);
  while (has_output()) {
    const ssize_t count = ::send(socket_.get(), output_.data() + begin_output_,
                                 output_.size() - begin_output_, MSG_NOSIGNAL);
    if (count < 0) return would_wait() ? Result<>{} : fail_errno("cannot send");
    begin_output_ += static_cast<std::size_t>(count);
  }
  output_.clear();
  begin_output_ = 0;
  return {};
}

}  // namespace orrery::remote
