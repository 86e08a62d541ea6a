// What every port promises (seam 3). A port is what leaves and enters the machine; a backend
// implements one, and an interposer is a port around a port.
//
//  - A port call never blocks and never calls back before it has returned: answers come later, on
//  the I/O loop of the
//    VM (or of the device server). So a device may call a port while its own lock is held.
//  - Calls into one port come from one thread at a time (the device's lock serializes them).
//  - Callbacks are set once, before the first call, and are made on the I/O loop's thread.
#pragma once

#include <functional>

namespace orrery::port {

// A callback without arguments.
using Notify = std::function<void()>;

}  // namespace orrery::port
