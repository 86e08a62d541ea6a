// What is shown of records. Private to cluster/api/.
#pragma once

#include <functional>
#include <string>

#include "cluster/api/routes.hpp"
#include "cluster/registry/users.hpp"

namespace orrery::cluster::api {

// Nanoseconds since 1970 as RFC 3339 has it: "2026-11-27T20:45:01.123Z".
std::string time_text(std::int64_t time);

Json view_of(const Stored<Vm>& vm);
Json view_of(const Stored<Platform>& platform);
Json view_of(const Record& event);  // of the log of events

// Whether a record belongs to the page, and what it shows there.
using View = std::function<std::optional<Json>(const Record& record)>;
// The page of PREFIX's records that INPUT's query asks for, each as VIEW makes it.
Outcome<Output> page_of(const Api& api, const Input& input, const std::string& prefix,
                        const View& view);
// The same where a record shows several, in a list; a page may then have a few more than its limit.
using Views = std::function<Json(const Record& record)>;
Outcome<Output> page_of_several(const Api& api, const Input& input, const std::string& prefix,
                                const Views& views);
// The query's `limit`.
Outcome<std::size_t> limit_of(const Input& input);

}  // namespace orrery::cluster::api
