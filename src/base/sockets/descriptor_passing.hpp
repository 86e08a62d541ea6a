// Open files that travel over a Unix socket with some bytes (unix(7), SCM_RIGHTS): so a process
// that may open nothing can be given what it is to work on.
#pragma once

#include <cstddef>
#include <vector>

#include <sys/types.h>

#include "base/bytes.hpp"
#include "base/files/file_descriptor.hpp"

namespace orrery {

// With one message; what is beyond is not received.
inline constexpr std::size_t kMostDescriptors = 64;

// As send(2) without SIGPIPE, FILES with the first byte. They stay the caller's.
ssize_t send_with_descriptors(int socket, ByteSpan bytes, const std::vector<int>& files);

// As recv(2); what came along is added to FILES, closed on exec.
ssize_t receive_with_descriptors(int socket, MutableByteSpan to,
                                 std::vector<FileDescriptor>& files);

}  // namespace orrery
