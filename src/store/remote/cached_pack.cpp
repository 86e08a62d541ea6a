#include "store/remote/cached_pack.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/format.hpp"

namespace orrery::store::remote {

CachedPack::CachedPack(FileDescriptor file, std::string path, CacheState& state)
    : file_(std::move(file)), path_(std::move(path)), state_(state) {
  struct stat status {};
  if (::fstat(file_.get(), &status) == 0) size_ = static_cast<std::uint64_t>(status.st_size);
}

bool CachedPack::read_memory(std::uint64_t offset, MutableByteSpan to) const {
  if (!tail_.empty() && offset >= tail_offset_) {
    const std::uint64_t within = offset - tail_offset_;
    if (within > tail_.size() || to.size() > tail_.size() - within) return false;
    std::memcpy(to.data(), tail_.data() + within, to.size());
    return true;
  }
  if (!tail_.empty() && offset == 0 && to.size() == kPackHeader) {
    std::ranges::copy(pack_header(), to.begin());
    return true;
  }
  const std::lock_guard lock(mutex_);
  for (const Kept& kept : kept_) {
    if (kept.offset != offset || kept.bytes.size() != to.size()) continue;
    std::ranges::copy(kept.bytes, to.begin());
    return true;
  }
  return false;
}

Result<> CachedPack::read(std::uint64_t offset, MutableByteSpan to) const {
  if (read_memory(offset, to)) return {};
  while (!to.empty()) {
    const ssize_t got = ::pread(file_.get(), to.data(), to.size(), static_cast<off_t>(offset));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return fail_errno(path_ + ": cannot be read");
    if (got == 0) return fail(path_ + ": has not all of its pack");
    offset += static_cast<std::uint64_t>(got);
    to = to.subspan(static_cast<std::size_t>(got));
  }
  return {};
}

bool CachedPack::write(std::uint64_t offset, ByteSpan bytes) {
  while (!bytes.empty()) {
    const ssize_t done =
        ::pwrite(file_.get(), bytes.data(), bytes.size(), static_cast<off_t>(offset));
    if (done < 0 && errno == EINTR) continue;
    if (done <= 0) return false;
    offset += static_cast<std::uint64_t>(done);
    bytes = bytes.subspan(static_cast<std::size_t>(done));
  }
  return true;
}

void CachedPack::put_table(ByteSpan bytes, std::uint64_t offset) {
  size_ = offset + bytes.size();
  const bool written = ::ftruncate(file_.get(), static_cast<off_t>(size_)) == 0 &&
                       write(0, pack_header()) && write(offset, bytes);
  if (written) return;
  tail_.assign(bytes.begin(), bytes.end());
  tail_offset_ = offset;
}

void CachedPack::set_table(const PackTable& table) {
  table_ = &table;
  uses_ = std::vector<Use>(table.groups.size());
}

bool CachedPack::holds(std::size_t number) {
  Use& use = uses_[number];
  if (!use.known.load(std::memory_order_relaxed)) {
    const Group& group = table_->groups[number];
    std::vector<std::byte> stored(group.stored);
    if (!read(group.file_offset, stored)) return false;
    thread_local Hasher hasher;
    if (hasher.digest(stored).first_word() != group.check) return false;
    use.known.store(true, std::memory_order_relaxed);
  }
  note_use(number);
  return true;
}

std::uint64_t CachedPack::put(std::size_t number, ByteSpan stored) {
  const std::uint64_t offset = table_->groups[number].file_offset;
  const bool written = write(offset, stored);
  if (!written || state_.full.load(std::memory_order_relaxed)) keep(offset, stored);
  uses_[number].known.store(true, std::memory_order_relaxed);
  note_use(number);
  return written ? stored.size() : 0;
}

void CachedPack::note_use(std::size_t number) {
  const std::uint64_t now = state_.clock.fetch_add(1, std::memory_order_relaxed) + 1;
  uses_[number].used.store(now, std::memory_order_relaxed);
}

void CachedPack::keep(std::uint64_t offset, ByteSpan bytes) {
  const std::lock_guard lock(mutex_);
  while (!kept_.empty() && kept_bytes_ + bytes.size() > kMostKept) {
    kept_bytes_ -= kept_.front().bytes.size();
    kept_.pop_front();
  }
  kept_bytes_ += bytes.size();
  kept_.push_back({.offset = offset, .bytes = {bytes.begin(), bytes.end()}});
}

void CachedPack::drop(std::size_t number) {
  const Group& group = table_->groups[number];
  uses_[number].known.store(false, std::memory_order_relaxed);
  uses_[number].used.store(0, std::memory_order_relaxed);
  {
    const std::lock_guard lock(mutex_);
    std::erase_if(kept_, [&](const Kept& kept) {
      const bool is_it = kept.offset == group.file_offset;
      if (is_it) kept_bytes_ -= kept.bytes.size();
      return is_it;
    });
  }
  ::fallocate(file_.get(), FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
              static_cast<off_t>(group.file_offset), static_cast<off_t>(group.stored));
}

}  // namespace orrery::store::remote
