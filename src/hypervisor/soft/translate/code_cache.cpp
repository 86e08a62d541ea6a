#include "hypervisor/soft/translate/code_cache.hpp"

#include <algorithm>
#include <utility>

#include <sys/mman.h>

#include "base/assert.hpp"
#include "base/bits.hpp"
#include "base/files/file_descriptor.hpp"

namespace orrery::hypervisor::soft::translate {
namespace {

constexpr std::size_t kHostPage = 4096;
// Some hundred blocks: little memory, and an exception in as many.
constexpr std::size_t kAhead = std::size_t{128} << 10;

}  // namespace

Result<std::unique_ptr<CodeCache>> CodeCache::create(std::size_t size) {
  const FileDescriptor file(::memfd_create("orrery-code", MFD_CLOEXEC));
  if (file.get() < 0) return fail_errno("cannot make memory for translated code");
  if (::ftruncate(file.get(), static_cast<off_t>(size)) != 0) {
    return fail_errno("cannot reserve memory for translated code");
  }
  void* writable = ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED, file.get(), 0);
  if (writable == MAP_FAILED) return fail_errno("cannot map memory to write translated code");
  void* executable = ::mmap(nullptr, size, PROT_READ | PROT_EXEC, MAP_SHARED, file.get(), 0);
  if (executable == MAP_FAILED) {
    ::munmap(writable, size);
    return fail_errno(
        "cannot map memory to execute translated code (is it forbidden here? use --engine "
        "interpret)");
  }
  return std::unique_ptr<CodeCache>(
      new CodeCache(static_cast<std::byte*>(writable), static_cast<std::byte*>(executable), size));
}

CodeCache::~CodeCache() {
  ::munmap(writable_, size_);
  ::munmap(executable_, size_);
}

std::optional<CodeCache::Place> CodeCache::reserve(std::size_t hot, std::size_t cold) {
  auto ends = ends_.lock();
  if (hot + cold > ends->cold - ends->hot) return std::nullopt;
  const std::size_t begin = ends->hot;
  ends->cold -= cold;
  ends->hot = std::min(align_up(begin + hot, 16), ends->cold);
  commit(*ends);
  return Place{address(begin), address(ends->cold)};
}

std::size_t CodeCache::room() {
  auto ends = ends_.lock();
  return ends->cold - ends->hot;
}

void CodeCache::clear() {
  auto ends = ends_.lock();
  ends->hot = kept_;
  ends->cold = size_;
}

void CodeCache::commit(Ends& ends) {
  if (ends.hot > ends.committed_hot) {
    const std::size_t begin = std::exchange(ends.committed_hot, std::min(ends.hot + kAhead, size_));
    commit(begin, ends.committed_hot);
  }
  if (ends.cold < ends.committed_cold) {
    const std::size_t end =
        std::exchange(ends.committed_cold, ends.cold - std::min(ends.cold, kAhead));
    commit(ends.committed_cold, end);
  }
}

// What a kernel before 5.14 does not do, the exceptions will.
void CodeCache::commit(std::size_t begin, std::size_t end) {
  begin = align_down(begin, kHostPage);
  const std::size_t bytes = align_up(end, kHostPage) - begin;
  (void)::madvise(writable_ + begin, bytes, MADV_POPULATE_WRITE);
  (void)::madvise(executable_ + begin, bytes, MADV_POPULATE_READ);
}

std::byte* CodeCache::writable(std::uint64_t place, std::size_t size) {
  const std::uint64_t offset = place - address(0);
  ORRERY_ASSERT(offset <= size_ && size <= size_ - offset);
  return writable_ + offset;
}

void CodeCache::write(std::uint64_t at, ByteSpan code) {
  std::ranges::copy(code, writable(at, code.size()));
}

void CodeCache::link(std::uint64_t place, std::uint64_t target) {
  store_le(writable(place, sizeof(std::int32_t)),
           static_cast<std::int32_t>(target - (place + sizeof(std::int32_t))));
}

void CodeCache::redirect(std::uint64_t place, std::uint64_t target) {
  constexpr auto kJump = std::byte{0xe9};  // JMP rel32
  *writable(place, 1) = kJump;
  link(place + 1, target);
}

}  // namespace orrery::hypervisor::soft::translate
