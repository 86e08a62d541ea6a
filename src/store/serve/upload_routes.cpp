#include "store/serve/upload_routes.hpp"

#include <array>
#include <charconv>

#include <nlohmann/json.hpp>

#include "base/format.hpp"

namespace orrery::store::serve {
namespace {

using http::Method;
using http::Reply;

constexpr std::string_view kUploads = "/uploads";

ByteSpan body_of(const http::Request& request) {
  return as_bytes(request.body.data(), request.body.size());
}

Reply refused(const Refusal& refusal) {
  Reply reply = http::error_reply(refusal.status, refusal.text);
  if (refusal.status == 401) reply.more = "WWW-Authenticate: Bearer\r\n";
  return reply;
}

Reply json_reply(unsigned status, const nlohmann::json& value) {
  return http::text_reply(status, "application/json", value.dump() + "\n");
}

Reply state_reply(unsigned status, const std::string& id, const UploadState& state) {
  return json_reply(
      status, {{"upload", id}, {"entries", state.entries()}, {"digest", to_hex(state.digest())}});
}

// "/uploads/ID/VERB/NUMBER", as much of it as there is.
struct Target {
  std::string id;
  std::string verb;
  std::string number;
};
Target target_of(std::string_view path) {
  Target target;
  path.remove_prefix(kUploads.size());
  for (std::string* const part : {&target.id, &target.verb, &target.number}) {
    if (!path.starts_with('/')) break;
    path.remove_prefix(1);
    *part = path.substr(0, path.find('/'));
    path.remove_prefix(part->size());
  }
  return target;
}

Reply begin(const http::Request& request, Uploads& uploads, const std::string& owner) {
  UploadWish wish;
  for (const auto& [name, value] : request.query) {
    if (name == "name") wish.name = value;
    if (name == "tag") wish.tags.push_back(value);
    if (name == "replace") wish.replace = value == "1";
  }
  const auto begun = uploads.begin(owner, std::move(wish));
  if (!begun) return refused(begun.error());
  return state_reply(201, begun->id, begun->upload->state());
}

// What one upload may be asked.
struct Asked {
  const http::Request& request;
  const Target& target;
  Uploads& uploads;
  Upload& upload;
};

Reply tell_state(const Asked& asked) {
  return state_reply(200, asked.target.id, asked.upload.state());
}

Reply tell_missing(const Asked& asked) {
  const auto bits = asked.upload.missing(body_of(asked.request));
  if (!bits) return refused(bits.error());
  return http::text_reply(200, "application/octet-stream",
                          {reinterpret_cast<const char*>(bits->data()), bits->size()});
}

Reply add_entries(const Asked& asked) {
  const std::string& text = asked.target.number;
  std::uint64_t first = 0;
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), first);
  if (parsed.ec != std::errc() || parsed.ptr != text.data() + text.size()) {
    return refused({400, "the number of the first entry belongs at the path's end"});
  }
  const auto state = asked.upload.add(first, body_of(asked.request));
  if (!state) return refused(state.error());
  return state_reply(200, asked.target.id, *state);
}

Reply publish(const Asked& asked) {
  const auto report = asked.upload.publish();
  // Taken or not: what is left of it is of no use, but where the name was there already.
  if (report || report.error().status == 500) asked.uploads.end(asked.target.id);
  if (!report) return refused(report.error());
  return json_reply(201, {{"size", report->size},
                          {"data", report->data},
                          {"segments", report->segments},
                          {"new_data", report->new_data},
                          {"new_segments", report->new_segments},
                          {"stored", report->stored}});
}

Reply give_up(const Asked& asked) {
  asked.uploads.end(asked.target.id);
  return json_reply(200, nlohmann::json::object());
}

struct Route {
  Method method;
  std::string_view verb;
  Reply (*reply)(const Asked& asked);
};
constexpr std::array kRoutes{
    Route{Method::kGet, "", tell_state},           Route{Method::kDelete, "", give_up},
    Route{Method::kPost, "missing", tell_missing}, Route{Method::kPut, "entries", add_entries},
    Route{Method::kPost, "publish", publish},
};

}  // namespace

bool is_upload_path(std::string_view path) {
  return path == kUploads || path.starts_with(std::string(kUploads) + "/");
}

Reply reply_to_upload(const http::Request& request, Uploads* uploads) {
  if (uploads == nullptr) {
    return refused({403,
                    "this server takes no images; who runs it may allow it with "
                    "`orrery store serve --upload-tokens`"});
  }
  const auto owner = uploads->authorize(request.header("Authorization"));
  if (!owner) return refused(owner.error());
  const Target target = target_of(request.path);
  if (target.id.empty()) {
    if (request.method == Method::kPost) return begin(request, *uploads, *owner);
    return refused({405, "an upload begins with POST"});
  }
  const auto upload = uploads->find(*owner, target.id);
  if (!upload) return refused(upload.error());
  for (const Route& route : kRoutes) {
    if (route.method != request.method || route.verb != target.verb) continue;
    return route.reply({request, target, *uploads, **upload});
  }
  return refused({405, "an upload has no such request"});
}

}  // namespace orrery::store::serve
