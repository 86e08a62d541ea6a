#include "storage/io/image_file.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>
#include <cstring>

#include <fcntl.h>

#include "base/types.hpp"

namespace orrery::storage {
namespace {

using Call = DiskOperation::Call;

// A source of zeroes; several stand in one system call.
alignas(4096) std::array<std::byte, 64_KiB> kZeroes{};

struct Started {
  DiskExecutor& executor;
  DiskOperation& operation;
  std::int64_t result = 0;

  bool await_ready() const noexcept { return false; }
  void await_suspend(std::coroutine_handle<> handle) {
    operation.done = [this, handle](std::int64_t value) {
      result = value;
      handle.resume();
    };
    executor.start(operation);
  }
  std::int64_t await_resume() const noexcept { return result; }
};

void drop_front(Vectors& vectors, std::uint64_t count) {
  std::size_t gone = 0;
  while (gone < vectors.size() && count >= vectors[gone].iov_len) count -= vectors[gone++].iov_len;
  vectors.erase(vectors.begin(), vectors.begin() + static_cast<std::ptrdiff_t>(gone));
  if (count == 0) return;
  vectors[0].iov_base = static_cast<std::byte*>(vectors[0].iov_base) + count;
  vectors[0].iov_len -= count;
}

constexpr std::uint64_t kPatchSize = 4096;

}  // namespace

MutableByteSpan zero_bytes() {
  return kZeroes;
}

Task<std::int64_t> ImageFile::call(DiskOperation& operation) {
  while (true) {
    const std::int64_t result = co_await Started{*executor_, operation};
    if (result != -EINTR && result != -EAGAIN) co_return result;
  }
}

Task<Result<>> ImageFile::transfer(Call kind, std::uint64_t offset, Vectors vectors) {
  DiskOperation operation;
  operation.call = kind;
  operation.offset = offset;
  while (!vectors.empty()) {
    const std::size_t count = std::min<std::size_t>(vectors.size(), IOV_MAX);
    operation.vectors.assign(vectors.begin(), vectors.begin() + static_cast<std::ptrdiff_t>(count));
    const std::int64_t done = co_await call(operation);
    if (done < 0) co_return fail(Error::from_errno(path_, static_cast<int>(-done)));
    if (done == 0 && kind == Call::kWrite) co_return fail(path_ + ": nothing was written");
    if (done == 0) {
      for (const iovec& vector : vectors) std::memset(vector.iov_base, 0, vector.iov_len);
      co_return Result<>{};
    }
    operation.offset += static_cast<std::uint64_t>(done);
    drop_front(vectors, static_cast<std::uint64_t>(done));
  }
  co_return Result<>{};
}

Task<Result<>> ImageFile::read(std::uint64_t offset, Vectors vectors) {
  return laid_over_.empty() ? transfer(Call::kRead, offset, std::move(vectors))
                            : read_patched(offset, std::move(vectors));
}

Task<Result<>> ImageFile::read_patched(std::uint64_t offset, Vectors vectors) {
  const Vectors kept = vectors;
  const Result<> done = co_await transfer(Call::kRead, offset, std::move(vectors));
  if (done) patch(offset, kept);
  co_return done;
}

void ImageFile::lay_over(std::map<std::uint64_t, std::vector<std::byte>> pages,
                         std::uint64_t size) {
  laid_over_ = std::move(pages);
  size_ = std::max(size_, size);
}

void ImageFile::patch(std::uint64_t offset, const Vectors& vectors) const {
  for (const iovec& vector : vectors) {
    const std::uint64_t end = offset + vector.iov_len;
    for (auto at = laid_over_.lower_bound(offset & ~(kPatchSize - 1));
         at != laid_over_.end() && at->first < end; ++at) {
      const std::uint64_t from = std::max(offset, at->first);
      const std::uint64_t to = std::min(end, at->first + kPatchSize);
      auto* const target = static_cast<std::byte*>(vector.iov_base) + (from - offset);
      if (at->second.empty()) {
        std::memset(target, 0, to - from);
      } else {
        std::memcpy(target, &at->second[from - at->first], to - from);
      }
    }
    offset = end;
  }
}

Task<Result<>> ImageFile::write(std::uint64_t offset, Vectors vectors) {
  size_ = std::max(size_, offset + length_of(vectors));
  return transfer(Call::kWrite, offset, std::move(vectors));
}

Task<Result<>> ImageFile::write_all(std::vector<Write> writes) {
  std::vector<Task<Result<>>> tasks;
  tasks.reserve(writes.size());
  for (Write& part : writes) tasks.push_back(write(part.offset, std::move(part.vectors)));
  return all_of(std::move(tasks));
}

Task<Result<>> ImageFile::sync() {
  DiskOperation operation;
  operation.call = Call::kDataSync;
  const std::int64_t result = co_await call(operation);
  if (result < 0) co_return fail(Error::from_errno(path_, static_cast<int>(-result)));
  co_return Result<>{};
}

Task<Result<bool>> ImageFile::punch(std::uint64_t offset, std::uint64_t length) {
  DiskOperation operation;
  operation.call = Call::kFallocate;
  operation.offset = offset;
  operation.length = length;
  operation.mode = FALLOC_FL_KEEP_SIZE | FALLOC_FL_PUNCH_HOLE;
  const std::int64_t result = co_await call(operation);
  if (result == -EOPNOTSUPP || result == -ENOSYS) co_return false;
  if (result < 0) co_return fail(Error::from_errno(path_, static_cast<int>(-result)));
  co_return true;
}

Task<Result<>> ImageFile::write_zeroes(std::uint64_t offset, std::uint64_t length) {
  while (length != 0) {
    Vectors vectors;
    std::uint64_t part = 0;
    while (part < length && vectors.size() < 64) {
      const std::uint64_t piece = std::min<std::uint64_t>(length - part, kZeroes.size());
      vectors.push_back({kZeroes.data(), piece});
      part += piece;
    }
    const Result<> written = co_await write(offset, std::move(vectors));
    if (!written) co_return written;
    offset += part;
    length -= part;
  }
  co_return Result<>{};
}

}  // namespace orrery::storage
