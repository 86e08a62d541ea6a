// The console on a pseudo-terminal of its own, which a person attaches to and leaves as they like
// (`screen /dev/pts/7`). While nobody is attached the guest's output is thrown away.
#pragma once

#include <memory>
#include <string>

#include "base/files/file_descriptor.hpp"
#include "vmm/console/descriptor_console.hpp"

namespace orrery::vmm {

class PtyConsole final : public DescriptorConsole {
 public:
  static Result<std::unique_ptr<PtyConsole>> create(EventLoop& loop);
  ~PtyConsole() override;

  // The path to attach to.
  const std::string& path() const { return path_; }

 private:
  explicit PtyConsole(EventLoop& loop) : DescriptorConsole(loop) {}
  void input_ended() override { wait_for_somebody(); }
  void wait_for_somebody();
  void look_for_somebody();

  FileDescriptor master_;
  std::string path_;
  std::unique_ptr<LoopTimer> look_;
};

}  // namespace orrery::vmm
