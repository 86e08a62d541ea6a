// The console's output in a file, which is emptied first; there is no input.
#pragma once

#include <memory>
#include <string>

#include "base/files/file_descriptor.hpp"
#include "vmm/console/descriptor_console.hpp"

namespace orrery::vmm {

class FileConsole final : public DescriptorConsole {
 public:
  static Result<std::unique_ptr<FileConsole>> create(EventLoop& loop, const std::string& path);
  ~FileConsole() override { detach(); }

 private:
  explicit FileConsole(EventLoop& loop) : DescriptorConsole(loop) {}
  FileDescriptor file_;
};

}  // namespace orrery::vmm
