// DiskExecutor over io_uring: everything that was started in one turn of the loop is submitted by
// one system call, and completions arrive through an eventfd.
#include <array>
#include <cstdint>
#include <deque>

#include <liburing.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/assert.hpp"
#include "base/file_descriptor.hpp"
#include "storage/io/disk_executor.hpp"
#include "storage/raw_disk.hpp"

namespace orrery::storage {
namespace {

// Twice the deepest queue of a single-queue disk; more waits in backlog_.
constexpr unsigned kEntries = 512;

class UringExecutor final : public DiskExecutor {
 public:
  UringExecutor(EventLoop& loop, int file) : loop_(loop), file_(file) {}
  ~UringExecutor() override;

  Result<> open();
  void start(DiskOperation& operation) override;

 private:
  Result<> restrict_and_enable();
  void submit();
  void prepare(DiskOperation& operation);
  void reap();
  void take_completed();

  EventLoop& loop_;
  const int file_;
  io_uring ring_{};
  bool ring_open_ = false;
  FileDescriptor event_;
  std::unique_ptr<Watch> watch_;
  std::deque<DiskOperation*> backlog_;
  unsigned in_flight_ = 0;
  bool submit_posted_ = false;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

UringExecutor::~UringExecutor() {
  watch_.reset();
  if (!ring_open_) return;
  while (in_flight_ > 0) {
    io_uring_cqe* entry = nullptr;
    const int code = io_uring_wait_cqe(&ring_, &entry);
    if (code == -EINTR) continue;
    if (code != 0) break;
    io_uring_cqe_seen(&ring_, entry);
    --in_flight_;
  }
  io_uring_queue_exit(&ring_);
}

Result<> UringExecutor::open() {
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
Result<> UringExecutor::restrict_and_enable() {
  std::array<io_uring_restriction, 5> restrictions{};
  constexpr std::array<std::uint8_t, 4> kOperations{IORING_OP_READV, IORING_OP_WRITEV,
                                                    IORING_OP_FSYNC, IORING_OP_FALLOCATE};
  for (std::size_t i = 0; i < kOperations.size(); ++i) {
    restrictions[i].opcode = IORING_RESTRICTION_SQE_OP;
    restrictions[i].sqe_op = kOperations[i];
  }
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

void UringExecutor::start(DiskOperation& operation) {
  backlog_.push_back(&operation);
  if (submit_posted_) return;
  submit_posted_ = true;
  loop_.post([this, alive = std::weak_ptr(alive_)] {
    if (alive.lock()) submit();
  });
}

void UringExecutor::submit() {
  submit_posted_ = false;
  while (!backlog_.empty() && in_flight_ < kEntries) {
    while (!backlog_.empty() && in_flight_ < kEntries) {
      prepare(*backlog_.front());
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

void UringExecutor::prepare(DiskOperation& operation) {
  io_uring_sqe* const entry = io_uring_get_sqe(&ring_);
  ORRERY_ASSERT(entry != nullptr);
  const auto count = static_cast<unsigned>(operation.vectors.size());
  using Call = DiskOperation::Call;
  switch (operation.call) {
    case Call::kRead:
      io_uring_prep_readv(entry, file_, operation.vectors.data(), count, operation.offset);
      break;
    case Call::kWrite:
      io_uring_prep_writev(entry, file_, operation.vectors.data(), count, operation.offset);
      break;
    case Call::kDataSync: io_uring_prep_fsync(entry, file_, IORING_FSYNC_DATASYNC); break;
    case Call::kFallocate:
      io_uring_prep_fallocate(entry, file_, operation.mode, static_cast<off_t>(operation.offset),
                              static_cast<off_t>(operation.length));
      break;
  }
  io_uring_sqe_set_data(entry, &operation);
}

void UringExecutor::reap() {
  std::uint64_t count = 0;
  (void)!::read(event_.get(), &count, sizeof count);
  take_completed();
  if (!backlog_.empty() && !submit_posted_) submit();
}

void UringExecutor::take_completed() {
  io_uring_cqe* entry = nullptr;
  while (io_uring_peek_cqe(&ring_, &entry) == 0) {
    auto* const operation = static_cast<DiskOperation*>(io_uring_cqe_get_data(entry));
    const std::int64_t result = entry->res;
    io_uring_cqe_seen(&ring_, entry);
    --in_flight_;
    operation->done(result);
  }
}

}  // namespace

Result<std::unique_ptr<DiskExecutor>> create_uring_executor(EventLoop& loop, int file) {
  auto executor = std::make_unique<UringExecutor>(loop, file);
  ORRERY_CHECK(executor->open());
  return executor;
}

Result<> probe_io_uring() {
  io_uring ring{};
  const int code = io_uring_queue_init(1, &ring, 0);
  if (code != 0) return fail_errno("io_uring is not available", -code);
  io_uring_queue_exit(&ring);
  return {};
}

}  // namespace orrery::storage
