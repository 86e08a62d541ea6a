// Makes the backends that a configuration asks for.
#pragma once

#include <functional>
#include <memory>

#include "base/error.hpp"
#include "base/loop/event_loop.hpp"
#include "port/blocks.hpp"
#include "port/frames.hpp"
#include "vmm/console/descriptor_console.hpp"
#include "vmm/options/configuration.hpp"

namespace orrery::vmm {

// Null for Kind::kNone. `quit`: the user asked to power off at once, with a key.
Result<std::unique_ptr<DescriptorConsole>> make_console(EventLoop& loop,
                                                        const ConsoleOptions& options,
                                                        std::function<void()> quit);
// A port of the virtio console.
Result<std::unique_ptr<DescriptorConsole>> make_console(EventLoop& loop,
                                                        const VirtioConsoleOptions& options,
                                                        std::function<void()> quit);
// The stream of input lines; null for Kind::kNone.
Result<std::unique_ptr<DescriptorConsole>> make_input(EventLoop& loop,
                                                      const ConsoleOptions& options);
// REPORT: what it has to be allowed.
Result<std::unique_ptr<port::Blocks>> make_disk(EventLoop& loop,
                                                const storage::DiskOptions& options,
                                                storage::OpenReport& report);
Result<std::unique_ptr<port::Frames>> make_network(EventLoop& loop, const NetworkOptions& options);

}  // namespace orrery::vmm
