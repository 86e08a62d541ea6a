// DiskQueue over io_uring: everything that was started in one turn of the loop is submitted by
// one system call, and completions arrive through an eventfd.
#include <array>
#include <cerrno>
#include <cstdint>
#include <deque>
#include <memory>
#include <vector>

#include <fcntl.h>
#include <liburing.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/assert.hpp"
#include "base/files/file_descriptor.hpp"
#include "storage/io/disk_executor.hpp"
#include "storage/raw_disk.hpp"

namespace orrery::storage {
namespace {

// Twice the deepest queue of a single-queue disk; more waits in backlog_.
constexpr unsigned kEntries = 512;

// Reads of so many bytes are copied from the page cache by a thread of the kernel's, rather than
// within the submitting call, where they would keep the loop from all else: copying them takes
// longer than waking that thread, some 20 us. Not writes: several to one file would spin for its
// lock (rwsem_spin_on_owner was a quarter of a conversion).
constexpr std::uint64_t kMuch = 256_KiB;

class UringQueue final : public DiskQueue, public std::enable_shared_from_this<UringQueue> {
 public:
  explicit UringQueue(EventLoop& loop) : loop_(loop) {}
  ~UringQueue() override;

  Result<> open();
  void start(DiskOperation& operation) override;
  void leave(int file) override;

 private:
  Result<> restrict_and_enable();
  void submit();
  void prepare(DiskOperation& operation);
  void reap();
  void take_completed();
  void take_left_over();
  unsigned& in_flight_of(int file);

