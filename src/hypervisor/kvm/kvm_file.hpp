// File descriptors of /dev/kvm and what hangs on it, with ioctls whose errors say what was being
// done.
#pragma once

#include <cstdint>
#include <string_view>

#include "base/error.hpp"
#include "base/files/file_descriptor.hpp"

namespace orrery::hypervisor::kvm {

class KvmFile {
 public:
  KvmFile() = default;
  explicit KvmFile(FileDescriptor descriptor) : descriptor_(std::move(descriptor)) {}

  int descriptor() const { return descriptor_.get(); }

  // The ioctl's non-negative answer; `doing` completes "KVM cannot ...".
  Result<int> call(unsigned long request, unsigned long argument, std::string_view doing) const;

  template <typename T>
  Result<int> call(unsigned long request, T* argument, std::string_view doing) const {
    return call(request, reinterpret_cast<unsigned long>(argument), doing);
  }

 private:
  FileDescriptor descriptor_;
};

// Opens /dev/kvm and checks that it speaks the stable API with all that the backend needs.
Result<KvmFile> open_kvm();

}  // namespace orrery::hypervisor::kvm
