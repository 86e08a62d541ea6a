// Whether a request has what its route says, and nothing else. Private to cluster/api/.
#pragma once

#include "cluster/api/routes.hpp"

namespace orrery::cluster::api {

// The body's object; an empty one where the route takes none.
Outcome<Json> check_body(const Route& route, const http::Request& request);
Outcome<> check_query(const Route& route, const http::Request& request);

// "a text", "a whole number"
std::string_view description_of(Type type);
bool is_of(Type type, const Json& json);

}  // namespace orrery::cluster::api
