// The API over a registry in memory: rights, bodies, pages, repetitions, and what it says of
// itself.
#include "cluster/api/api.hpp"

#include <set>

#include <gtest/gtest.h>

#include "base/format.hpp"
#include "cluster/cluster_fixture.hpp"
#include "cluster/registry/keys.hpp"
#include "support/format_page.hpp"

namespace orrery::cluster::api {
namespace {

using http::Method;
using testing::kRoot;

Result<Resources> check_options(const VmOptions& options) {
  if (!options.contains("kernel")) return fail("no kernel");
  return Resources{.memory = Bytes(1_GiB), .cpus = 1};
}

struct Answered {
  unsigned status = 0;
  std::string etag;
  std::string text;
  Json json;

  std::string error() const { return json["error"]["message"].get<std::string>(); }
};

class ApiTest : public ::testing::Test {
 protected:
  ApiTest() : cluster_(database_) {
    for (const KnownRole& known : kRoles) {
      if (known.role == Role::kHost) continue;
      tokens_[known.role] =
          cluster_.users.create(kRoot, std::string(known.name), known.role).value();
    }
    cluster_.add_platform("p");
    tokens_[Role::kHost] = "secret-p";
  }

  Answered ask(Method method, const std::string& path, const std::string& body = "",
               const http::Request::Pairs& more = {}, Role role = Role::kAdministrator) {
    http::Request request;
    request.method = method;
    const std::size_t mark = path.find('?');
    request.path = path.substr(0, mark);
    if (mark != std::string::npos) {
      const std::string query = path.substr(mark + 1);
      const std::size_t equals = query.find('=');
      request.query.emplace_back(query.substr(0, equals), query.substr(equals + 1));
    }
    request.headers = more;
    request.headers.emplace_back("authorization", "Bearer " + tokens_[role]);
    request.body = body;
    return answer(request);
  }
  Answered answer(const http::Request& request) {
    const http::Reply reply = api_.reply_to(request);
    Answered answered;
    answered.status = reply.status;
    answered.etag = reply.content.etag;
    answered.text.resize(reply.length);
    EXPECT_TRUE(reply.content.read(
        0, {reinterpret_cast<std::byte*>(answered.text.data()), answered.text.size()}));
    answered.json = Json::parse(answered.text, nullptr, false);
    return answered;
  }
  Answered make_vm(const std::string& name, const http::Request::Pairs& more = {}) {
    return ask(Method::kPost, "/v1/vms",
               format(R"({{"name": "{}", "options": {{"kernel": "vmlinuz"}}}})", name), more);
  }

