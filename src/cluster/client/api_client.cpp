#include "cluster/client/api_client.hpp"

#include <random>

#include "base/format.hpp"
#include "base/loop/run_until_done.hpp"
#include "cluster/registry/fields.hpp"

namespace orrery::cluster {
namespace {

using http::Method;

std::string make_repeat_key() {
  std::random_device random;
  return format("{:08x}{:08x}{:08x}{:08x}", random(), random(), random(), random());
}

// What went wrong, in the panel's words.
std::string reason_in(const http::Answer& answer) {
  const Json body = parse_object(answer.text());
  const Json* const error = find_field(body, "error");
  const std::string message = error == nullptr ? "" : text_field(*error, "message");
  return message.empty() ? format("the panel answers with status {}", answer.status) : message;
}

}  // namespace

Result<ApiClient> ApiClient::create(EventLoop& loop, const Options& options) {
  auto panels = find_tcp_servers(options.panel);
  if (!panels) return fail(panels.error().context("--panel"));
  return ApiClient(loop, options,
                   std::make_unique<http::Client>(loop, std::move(*panels), http::Client::Times{}));
}

Result<Json> ApiClient::ask(Method method, const std::string& path, const Json& body) {
  http::Ask ask;
  ask.method = method;
  ask.target = path;
  ask.headers = {{"Authorization", "Bearer " + options_.token}};
  if (method != Method::kGet) ask.headers.emplace_back("Idempotency-Key", make_repeat_key());
  if (!body.is_null()) ask.body = to_text(body);
  Result<http::Answer> answer = run_until_done(*loop_, client_->ask(ask));
  if (!answer) answer = run_until_done(*loop_, client_->ask(ask));
  if (!answer) {
    return fail(answer.error().message() + "; is `orrery panel` running there (--panel)?");
  }
  if (answer->status / 100 != 2) return fail(reason_in(*answer));
  return Json::parse(answer->text(), nullptr, false);
}

Result<Json> ApiClient::get(const std::string& path) {
  return ask(Method::kGet, path, Json());
}

Result<Json> ApiClient::get_all(const std::string& path) {
  const std::string mark = path.find('?') == std::string::npos ? "?" : "&";
  Json all = Json::array();
  std::string after;
  while (true) {
    ORRERY_TRY(const Json page, get(format("{}{}limit=1000{}", path, mark, after)));
    const Json* const items = find_field(page, "items");
    if (items == nullptr || !items->is_array()) return fail("the panel's list is none");
    all.insert(all.end(), items->begin(), items->end());
    const std::string next = text_field(page, "next");
    if (next.empty()) return all;
    after = "&after=" + http::percent_encode(next);
  }
}

Result<std::unique_ptr<http::ClientSocket>> ApiClient::open(const std::string& path) {
  http::Ask ask;
  ask.target = path;
  ask.headers = {{"Authorization", "Bearer " + options_.token}};
  auto opened = run_until_done(*loop_, client_->open(std::move(ask)));
  if (opened) return opened;
  const std::string& text = opened.error().message();
  const std::size_t brace = text.find('{');
  const Json body = parse_object(brace == std::string::npos ? "" : text.substr(brace));
  const Json* const error = find_field(body, "error");
  return fail(error == nullptr ? text : text_field(*error, "message"));
}

}  // namespace orrery::cluster