  EventLoop& loop_;
  io_uring ring_{};
  bool ring_open_ = false;
  FileDescriptor event_;
  std::unique_ptr<Watch> watch_;
  std::deque<DiskOperation*> backlog_;
  struct Completed {
    DiskOperation* operation = nullptr;
    std::int64_t result = 0;
  };
  std::deque<Completed> left_over_;  // completed while one file was waited for
  unsigned in_flight_ = 0;
  std::vector<unsigned> in_flight_by_file_;  // by descriptor
  bool submit_posted_ = false;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

// Every executor has left by now, so nothing is in flight.
UringQueue::~UringQueue() {
  watch_.reset();
  if (ring_open_) io_uring_queue_exit(&ring_);
}

unsigned& UringQueue::in_flight_of(int file) {
  const auto index = static_cast<std::size_t>(file);
  if (index >= in_flight_by_file_.size()) in_flight_by_file_.resize(index + 1);
  return in_flight_by_file_[index];
}

void UringQueue::leave(int file) {
  std::erase_if(backlog_, [&](const DiskOperation* each) { return each->file == file; });
  while (in_flight_of(file) > 0) {
    io_uring_cqe* entry = nullptr;
    const int code = io_uring_wait_cqe(&ring_, &entry);
    if (code == -EINTR) continue;
    ORRERY_ASSERT(code == 0);
    auto* const operation = static_cast<DiskOperation*>(io_uring_cqe_get_data(entry));
    left_over_.push_back({operation, entry->res});
    --in_flight_of(operation->file);
    --in_flight_;
    io_uring_cqe_seen(&ring_, entry);
  }
  std::erase_if(left_over_, [&](const Completed& each) { return each.operation->file == file; });
  if (left_over_.empty()) return;
  loop_.post([this, alive = std::weak_ptr(alive_)] {
    if (alive.lock()) take_left_over();
  });
}

Result<> UringQueue::open() {
  const int code = io_uring_queue_init(kEntries, &ring_, IORING_SETUP_R_DISABLED);
  if (code != 0) return fail_errno("io_uring is not available", -code);
  ring_open_ = true;
  ORRERY_CHECK(restrict_and_enable());
  event_ = FileDescriptor(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC));
  if (!event_) return fail_errno("cannot create an eventfd");
  const int registered = io_uring_register_eventfd(&ring_, event_.get());
  if (registered != 0) return fail_errno("cannot register an eventfd with io_uring", -registered);
  ORRERY_TRY(watch_, loop_.watch(event_.get(), Readiness::kReadable, [this] { reap(); }));
  return {};
}

// A ring does its operations past every seccomp filter, so it gets a filter of its own: only what
// prepare() makes (io_uring_register(2), IORING_REGISTER_RESTRICTIONS).
Result<> UringQueue::restrict_and_enable() {
  constexpr std::array<std::uint8_t, 5> kOperations{IORING_OP_READV, IORING_OP_WRITEV,
                                                    IORING_OP_FSYNC, IORING_OP_FALLOCATE,
                                                    IORING_OP_SYNC_FILE_RANGE};
  std::array<io_uring_restriction, kOperations.size() + 2> restrictions{};
  for (std::size_t i = 0; i < kOperations.size(); ++i) {
    restrictions[i].opcode = IORING_RESTRICTION_SQE_OP;
    restrictions[i].sqe_op = kOperations[i];
  }
  io_uring_restriction& flags = restrictions[kOperations.size()];
  flags.opcode = IORING_RESTRICTION_SQE_FLAGS_ALLOWED;
  flags.sqe_flags = IOSQE_ASYNC;
  restrictions.back().opcode = IORING_RESTRICTION_REGISTER_OP;
  restrictions.back().register_op = IORING_REGISTER_EVENTFD;
  // By hand, because the shared library of liburing 2.3 does not export its functions for these.
  const auto set_up = [this](unsigned operation, void* argument, std::size_t count) {
    return ::syscall(SYS_io_uring_register, ring_.ring_fd, operation, argument, count) == 0;
  };
  if (!set_up(IORING_REGISTER_RESTRICTIONS, restrictions.data(), restrictions.size()) ||
      !set_up(IORING_REGISTER_ENABLE_RINGS, nullptr, 0)) {
    return fail_errno("cannot restrict io_uring to what disks do");
  }
  return {};
}

void UringQueue::start(DiskOperation& operation) {
  backlog_.push_back(&operation);
  if (submit_posted_) return;
  submit_posted_ = true;
  loop_.post([this, alive = std::weak_ptr(alive_)] {
    if (alive.lock()) submit();
  });
}

void UringQueue::submit() {
  submit_posted_ = false;
  const auto self = shared_from_this();  // what completes may end the last executor
  while (!backlog_.empty() && in_flight_ < kEntries) {
    while (!backlog_.empty() && in_flight_ < kEntries) {
      prepare(*backlog_.front());
      ++in_flight_of(backlog_.front()->file);
      backlog_.pop_front();
      ++in_flight_;
    }
    // What completes within the call (data in the page cache) is taken right after it, without a
    // turn of the loop through the eventfd.
    io_uring_cq_eventfd_toggle(&ring_, false);
    int code = 0;
    do {
      code = io_uring_submit(&ring_);
    } while (code == -EINTR || code == -EAGAIN);
    // Entries are prepared rightly and never exceed the ring; nothing else can be refused.
    ORRERY_ASSERT(code >= 0);
    io_uring_cq_eventfd_toggle(&ring_, true);
    take_completed();
  }
}

void UringQueue::prepare(DiskOperation& operation) {
  io_uring_sqe* const entry = io_uring_get_sqe(&ring_);
  ORRERY_ASSERT(entry != nullptr);
  const auto count = static_cast<unsigned>(operation.vectors.size());
  using Call = DiskOperation::Call;
  switch (operation.call) {
    case Call::kRead:
      io_uring_prep_readv(entry, operation.file, operation.vectors.data(), count, operation.offset);
      break;
    case Call::kWrite:
      io_uring_prep_writev(entry, operation.file, operation.vectors.data(), count,
                           operation.offset);
      break;
    case Call::kDataSync: io_uring_prep_fsync(entry, operation.file, IORING_FSYNC_DATASYNC); break;
    case Call::kFallocate:
      io_uring_prep_fallocate(entry, operation.file, operation.mode,
                              static_cast<off_t>(operation.offset),
                              static_cast<off_t>(operation.length));
      break;
    case Call::kWriteBack:
      io_uring_prep_sync_file_range(entry, operation.file, static_cast<unsigned>(operation.length),
                                    operation.offset, SYNC_FILE_RANGE_WRITE);
      break;
  }
  const bool much = operation.call == Call::kRead && length_of(operation.vectors) >= kMuch;
  if (much) io_uring_sqe_set_flags(entry, IOSQE_ASYNC);
  io_uring_sqe_set_data(entry, &operation);
}

void UringQueue::reap() {
  const auto self = shared_from_this();
  std::uint64_t count = 0;
  (void)!::read(event_.get(), &count, sizeof count);
  take_completed();
  if (!backlog_.empty() && !submit_posted_) submit();
}

void UringQueue::take_completed() {
  io_uring_cqe* entry = nullptr;
  while (io_uring_peek_cqe(&ring_, &entry) == 0) {
    auto* const operation = static_cast<DiskOperation*>(io_uring_cqe_get_data(entry));
    const std::int64_t result = entry->res;
    io_uring_cqe_seen(&ring_, entry);
    --in_flight_of(operation->file);
    --in_flight_;
    operation->done(result);
  }
}

void UringQueue::take_left_over() {
  const auto self = shared_from_this();
  while (!left_over_.empty()) {
    const Completed completed = left_over_.front();
    left_over_.pop_front();
    completed.operation->done(completed.result);
  }
}

}  // namespace

Result<std::shared_ptr<DiskQueue>> create_uring_queue(EventLoop& loop) {
  auto queue = std::make_shared<UringQueue>(loop);
  ORRERY_CHECK(queue->open());
  return queue;
}

Result<> probe_io_uring() {
  io_uring ring{};
  const int code = io_uring_queue_init(1, &ring, 0);
  if (code != 0) return fail_errno("io_uring is not available", -code);
  io_uring_queue_exit(&ring);
  return {};
}

}  // namespace orrery::storage
