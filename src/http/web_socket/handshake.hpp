// How a connection changes from HTTP to WebSocket (RFC 6455, section 4).
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "http/reply.hpp"
#include "http/request.hpp"
#include "http/web_socket/web_socket.hpp"

namespace orrery::http {

// What a server answers to KEY: "dGhlIHNhbXBsZSBub25jZQ==" gives "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=".
std::string accept_key(std::string_view key);

// The reply to a request with `upgrade`, after which SPEAK has the connection; an error's reply to
// any other.
Reply upgrade_reply(const Request& request, std::function<Task<Result<>>(WebSocket& socket)> speak);

}  // namespace orrery::http
