#include "base/units.hpp"
#include "cluster/api/api.hpp"
#include "cluster/api/handlers.hpp"
#include "cluster/api/views.hpp"
#include "cluster/registry/keys.hpp"

namespace orrery::cluster::api {

// By revisions, so that whoever goes on from the last one misses none, whichever panel wrote it.
Outcome<Output> list_events(const Api& api, const Input& input) {
  ORRERY_TRY(const std::size_t limit, limit_of(input));
  const auto after = parse_number(input.request.parameter("after").value_or("0"), 0, INT64_MAX);
  if (!after) {
    return refuse(Refusal::Kind::kInvalid, "after: " + after.error().message());
  }
  ORRERY_TRY(const auto records,
             api.registry().database().list_changed(keys::kEvents, Revision(*after), limit));
  Json items = Json::array();
  for (const Record& record : records) items.push_back(view_of(record));
  Json next;
  if (records.size() >= limit) next = records.back().revision.value();
  return Output{.body = {{"items", std::move(items)}, {"next", std::move(next)}}};
}

Result<Events> events_since(const Registry& registry, Revision since, std::size_t limit) {
  ORRERY_TRY(const auto records, registry.database().list_changed(keys::kEvents, since, limit));
  Events events{.texts = {}, .last = since};
  for (const Record& record : records) {
    events.texts.push_back(to_text(view_of(record)));
    events.last = record.revision;
  }
  return events;
}

Outcome<Output> list_audit(const Api& api, const Input& input) {
  return page_of(api, input, keys::kAudit, [](const Record& record) -> std::optional<Json> {
    Json json = parse_object(record.value);
    json["time"] = time_text(field(json, "time", std::int64_t{0}));
    return json;
  });
}

}  // namespace orrery::cluster::api
