#include "storage/raw_disk.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>
#include <cstdlib>
#include <cstring>
#include <mutex>
#include <unordered_map>

#include <fcntl.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/bits.hpp"
#include "base/format.hpp"
#include "base/log.hpp"
#include "storage/disk_format.hpp"
#include "storage/io/disk_executor.hpp"
#include "storage/io/disk_file.hpp"
#include "storage/io/open_file.hpp"
#include "storage/io/write_behind.hpp"
#include "storage/lease/leased_executor.hpp"
#include "storage/request/request_check.hpp"

namespace orrery::storage {
namespace {

using port::BlockRequest;
using Kind = BlockRequest::Kind;

constexpr std::uint32_t kSectorSize = 512;
// O_DIRECT memory alignment that satisfies every file system.
constexpr std::size_t kDirectAlignment = 4096;

struct FreeAligned {
  void operator()(std::byte* memory) const { std::free(memory); }
};
using AlignedBuffer = std::unique_ptr<std::byte[], FreeAligned>;

// A source of zeroes for hosts that cannot write them by themselves.
alignas(kDirectAlignment) constexpr std::array<std::byte, 64_KiB> kZeroes{};

bool is_transfer(Kind kind) {
  return kind == Kind::kRead || kind == Kind::kWrite;
}

// A request on its way, over as many system calls as it takes.
struct Job {
  BlockRequest request;
  port::Blocks::Completion completion;
  std::uint64_t done = 0;   // bytes
  AlignedBuffer bounce;     // stands for request.buffers when those are not aligned
  bool by_writing = false;  // write-zeroes without fallocate()
  DiskOperation operation;
};

class RawDisk final : public port::Blocks {
 public:
  RawDisk(EventLoop& loop, DiskFile file, const RawDiskOptions& options);

  const port::BlockGeometry& geometry() const override { return geometry_; }
  bool read_at_once(const BlockRequest& request) override;
  void submit(BlockRequest request, Completion completion) override;
  void map(std::uint64_t offset, std::uint64_t length, MapCompletion completion) override;
  void resize(Bytes size, Completion completion) override;

 private:
  Result<port::BlockExtent> find_extent(std::uint64_t offset, std::uint64_t length) const;
  Result<> change_size(Bytes size);
  Result<> truncate(Bytes size) const;
  void take_submitted();
  void continue_job(Job& job);
  void operation_done(Job& job, std::int64_t result);
  bool fell_back(Job& job, int code);
  void finish(Job& job, Result<> result);
  bool needs_bounce(const BlockRequest& request) const;
  Result<> check_start(const Job& job) const;
  void add_vectors(Job& job);
  void zero_rest(Job& job);

  EventLoop& loop_;
  const std::string path_;
  const bool direct_;
  const bool stays_raw_;
  DiskFile file_;
  port::BlockGeometry geometry_;

  std::mutex mutex_;
  std::vector<std::unique_ptr<Job>> submitted_;  // guarded by mutex_