  MemoryDatabase database_;
  testing::Cluster cluster_;
  Api api_{cluster_.registry, check_options};
  std::map<Role, std::string> tokens_;
};

TEST_F(ApiTest, AVmIsMadeStartedStoppedAndRemoved) {
  const Answered made = make_vm("a");
  EXPECT_EQ(made.status, 201u) << made.text;
  EXPECT_EQ(made.json["state"], "stopped");
  EXPECT_EQ(made.etag, format("\"{}\"", made.json["revision"].get<int>()));
  const Answered started = ask(Method::kPost, "/v1/vms/a/start");
  EXPECT_EQ(started.status, 200u) << started.text;
  EXPECT_EQ(started.json["state"], "starting");
  EXPECT_EQ(started.json["platform"], "p");
  EXPECT_EQ(ask(Method::kPost, "/v1/vms/a/stop", R"({"force": true})").json["desired"]["force"],
            true);
  EXPECT_EQ(ask(Method::kDelete, "/v1/vms/a").status, 409u);
  ASSERT_TRUE(cluster_.vms.report("p", {.vm = "a", .epoch = 1, .ended = true}));
  EXPECT_EQ(ask(Method::kGet, "/v1/vms/a").json["state"], "stopped");
  EXPECT_EQ(ask(Method::kDelete, "/v1/vms/a", "", {{"If-Match", made.etag}}).status, 412u);
  EXPECT_EQ(ask(Method::kDelete, "/v1/vms/a").status, 200u);
  EXPECT_EQ(ask(Method::kGet, "/v1/vms/a").status, 404u);
}

// Of every route, every role; what a role may not is in the audit log where it would change
// something.
TEST_F(ApiTest, EveryRoleHasItsRightsAndNoMore) {
  for (const Route& route : routes()) {
    std::string path(route.path);
    for (std::size_t at = 0; (at = path.find('{')) != std::string::npos;) {
      path.replace(at, path.find('}') - at + 1, "none");
    }
    for (const KnownRole& known : kRoles) {
      const std::size_t before = database_.list(keys::kAudit, "", SIZE_MAX)->size();
      const Answered answered = ask(route.method, path, "", {}, known.role);
      const bool refused = answered.status == 403;
      EXPECT_EQ(refused, !route.roles.contains(known.role)) << known.name << ' ' << route.path;
      EXPECT_NE(answered.status, 401u) << route.path << answered.text;
      const std::size_t after = database_.list(keys::kAudit, "", SIZE_MAX)->size();
      const std::size_t expected = refused && route.method != Method::kGet ? 1 : after - before;
      EXPECT_EQ(after - before, expected) << route.path;
    }
    http::Request stranger;
    stranger.method = route.method;
    stranger.path = path;
    stranger.headers = {{"Authorization", "Bearer wrong"}};
    const bool open = route.roles.bits == kEverybody.bits;
    EXPECT_EQ(answer(stranger).status == 401u, !open) << route.path;
  }
}

TEST_F(ApiTest, TellsWhatIsWrongWithARequest) {
  struct Case {
    Method method;
    const char* path;
    const char* body;
    unsigned status;
    const char* part;
  };
  for (const Case& c : {
           Case{Method::kGet, "/v1/nothing", "", 404, "GET /v1 tells"},
           Case{Method::kGet, "/v1/vms/", "", 404, "there is no"},
           Case{Method::kPost, "/v1/vms", "", 422, "no object"},
           Case{Method::kPost, "/v1/vms", "[1]", 422, "no object"},
           Case{Method::kPost, "/v1/vms", "{}", 422, "has no name"},
           Case{Method::kPost, "/v1/vms", R"({"name": 1, "options": {}})", 422, "name is a text"},
           Case{Method::kPost, "/v1/vms", R"({"name": "a", "options": {}})", 422, "no kernel"},
           Case{Method::kPost, "/v1/vms", R"({"name": "a", "options": {"kernel": 1}})", 422,
                "each is a text"},
           Case{Method::kPost, "/v1/vms", R"({"name": "a", "options": {"console": "pty"}})", 422,
                "the agent's"},
           Case{Method::kPost, "/v1/vms", R"({"name": "a", "options": {}, "x": 1})", 422, "no x"},
           Case{Method::kPost, "/v1/vms",
                R"({"name": "a", "options": {}, "placement": {"rack": 1}})", 422, "no wish"},
           Case{Method::kPost, "/v1/vms", R"({"name": "a", "options": {}, "restart": "always"})",
                422, "never or"},
           Case{Method::kGet, "/v1/vms?limit=0", "", 422, "limit"},
           Case{Method::kGet, "/v1/vms?colour=red", "", 422, "no colour"},
           Case{Method::kGet, "/v1/vms?state=happy", "", 422, "ever in this"},
           Case{Method::kPost, "/v1/users", R"({"name": "a", "role": "king"})", 422, "viewer"},
           Case{Method::kPost, "/v1/join-tokens", R"({"minutes": 0})", 422, "minutes"},
           Case{Method::kPost, "/v1/vms/none/start", "", 404, "no virtual machine none"},
       }) {
    const Answered answered = ask(c.method, c.path, c.body);
    EXPECT_EQ(answered.status, c.status) << c.path << c.body << answered.text;
    EXPECT_NE(answered.error().find(c.part), std::string::npos) << answered.text;
  }
  EXPECT_EQ(ask(Method::kPut, "/v1/users").status, 405u);
}

TEST_F(ApiTest, ListsComeInPages) {
  for (int i = 0; i < 7; ++i) make_vm(format("vm-{}", i));
  ASSERT_EQ(ask(Method::kPost, "/v1/vms/vm-3/start").status, 200u);
  std::vector<std::string> names;
  std::string after;
  for (int pages = 1;; ++pages) {
    http::Request request;
    request.path = "/v1/vms";
    request.query = {{"limit", "3"}, {"after", after}};
    request.headers = {{"Authorization", "Bearer " + tokens_[Role::kViewer]}};
    const Answered page = answer(request);
    for (const Json& each : page.json["items"]) names.push_back(each["name"]);
    if (page.json["next"].is_null()) {
      EXPECT_EQ(pages, 3);
      break;
    }
    after = page.json["next"];
  }
  EXPECT_EQ(names.size(), 7u);
  EXPECT_EQ(std::set<std::string>(names.begin(), names.end()).size(), 7u);
  const Answered started = ask(Method::kGet, "/v1/vms?state=starting");
  ASSERT_EQ(started.json["items"].size(), 1u);
  EXPECT_EQ(started.json["items"][0]["name"], "vm-3");
  EXPECT_EQ(ask(Method::kGet, "/v1/vms?platform=p").json["items"].size(), 1u);
}

TEST_F(ApiTest, ARepeatedRequestIsToldWhatTheFirstMade) {
  const http::Request::Pairs key{{"Idempotency-Key", "abc"}};
  EXPECT_EQ(make_vm("a", key).status, 201u);
  const Answered again = make_vm("a", key);
  EXPECT_EQ(again.status, 200u) << again.text;
  EXPECT_EQ(again.json["name"], "a");
  EXPECT_EQ(make_vm("b", key).status, 422u);
  const std::string user = R"({"name": "eve", "role": "viewer"})";
  const http::Request::Pairs other{{"Idempotency-Key", "def"}};
  EXPECT_EQ(ask(Method::kPost, "/v1/users", user, other).status, 201u);
  EXPECT_EQ(ask(Method::kPost, "/v1/users", user, other).status, 409u);
  EXPECT_EQ(make_vm("c", {{"Idempotency-Key", "a/b"}}).status, 422u);
}

// Browsers send no Authorization with a WebSocket; for whatever else, it is the only way.
TEST_F(ApiTest, AWebSocketMayHaveItsTokenAsAProtocol) {
  http::Request request;
  request.path = "/v1/events/stream";
  request.upgrade = true;
  const std::string token = tokens_[Role::kViewer];
  request.headers = {{"Sec-WebSocket-Protocol", "orrery.v1, orrery.token." + token}};
  const auto admitted = api_.admit(request);
  ASSERT_TRUE(admitted) << admitted.error().message;
  EXPECT_EQ(admitted->input.caller.name, "viewer");
  request.headers = {{"Sec-WebSocket-Protocol", "orrery.v1, orrery.token.wrong"}};
  EXPECT_FALSE(api_.admit(request));
  request.headers = {{"Sec-WebSocket-Protocol", "orrery.token." + token},
                     {"Authorization", "Bearer wrong"}};
  EXPECT_FALSE(api_.admit(request));
  request.headers = {{"Sec-WebSocket-Protocol", "orrery.token." + token}};
  request.upgrade = false;
  EXPECT_FALSE(api_.admit(request));
}

TEST(Api, HasItsOwnPaths) {
  for (const Route& route : routes()) EXPECT_TRUE(is_of_api(route.path)) << route.path;
  for (const char* const path : {"", "/", "/v", "/v11", "/assets/v1"}) {
    EXPECT_FALSE(is_of_api(path)) << path;
  }
}

TEST_F(ApiTest, EventsGoOnFromARevision) {
  make_vm("a");
  const Json first = ask(Method::kGet, "/v1/events").json["items"];
  EXPECT_EQ(first.back()["kind"], "created");
  EXPECT_EQ(first.back()["subject"], "vms/a");
  EXPECT_EQ(first.back()["by"], "administrator");
  make_vm("b");
  const Json rest =
      ask(Method::kGet, format("/v1/events?after={}", first.back()["revision"].get<int>()))
          .json["items"];
  ASSERT_EQ(rest.size(), 1u);
  EXPECT_EQ(rest[0]["subject"], "vms/b");
}

TEST_F(ApiTest, TheExampleOfItsPageIsTrue) {
  const std::string body =
      format_json_example("panel-api.md", "Example of a virtual machine to be made");
  Answered made = ask(Method::kPost, "/v1/vms", body);
  ASSERT_EQ(made.status, 201u) << made.text;
  made.json["id"] = made.json["revision"] = 0;
  EXPECT_EQ(made.json, Json::parse(format_json_example("panel-api.md", "Example of the answer"),
                                   nullptr, false));
}

// What the table says of an answer is what comes.
TEST_F(ApiTest, AnswersHaveTheFieldsOfTheirSchemas) {
  make_vm("a");
  const auto expect_fields = [&](const char* path, const Json& object) {
    const auto found = find_route(Method::kGet, path);
    ASSERT_TRUE(found.match) << path;
    std::set<std::string> expected;
    for (const Field& each : found.match->route->answer.fields) expected.emplace(each.name);
    std::set<std::string> fields;
    for (const auto& [name, value] : object.items()) fields.insert(name);
    EXPECT_EQ(fields, expected) << path;
  };
  for (const char* const path :
       {"/v1/vms", "/v1/platforms", "/v1/users", "/v1/events", "/v1/audit"}) {
    expect_fields(path, ask(Method::kGet, path).json["items"].at(0));
  }
  for (const char* const path : {"/v1/vms/a", "/v1/platforms/p", "/v1/me"}) {
    expect_fields(path, ask(Method::kGet, path).json);
  }
}

TEST_F(ApiTest, TheDocumentAndTheHelpHaveEveryRoute) {
  http::Request request;
  request.path = "/v1/openapi.json";
  const Json document = answer(request).json;
  request.path = "/v1";
  const std::string help = answer(request).text;
  EXPECT_EQ(document["openapi"], "3.1.0");
  std::size_t operations = 0;
  for (const auto& [path, methods] : document["paths"].items()) operations += methods.size();
  EXPECT_EQ(operations, routes().size());
  for (const Route& route : routes()) {
    EXPECT_TRUE(document["paths"].contains(std::string(route.path))) << route.path;
    EXPECT_NE(help.find(route.path), std::string::npos) << route.path;
    EXPECT_TRUE(document["components"]["schemas"].contains(std::string(route.answer.name)));
  }
}

TEST_F(ApiTest, NoAnswerTellsASecret) {
  make_vm("a");
  const std::string secret = digest_of("secret-p");
  for (const char* const path :
       {"/v1/vms", "/v1/platforms", "/v1/platforms/p", "/v1/users", "/v1/events", "/v1/audit"}) {
    const std::string text = ask(Method::kGet, path).text;
    EXPECT_EQ(text.find(secret), std::string::npos) << path;
    for (const auto& [role, token] : tokens_) {
      EXPECT_EQ(text.find(token), std::string::npos) << path;
      EXPECT_EQ(text.find(digest_of(token)), std::string::npos) << path;
    }
  }
}

}  // namespace
}  // namespace orrery::cluster::api
