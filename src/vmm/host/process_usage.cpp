#include "vmm/host/process_usage.hpp"

#include <array>
#include <charconv>
#include <utility>

#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

namespace orrery::vmm {
namespace {

std::chrono::nanoseconds duration_of(const timeval& time) {
  return std::chrono::seconds(time.tv_sec) + std::chrono::microseconds(time.tv_usec);
}

}  // namespace

Result<ProcessUsage> ProcessUsage::open() {
  constexpr const char* kPath = "/proc/self/statm";
  FileDescriptor statm(::open(kPath, O_RDONLY | O_CLOEXEC));
  if (!statm) return fail_errno(kPath);
  return ProcessUsage(std::move(statm));
}

std::chrono::nanoseconds ProcessUsage::processor_time() {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  return duration_of(usage.ru_utime) + duration_of(usage.ru_stime);
}

// "size resident shared ...", in pages.
Bytes ProcessUsage::resident() const {
  constexpr std::uint64_t kPage = 4_KiB;
  std::array<char, 128> text{};
  const ssize_t count = ::pread(statm_.get(), text.data(), text.size(), 0);
  if (count <= 0) return Bytes(0);
  const std::string_view line(text.data(), static_cast<std::size_t>(count));
  const std::size_t second = std::min(line.find(' '), line.size() - 1) + 1;
  std::uint64_t pages = 0;
  std::from_chars(line.data() + second, line.data() + line.size(), pages);
  return Bytes(pages * kPage);
}

}  // namespace orrery::vmm
