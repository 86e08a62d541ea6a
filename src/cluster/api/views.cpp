#include "cluster/api/views.hpp"

#include <ctime>

#include <fmt/chrono.h>

#include "base/format.hpp"
#include "base/units.hpp"
#include "cluster/api/api.hpp"
#include "cluster/registry/keys.hpp"

namespace orrery::cluster::api {
namespace {

constexpr std::size_t kMostInPage = 1000;

// A record's time field becomes text.
void show_time(Json& json, const char* name) {
  json[name] = time_text(field(json, name, std::int64_t{0}));
}

}  // namespace

std::string time_text(std::int64_t time) {
  constexpr std::int64_t kMillisecond = 1'000'000;
  const auto seconds = static_cast<std::time_t>(time / kTicksPerSecond.value());
  const std::int64_t rest = time % kTicksPerSecond.value() / kMillisecond;
  return format("{:%Y-%m-%dT%H:%M:%S}.{:03}Z", fmt::gmtime(seconds), rest);
}

Json view_of(const Stored<Vm>& vm) {
  Json json = to_json(vm.value);
  json.erase("not_before");
  if (vm->running_since == 0)
    json["running_since"] = "";
  else
    show_time(json, "running_since");
  json["revision"] = vm.revision.value();
  show_time(json, "created");
  return json;
}

Json view_of(const Stored<Platform>& platform) {
  Json json = to_json(platform.value);
  json.erase("credential");
  json["revision"] = platform.revision.value();
  show_time(json, "joined");
  return json;
}

Json view_of(const Record& event) {
  Json json = parse_object(event.value);
  json["revision"] = event.revision.value();
  show_time(json, "time");
  return json;
}

Outcome<std::size_t> limit_of(const Input& input) {
  constexpr std::size_t kUsual = 100;
  const auto given = input.request.parameter("limit");
  if (!given) return kUsual;
  const auto limit = parse_number(*given, 1, kMostInPage);
  if (!limit) return refuse(Refusal::Kind::kInvalid, "limit: " + limit.error().message());
  return *limit;
}

Outcome<Output> page_of(const Api& api, const Input& input, const std::string& prefix,
                        const View& view) {
  return page_of_several(api, input, prefix, [&](const Record& record) {
    auto shown = view(record);
    Json all = Json::array();
    if (shown) all.push_back(std::move(*shown));
    return all;
  });
}

Outcome<Output> page_of_several(const Api& api, const Input& input, const std::string& prefix,
                                const Views& views) {
  ORRERY_TRY(const std::size_t limit, limit_of(input));
  std::string after(input.request.parameter("after").value_or(""));
  if (!after.empty()) after.insert(0, prefix);
  Json items = Json::array();
  while (true) {
    // One more than is shown says whether there is a next page.
    ORRERY_TRY(const auto records, api.registry().database().list(prefix, after, kMostInPage + 1));
    for (const Record& record : records) {
      Json shown = views(record);
      if (!shown.empty() && items.size() >= limit) {
        return Output{.body = {{"items", items}, {"next", after.substr(prefix.size())}}};
      }
      for (Json& each : shown) items.push_back(std::move(each));
      after = record.key;
    }
    if (records.size() <= kMostInPage) break;
  }
  return Output{.body = {{"items", std::move(items)}, {"next", nullptr}}};
}

}  // namespace orrery::cluster::api
