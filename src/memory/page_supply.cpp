#include "memory/page_supply.hpp"

#include <algorithm>
#include <array>
#include <cerrno>

#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/assert.hpp"
#include "base/bits.hpp"
#include "base/zeroes.hpp"

namespace orrery::memory {
namespace {

std::uint64_t number_of(const std::byte* address) {
  return reinterpret_cast<std::uint64_t>(address);
}

}  // namespace

Result<std::unique_ptr<PageSupply>> PageSupply::create(const GuestMemory& memory,
                                                       std::unique_ptr<PageSource> source,
                                                       std::function<void(const Error&)> failed) {
  std::unique_ptr<PageSupply> supply(new PageSupply(memory, std::move(source), std::move(failed)));
  ORRERY_CHECK(supply->catch_faults());
  supply->stop_ = FileDescriptor(::eventfd(0, EFD_CLOEXEC));
  if (!supply->stop_) return fail_errno("cannot make an event descriptor");
  supply->thread_ = std::thread([raw = supply.get()] { raw->serve(); });
  return supply;
}

PageSupply::PageSupply(const GuestMemory& memory, std::unique_ptr<PageSource> source,
                       std::function<void(const Error&)> failed)
    : memory_(memory), source_(std::move(source)), failed_(std::move(failed)) {
  std::uint64_t offset = 0;
  for (const Region& region : memory.regions()) {
    const std::uint64_t size = region.size.value();
    for (std::uint64_t at = 0; at < size; at += kChunk) {
      chunks_.push_back({offset + at, region.host + at, std::min(kChunk, size - at)});
    }
    offset += size;
  }
}

PageSupply::~PageSupply() {
  if (!thread_.joinable()) return;
  const std::uint64_t one = 1;
  ORRERY_ASSERT(::write(stop_.get(), &one, sizeof one) == sizeof one);
  thread_.join();
}

// Those of this user's code alone need no rights; but the kernel, too, touches the memory for us
// (a disk's read into it), and KVM does.
Result<> PageSupply::catch_faults() {
  faults_ = FileDescriptor(static_cast<int>(::syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK)));
  if (!faults_) {
    return fail_errno(
        "cannot catch faults in guest memory (userfaultfd); allow it with `sysctl "
        "vm.unprivileged_userfaultfd=1`, or import the snapshot first");
  }
  uffdio_api api{.api = UFFD_API, .features = 0, .ioctls = 0};
  if (::ioctl(faults_.get(), UFFDIO_API, &api) != 0) return fail_errno("userfaultfd");
  for (const Region& region : memory_.regions()) {
    uffdio_register range{.range = {number_of(region.host), region.size.value()},
                          .mode = UFFDIO_REGISTER_MODE_MISSING,
                          .ioctls = 0};
    if (::ioctl(faults_.get(), UFFDIO_REGISTER, &range) != 0) {
      return fail_errno("cannot catch faults in guest memory");
    }
  }
  return {};
}

void PageSupply::release_faults() const {
  for (const Region& region : memory_.regions()) {
    uffdio_range range{number_of(region.host), region.size.value()};
    ::ioctl(faults_.get(), UFFDIO_UNREGISTER, &range);
  }
}

// Faults before what nobody waits for; between two looks for faults one chunk is read at most.
void PageSupply::serve() {
  auto next = chunks_.begin();
  while (true) {
    std::array<pollfd, 2> ready{pollfd{faults_.get(), POLLIN, 0}, pollfd{stop_.get(), POLLIN, 0}};
    const int wait_for_ever = -1;
    if (::poll(ready.data(), ready.size(), next == chunks_.end() ? wait_for_ever : 0) < 0) {
      ORRERY_ASSERT(errno == EINTR);
      continue;
    }
    if (ready[1].revents != 0) break;
    Result<> done;
    if (ready[0].revents != 0) {
      const Result<bool> served = serve_fault();
      if (!served) done = fail(served.error());
    } else if (next != chunks_.end()) {
      done = supply(*next++);
    }
    if (!done) return failed_(done.error());
    if (next == chunks_.end()) break;  // all are there
  }
  release_faults();
}

// False: somebody else's fault brought the page already.
Result<bool> PageSupply::serve_fault() {
  uffd_msg message{};
  if (::read(faults_.get(), &message, sizeof message) != sizeof message) return false;
  if (message.event != UFFD_EVENT_PAGEFAULT) return false;
  auto* const page =
      reinterpret_cast<std::byte*>(align_down(message.arg.pagefault.address, kPageSize));
  Chunk& chunk = chunk_of(page);
  if (!chunk.supplied) {
    ORRERY_CHECK(supply(chunk));
    return true;
  }
  // It came since, or was given back to the host since and is a new page.
  place_zeroes(page, kPageSize);
  return false;
}

PageSupply::Chunk& PageSupply::chunk_of(const std::byte* address) {
  for (const Region& region : memory_.regions()) {
    if (address < region.host || address >= region.host + region.size.value()) continue;
    const auto first = std::find_if(chunks_.begin(), chunks_.end(),
                                    [&](const Chunk& each) { return each.host == region.host; });
    return first[(address - region.host) / static_cast<std::ptrdiff_t>(kChunk)];
  }
  ORRERY_ASSERT(false);
  return chunks_.front();
}

Result<> PageSupply::supply(Chunk& chunk) {
  if (chunk.supplied) return {};
  const MutableByteSpan bytes = MutableByteSpan(buffer_).first(chunk.length);
  ORRERY_CHECK(source_->read(chunk.offset, bytes));
  chunk.supplied = true;
  if (is_zero(bytes)) {
    place_zeroes(chunk.host, chunk.length);
  } else {
    place(chunk.host, chunk.length);
  }
  return {};
}

// From the buffer. All at once, as long as none of the pages is there.
void PageSupply::place(std::byte* to, std::uint64_t length) const {
  uffdio_copy copy{
      .dst = number_of(to), .src = number_of(buffer_.data()), .len = length, .mode = 0, .copy = 0};
  while (::ioctl(faults_.get(), UFFDIO_COPY, &copy) != 0) {
    ORRERY_ASSERT(errno == EAGAIN);
    if (copy.copy <= 0) continue;
    copy.dst += static_cast<std::uint64_t>(copy.copy);
    copy.src += static_cast<std::uint64_t>(copy.copy);
    copy.len -= static_cast<std::uint64_t>(copy.copy);
  }
}

void PageSupply::place_zeroes(std::byte* to, std::uint64_t length) const {
  uffdio_zeropage zero{.range = {number_of(to), length}, .mode = 0, .zeropage = 0};
  while (::ioctl(faults_.get(), UFFDIO_ZEROPAGE, &zero) != 0) {
    if (errno == EEXIST) {  // whoever waited has to look again
      uffdio_range range{number_of(to), length};
      ::ioctl(faults_.get(), UFFDIO_WAKE, &range);
      return;
    }
    ORRERY_ASSERT(errno == EAGAIN);
    if (zero.zeropage <= 0) continue;
    zero.range.start += static_cast<std::uint64_t>(zero.zeropage);
    zero.range.len -= static_cast<std::uint64_t>(zero.zeropage);
  }
}

}  // namespace orrery::memory
