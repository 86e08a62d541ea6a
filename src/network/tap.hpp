// A tap interface of the host (Linux: Documentation/networking/tuntap.rst): frames as the host's
// bridge or routing sees them, with checksum and segmentation left to whoever does it best.
#pragma once

#include <memory>
#include <string>

#include "base/error.hpp"
#include "base/loop/event_loop.hpp"
#include "port/frames.hpp"

namespace orrery::network {

// Attaches to the tap interface NAME. Without privilege it has to exist and belong to the user:
// `ip tuntap add NAME mode tap user $USER`.
Result<std::unique_ptr<port::Frames>> open_tap(EventLoop& loop, const std::string& name);

}  // namespace orrery::network
