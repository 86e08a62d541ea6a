#include "base/files/mapped_file.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "base/files/file_descriptor.hpp"

namespace orrery {

Result<std::unique_ptr<MappedFile>> MappedFile::open(const std::string& path) {
  const FileDescriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file) return fail_errno(path + ": cannot open");
  return map(file.get(), path);
}

Result<std::unique_ptr<MappedFile>> MappedFile::map(int descriptor, const std::string& path) {
  struct stat status {};
  if (::fstat(descriptor, &status) != 0) return fail_errno(path + ": cannot examine");
  if (!S_ISREG(status.st_mode)) return fail(path + ": not a regular file");
  const auto size = static_cast<std::size_t>(status.st_size);
  if (size == 0) return std::unique_ptr<MappedFile>(new MappedFile({}));
  void* const address = ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE, descriptor, 0);
  if (address == MAP_FAILED) return fail_errno(path + ": cannot map");
  return std::unique_ptr<MappedFile>(new MappedFile(as_bytes(address, size)));
}

MappedFile::~MappedFile() {
  if (bytes_.empty()) return;
  ::munmap(const_cast<std::byte*>(bytes_.data()), bytes_.size());
}

}  // namespace orrery
