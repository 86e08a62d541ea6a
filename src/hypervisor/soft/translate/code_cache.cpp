#include "hypervisor/soft/translate/code_cache.hpp"

#include <algorithm>
#include <cstring>

#include <sys/mman.h>

#include "base/assert.hpp"
#include "base/bits.hpp"
#include "base/files/file_descriptor.hpp"

namespace orrery::hypervisor::soft::translate {

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

void CodeCache::place(ByteSpan hot, ByteSpan cold) {
  ORRERY_ASSERT(hot.size() + cold.size() <= room());
  std::ranges::copy(hot, writable_ + used_);
  cold_ -= cold.size();
  std::ranges::copy(cold, writable_ + cold_);
  used_ = std::min(align_up(used_ + hot.size(), 16), cold_);
}

void CodeCache::link(std::uint64_t place, std::uint64_t target) {
  const std::uint64_t offset = place - reinterpret_cast<std::uint64_t>(executable_);
  ORRERY_ASSERT(offset + 4 <= size_);
  const auto distance = static_cast<std::int32_t>(target - (place + 4));
  std::memcpy(writable_ + offset, &distance, sizeof distance);
}

void CodeCache::redirect(std::uint64_t place, std::uint64_t target) {
  constexpr auto kJump = std::byte{0xe9};  // JMP rel32
  const std::uint64_t offset = place - reinterpret_cast<std::uint64_t>(executable_);
  ORRERY_ASSERT(offset + 5 <= size_);
  writable_[offset] = kJump;
  link(place + 1, target);
}

}  // namespace orrery::hypervisor::soft::translate
