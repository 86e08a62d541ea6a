// The kernel and the initrds of a configuration, from their files into a machine.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/error.hpp"
#include "base/files/file_descriptor.hpp"
#include "base/files/mapped_file.hpp"
#include "machine/machine.hpp"
#include "vmm/options/configuration.hpp"

namespace orrery::vmm {

// Keeps the files open, for in its sandbox a VM opens none; so a guest that resets itself boots
// what it booted first, whatever has taken the files' names since. The machine's thread.
class BootFiles {
 public:
  // Errors name the option and the path. CONFIGURATION outlives this.
  static Result<BootFiles> open(const Configuration& configuration);

  // Size of the flash that the firmware needs; 0 without one. An error: it is no firmware.
  Result<Bytes> firmware_size() const;

  // What the kernel's file is taken for ("Linux bzImage"), or "firmware"; an error when it cannot
  // be used.
  Result<std::string> examine_kernel() const;

  // Reads the files, writes the firmware's tables and sets the first vCPU's state.
  Result<> boot(machine::Machine& machine) const;

 private:
  struct File {
    std::string_view option;
    std::string path;
    FileDescriptor descriptor;

    static Result<File> open(std::string_view option, const std::string& path);
    Result<std::unique_ptr<MappedFile>> map() const;
  };

  explicit BootFiles(const Configuration& configuration) : configuration_(&configuration) {}
  bool starts_firmware() const { return !configuration_->firmware.empty(); }
  Result<> start_firmware(machine::Machine& machine) const;

  const Configuration* configuration_;
  File first_;  // the kernel or the firmware
  std::vector<File> initrds_;
};

}  // namespace orrery::vmm
