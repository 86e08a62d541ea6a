// Adds an image of this host's to a server's store: only what is not there yet is sent, and a
// connection that breaks costs what was on its way. docs/formats/store-upload.md.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "base/error.hpp"
#include "store/image.hpp"
#include "store/progress.hpp"
#include "store/remote/connection.hpp"

namespace orrery::store::remote {

struct UploadOptions {
  std::string name;   // there
  std::string token;  // that the server knows
  std::vector<std::string> tags;
  bool replace = false;
  Times times;
  // How long a server that is away is asked again, from the last time on that it took something.
  std::chrono::milliseconds patience{60'000};
  std::chrono::milliseconds pause{1'000};  // between two times
};

struct UploadReport {
  std::uint64_t size = 0;  // of the disk
  std::uint64_t data = 0;  // of it, in segments
  std::uint64_t segments = 0;
  std::uint64_t sent_segments = 0;  // that the server had not
  std::uint64_t sent = 0;           // bytes on the wire, with all headers
};

// It blocks. PROGRESS: in bytes of the disk. When it fails, the server keeps for an hour what it
// has, and the same call goes on there.
Result<UploadReport> upload_image(const Image& image, const StoreServer& server,
                                  const Interrupt& interrupt, const UploadOptions& options,
                                  const Progress& progress);

}  // namespace orrery::store::remote