  // The loop's own. The executor goes first, and waits for the system calls that use the jobs.
  std::unordered_map<Job*, std::unique_ptr<Job>> jobs_;
  std::unique_ptr<DiskExecutor> executor_;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

RawDisk::RawDisk(EventLoop& loop, DiskFile file, const RawDiskOptions& options)
    : loop_(loop),
      path_(options.path),
      direct_(options.direct),
      stays_raw_(options.stays_raw),
      file_(std::move(file)) {
  // A last sector that the file has only in part reads as zeroes in the rest.
  geometry_.size = Bytes(align_up(file_.size.value(), file_.logical_block_size));
  geometry_.logical_block_size = file_.logical_block_size;
  geometry_.physical_block_size = file_.physical_block_size;
  geometry_.read_only = options.read_only;
  geometry_.can_discard = !options.read_only;
  geometry_.can_write_zeroes = !options.read_only;
  geometry_.zeroes_without_writing = file_.can_punch;
  geometry_.serial = options.serial;
  executor_ = create_executor(loop_, file_.descriptor.get(), path_);
  if (file_.lease) {
    executor_ = std::make_unique<LeasedExecutor>(std::move(executor_), file_.lease);
  }
  if (options.write_behind) executor_ = std::make_unique<WriteBehind>(std::move(executor_));
}

// From the host's page cache, or not at all.
bool RawDisk::read_at_once(const BlockRequest& request) {
  constexpr std::size_t kMostBuffers = 16;  // a page each is what guests' kernels build
  if (request.kind != Kind::kRead || direct_ || request.buffers.size() > kMostBuffers) return false;
  if (!check_request(request, geometry_, path_)) return false;
  std::array<iovec, kMostBuffers> vectors;
  int count = 0;
  for (const MutableByteSpan buffer : request.buffers) {
    vectors[static_cast<std::size_t>(count++)] = {buffer.data(), buffer.size()};
  }
  const ssize_t done = ::preadv2(file_.descriptor.get(), vectors.data(), count,
                                 static_cast<off_t>(request.offset), RWF_NOWAIT);
  return done >= 0 && static_cast<std::uint64_t>(done) == request.length;
}

void RawDisk::submit(BlockRequest request, Completion completion) {
  auto job = std::make_unique<Job>();
  job->request = std::move(request);
  job->completion = std::move(completion);
  bool first = false;
  {
    const std::lock_guard lock(mutex_);
    first = submitted_.empty();
    submitted_.push_back(std::move(job));
  }
  if (!first) return;
  loop_.post([this, alive = std::weak_ptr(alive_)] {
    if (alive.lock()) take_submitted();
  });
}

void RawDisk::map(std::uint64_t offset, std::uint64_t length, MapCompletion completion) {
  loop_.post(
      [this, offset, length, completion = std::move(completion), alive = std::weak_ptr(alive_)] {
        if (alive.lock()) completion(find_extent(offset, length));
      });
}

void RawDisk::resize(Bytes size, Completion completion) {
  loop_.post([this, size, completion = std::move(completion), alive = std::weak_ptr(alive_)] {
    if (alive.lock()) completion(change_size(size));
  });
}

// Holes of the file; hosts that know of none say that everything is data (lseek(2)).
Result<port::BlockExtent> RawDisk::find_extent(std::uint64_t offset, std::uint64_t length) const {
  const std::uint64_t size = geometry_.size.value();
  if (offset >= size) return fail(format("{}: {} lies outside the disk", path_, offset));
  const std::uint64_t end = offset + std::min(length, size - offset);
  port::BlockExtent extent{.length = end - offset, .allocated = true, .host_offset = offset};
  const off_t data = ::lseek(file_.descriptor.get(), static_cast<off_t>(offset), SEEK_DATA);
  if (data < 0 && errno != ENXIO) return extent;
  const std::uint64_t data_at = data < 0 ? end : static_cast<std::uint64_t>(data);
  if (data_at > offset) {
    extent.zeroes = true;
    extent.length = std::min(end, align_up(data_at, kSectorSize)) - offset;
    return extent;
  }
  const off_t hole = ::lseek(file_.descriptor.get(), static_cast<off_t>(offset), SEEK_HOLE);
  if (hole < 0 || static_cast<std::uint64_t>(hole) <= offset) return extent;
  extent.length = std::min(end, align_up(static_cast<std::uint64_t>(hole), kSectorSize)) - offset;
  return extent;
}

Result<> RawDisk::change_size(Bytes size) {
  if (geometry_.read_only) return fail(path_ + ": read-only");
  if (file_.lease && !file_.lease->begin_write()) return fail(path_ + ": its lease is lost");
  const Result<> done = truncate(size);
  if (file_.lease) file_.lease->end_write();
  if (done) geometry_.size = size;
  return done;
}

Result<> RawDisk::truncate(Bytes size) const {
  if (::ftruncate(file_.descriptor.get(), static_cast<off_t>(size.value())) != 0) {
    return fail_errno(path_ + ": cannot be resized");
  }
  if (::fsync(file_.descriptor.get()) != 0) return fail_errno(path_);
  return {};
}

void RawDisk::take_submitted() {
  std::vector<std::unique_ptr<Job>> taken;
  {
    const std::lock_guard lock(mutex_);
    taken.swap(submitted_);
  }
  for (std::unique_ptr<Job>& owned : taken) {
    Job& job = *owned;
    jobs_.emplace(&job, std::move(owned));
    const Result<> checked = check_request(job.request, geometry_, path_);
    if (!checked) {
      finish(job, checked);
      continue;
    }
    job.operation.done = [this, &job](std::int64_t result) { operation_done(job, result); };
    if (needs_bounce(job.request)) {
      job.bounce.reset(static_cast<std::byte*>(
          std::aligned_alloc(kDirectAlignment, align_up(job.request.length, kDirectAlignment))));
      if (job.bounce == nullptr) {
        finish(job, fail(path_ + ": no memory for an unaligned request"));
        continue;
      }
      std::byte* end = job.bounce.get();
      if (job.request.kind == Kind::kWrite) {
        for (const MutableByteSpan buffer : job.request.buffers) {
          end = std::copy(buffer.begin(), buffer.end(), end);
        }
      }
      if (const Result<> allowed = check_start(job); !allowed) {
        finish(job, allowed);
        continue;
      }
    }
    continue_job(job);
  }
}

Result<> RawDisk::check_start(const Job& job) const {
  if (!stays_raw_ || job.request.kind != Kind::kWrite || job.request.offset != 0) return {};
  const Format looks = detect_format(ByteSpan(job.bounce.get(), job.request.length));
  if (looks == Format::kRaw) return {};
  log::guest_error(
      "{}: a write that would make it look like {} is refused; if that is meant, say "
      "\"format=raw\"",
      path_, name_of(looks));
  return fail(path_ + ": would not look raw any more");
}

bool RawDisk::needs_bounce(const BlockRequest& request) const {
  // A copy, which the guest does not change after it has been looked at.
  if (stays_raw_ && request.kind == Kind::kWrite && request.offset == 0) return true;
  if (!direct_ || !is_transfer(request.kind)) return false;
  return std::any_of(request.buffers.begin(), request.buffers.end(), [](MutableByteSpan buffer) {
    return (reinterpret_cast<std::uintptr_t>(buffer.data()) | buffer.size()) % kSectorSize != 0;
  });
}

// The part of the request that is still to do, as far as one system call takes it.
void RawDisk::add_vectors(Job& job) {
  std::vector<iovec>& vectors = job.operation.vectors;
  vectors.clear();
  std::uint64_t skip = job.done;
  const std::uint64_t rest = job.request.length - job.done;
  if (job.bounce) {
    vectors.push_back({job.bounce.get() + skip, rest});
    return;
  }
  if (job.by_writing) {
    for (std::uint64_t left = rest; left != 0 && vectors.size() < 16;) {
      const std::uint64_t part = std::min<std::uint64_t>(left, kZeroes.size());
      vectors.push_back({const_cast<std::byte*>(kZeroes.data()), part});
      left -= part;
    }
    return;
  }
  for (const MutableByteSpan buffer : job.request.buffers) {
    if (skip >= buffer.size()) {
      skip -= buffer.size();
      continue;
    }
    if (vectors.size() == IOV_MAX) break;
    vectors.push_back({buffer.data() + skip, buffer.size() - skip});
    skip = 0;
  }
}

void RawDisk::continue_job(Job& job) {
  using Call = DiskOperation::Call;
  DiskOperation& operation = job.operation;
  operation.offset = job.request.offset + job.done;
  if (is_transfer(job.request.kind) || job.by_writing) {
    if (job.done == job.request.length) return finish(job, {});
    operation.call = job.request.kind == Kind::kRead ? Call::kRead : Call::kWrite;
    add_vectors(job);
  } else if (job.request.kind == Kind::kFlush) {
    operation.call = Call::kDataSync;
  } else {
    if (job.request.length == 0) return finish(job, {});
    const bool punch = job.request.kind == Kind::kDiscard || job.request.may_unmap;
    operation.call = Call::kFallocate;
    operation.length = job.request.length;
    operation.mode = FALLOC_FL_KEEP_SIZE | (punch ? FALLOC_FL_PUNCH_HOLE : FALLOC_FL_ZERO_RANGE);
  }
  executor_->start(operation);
}

void RawDisk::operation_done(Job& job, std::int64_t result) {
  if (result == -EINTR || result == -EAGAIN) return continue_job(job);
  if (result < 0) {
    const int code = static_cast<int>(-result);
    if (fell_back(job, code)) return;
    return finish(job, fail(Error::from_errno(path_, code)));
  }
  if (!is_transfer(job.request.kind) && !job.by_writing) return finish(job, {});
  if (result == 0) {
    if (job.request.kind != Kind::kRead) return finish(job, fail(path_ + ": nothing was written"));
    zero_rest(job);
  }
  job.done += static_cast<std::uint64_t>(result);
  continue_job(job);
}

// Not every file system and device can punch holes or zero ranges by itself.
bool RawDisk::fell_back(Job& job, int code) {
  if (code != EOPNOTSUPP && code != ENOSYS) return false;
  if (job.request.kind == Kind::kDiscard) {
    finish(job, {});  // only a hint (virtio 1.2, 5.2.6.2)
    return true;
  }
  if (job.request.kind != Kind::kWriteZeroes || job.by_writing) return false;
  job.by_writing = true;
  continue_job(job);
  return true;
}

// Behind the end of the file, in the last sector, there are zeroes.
void RawDisk::zero_rest(Job& job) {
  for (const iovec& vector : job.operation.vectors) {
    std::memset(vector.iov_base, 0, vector.iov_len);
    job.done += vector.iov_len;
  }
}

void RawDisk::finish(Job& job, Result<> result) {
  if (job.bounce && job.request.kind == Kind::kRead && result) {
    const std::byte* from = job.bounce.get();
    for (const MutableByteSpan buffer : job.request.buffers) {
      std::copy_n(from, buffer.size(), buffer.begin());
      from += buffer.size();
    }
  }
  const auto node = jobs_.extract(&job);
  node.mapped()->completion(std::move(result));
}

}  // namespace

Result<std::unique_ptr<port::Blocks>> open_raw_disk(EventLoop& loop,
                                                    const RawDiskOptions& options) {
  ORRERY_TRY(DiskFile file, open_disk_file(options));
  return std::make_unique<RawDisk>(loop, std::move(file), options);
}

}  // namespace orrery::storage
