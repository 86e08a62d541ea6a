// One VM as a process: the machine with its backends, the thread of its event loop, signals, and
// the exit status.
#pragma once

#include "base/error.hpp"
#include "vmm/options/configuration.hpp"

namespace orrery::vmm {

namespace exit_status {
inline constexpr int kPowerOff = 0;  // also: Ctrl-A x, and a reset with --no-reboot
inline constexpr int kHostError = 1;
inline constexpr int kGuestDied = 2;
}  // namespace exit_status

// Runs the VM to its end and returns the status for the process to exit with: one of exit_status,
// or what the guest chose by the debug-exit port. An Error: the VM could not be built.
//
// On the process's main thread, before it makes others.
Result<int> run(const Configuration& configuration);

// Checks what run() would need: files, formats, engine. Says what it found on standard output.
Result<> dry_run(const Configuration& configuration);

}  // namespace orrery::vmm
