// How a connection changes from HTTP to WebSocket (RFC 6455, section 4).
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "http/reply.hpp"
#include "http/request.hpp"
#include "http/web_socket/web_socket.hpp"

namespace orrery::http {

// What a server answers to KEY: "dGhlIHNhbXBsZSBub25jZQ==" gives "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=".
std::string accept_key(std::string_view key);

// The subprotocols that a client offers, in its order.
std::vector<std::string_view> offered_protocols(const Request& request);

// The reply to a request with `upgrade`, after which SPEAK has the connection; an error's reply to
// any other. PROTOCOL: the subprotocol that is chosen where it is offered.
Reply upgrade_reply(const Request& request, std::function<Task<Result<>>(WebSocket& socket)> speak,
                    std::string_view protocol = {});

}  // namespace orrery::http
