// What this process has used of its host.
#pragma once

#include <chrono>

#include "base/error.hpp"
#include "base/files/file_descriptor.hpp"
#include "base/types.hpp"

namespace orrery::vmm {

class ProcessUsage {
 public:
  // Before the sandbox, in which nothing can be opened.
  static Result<ProcessUsage> open();

  // Of all threads, those that have ended included.
  static std::chrono::nanoseconds processor_time();
  // Memory; zero where the host does not tell.
  Bytes resident() const;

 private:
  explicit ProcessUsage(FileDescriptor statm) : statm_(std::move(statm)) {}

  FileDescriptor statm_;  // proc(5), /proc/self/statm
};

}  // namespace orrery::vmm
