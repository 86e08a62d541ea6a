#include "base/sockets/descriptor_passing.hpp"

#include <array>
#include <cstring>

#include <sys/socket.h>
#include <sys/uio.h>

#include "base/assert.hpp"

namespace orrery {
namespace {

struct Control {
  alignas(cmsghdr) std::array<char, CMSG_SPACE(kMostDescriptors * sizeof(int))> bytes{};
};

msghdr make_message(iovec& vector, Control& control, std::size_t length) {
  msghdr message{};
  message.msg_iov = &vector;
  message.msg_iovlen = 1;
  message.msg_control = length == 0 ? nullptr : control.bytes.data();
  message.msg_controllen = length;
  return message;
}

}  // namespace

ssize_t send_with_descriptors(int socket, ByteSpan bytes, const std::vector<int>& files) {
  ORRERY_ASSERT(files.size() <= kMostDescriptors);
  const std::size_t size = files.size() * sizeof(int);
  iovec vector{const_cast<std::byte*>(bytes.data()), bytes.size()};
  Control control;
  const msghdr message = make_message(vector, control, files.empty() ? 0 : CMSG_SPACE(size));
  if (!files.empty()) {
    cmsghdr* const header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(size);
    std::memcpy(CMSG_DATA(header), files.data(), size);
  }
  return ::sendmsg(socket, &message, MSG_NOSIGNAL);
}

ssize_t receive_with_descriptors(int socket, MutableByteSpan to,
                                 std::vector<FileDescriptor>& files) {
  iovec vector{to.data(), to.size()};
  Control control;
  msghdr message = make_message(vector, control, control.bytes.size());
  const ssize_t count = ::recvmsg(socket, &message, MSG_CMSG_CLOEXEC);
  if (count < 0) return count;
  for (cmsghdr* header = CMSG_FIRSTHDR(&message); header != nullptr;
       header = CMSG_NXTHDR(&message, header)) {
    if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS) continue;
    const std::size_t received = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    for (std::size_t i = 0; i < received; ++i) {
      int file = -1;
      std::memcpy(&file, CMSG_DATA(header) + i * sizeof file, sizeof file);
      files.emplace_back(file);
    }
  }
  return count;
}

}  // namespace orrery
