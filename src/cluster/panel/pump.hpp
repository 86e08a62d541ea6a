// Two WebSockets that become one. Private to cluster/panel/; on the loop's thread.
#pragma once

#include "base/error.hpp"
#include "base/loop/task.hpp"
#include "http/web_socket/web_socket.hpp"

namespace orrery::cluster {

// Passes messages both ways until one of the two goes; then both do. Both outlive it.
Task<Result<>> join_sockets(http::WebSocket& one, http::WebSocket& other);

}  // namespace orrery::cluster
