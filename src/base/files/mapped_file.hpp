// A file's content as a read-only span, mapped rather than read: pages come in as they are touched.
#pragma once

#include <memory>
#include <string>

#include "base/bytes.hpp"
#include "base/error.hpp"

namespace orrery {

class MappedFile {
 public:
  // Errors name the path. Only regular files can be mapped.
  static Result<std::unique_ptr<MappedFile>> open(const std::string& path);
  // The same of a file that is open for reading, called PATH in errors; DESCRIPTOR is not kept.
  static Result<std::unique_ptr<MappedFile>> map(int descriptor, const std::string& path);
  ~MappedFile();
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;

  ByteSpan bytes() const { return bytes_; }

 private:
  explicit MappedFile(ByteSpan bytes) : bytes_(bytes) {}
  ByteSpan bytes_;
};

}  // namespace orrery
