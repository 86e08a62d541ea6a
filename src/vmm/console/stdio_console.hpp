// The console on standard input and output. At a terminal: raw mode and escape keys; otherwise
// bytes pass as they are, and the end of input is no end for the guest.
#pragma once

#include <functional>
#include <memory>

#include "base/files/file_descriptor.hpp"
#include "vmm/console/descriptor_console.hpp"
#include "vmm/console/escape_keys.hpp"

namespace orrery::vmm {

class StdioConsole final : public DescriptorConsole {
 public:
  // `quit` is called, on the loop, when the user types Ctrl-A x. Raw mode begins here and ends with
  // the console.
  static Result<std::unique_ptr<StdioConsole>> create(EventLoop& loop, std::function<void()> quit);
  ~StdioConsole() override;

  void drain() override;

 private:
  StdioConsole(EventLoop& loop, std::function<void()> quit)
      : DescriptorConsole(loop), quit_(std::move(quit)) {}
  void filter_input(std::vector<std::byte>& bytes) override;

  std::function<void()> quit_;
  FileDescriptor output_;
  bool at_terminal_ = false;
  EscapeKeys keys_;
};

}  // namespace orrery::vmm
