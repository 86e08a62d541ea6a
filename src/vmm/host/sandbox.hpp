// The sandbox of a running VM: a seccomp filter with the system calls that the rest of its life
// takes, and no others. What a guest that took over this process could still reach is what the
// process had open when the filter came (docs/rooms/vmm.md).
#pragma once

#include "base/error.hpp"

namespace orrery::vmm {

// What some VMs need beyond what all do.
struct SandboxNeeds {
  bool kvm = false;             // KVM's ioctls
  bool tap = false;             // a tap interface's ioctls
  bool user_network = false;    // new sockets, and reading /etc/resolv.conf again when it changes
  bool store_client = false;    // new TCP connections, and counting what a cache holds
  bool remote_devices = false;  // new TCP connections
  bool page_supply = false;     // to put pages into guest memory that are touched first
  bool opens_disks = false;     // opening files, and rings for them
  bool named_sockets = false;   // to remove the socket files that consoles made
};

// From here on a system call outside the filter ends the process by SIGSYS, with the terminal put
// back and a line that names the call. Holds for every thread there is and for those to come, and
// can not be undone. Any thread.
Result<> enter_sandbox(const SandboxNeeds& needs);

// Whether this kernel can do it for all threads at once; the error says what is missing.
Result<> probe_sandbox();

}  // namespace orrery::vmm
