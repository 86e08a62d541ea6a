#include "storage/nbd/output.hpp"

#include <algorithm>

namespace orrery::storage::nbd {

void Output::queue(Message message, std::uint64_t taken) {
  if (broken_) return budget_.give_back(taken);
  const std::uint64_t more = message.header.size() + kOverhead;
  budget_.take(more);
  messages_.push_back({std::move(message), taken + more});
  if (sending_) return;
  sending_ = true;
  loop_.post([this, alive = std::weak_ptr(alive_)] {
    if (alive.lock()) start_sending();
  });
}

void Output::start_sending() {
  task_ = send_all();
  task_.start([this] {
    sending_ = false;
    sent_.notify_all();
  });
}

Task<Result<>> Output::send_all() {
  std::vector<iovec> vectors;
  while (!messages_.empty()) {
    gather(vectors);
    const std::size_t count = co_await stream_.send(vectors);
    broken_ = broken_ || count == 0;
    drop_sent(count);
    sent_.notify_all();
  }
  co_return Result<>{};
}

void Output::gather(std::vector<iovec>& vectors) {
  constexpr std::size_t kMostVectors = 64;
  vectors.clear();
  std::size_t skip = sent_of_first_;
  const auto add = [&](MutableByteSpan bytes) {
    const std::size_t skipped = std::min(skip, bytes.size());
    skip -= skipped;
    if (skipped == bytes.size()) return;
    vectors.push_back({bytes.data() + skipped, bytes.size() - skipped});
  };
  for (Entry& entry : messages_) {
    if (vectors.size() + 2 > kMostVectors) return;
    add(entry.message.header);
    add(entry.message.payload.span());
  }
}

// All of them, where the client has gone.
void Output::drop_sent(std::size_t count) {
  sent_of_first_ += count;
  while (!messages_.empty()) {
    const std::size_t size = messages_.front().message.size();
    if (!broken_ && sent_of_first_ < size) return;
    if (!broken_) sent_of_first_ -= size;
    const std::uint64_t taken = messages_.front().taken;
    messages_.pop_front();
    budget_.give_back(taken);  // whoever waits for it may queue more
  }
}

}  // namespace orrery::storage::nbd
