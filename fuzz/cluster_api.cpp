// Fuzzes the control panel's API: bytes of a client, as every role, to a registry in memory. What
// comes back has to be whole answers; no secret is among them, and what was not there before is so
// for a reason.
#include <algorithm>
#include <array>
#include <string>
#include <string_view>

#include "base/assert.hpp"
#include "base/log.hpp"
#include "base/sockets/scripted_stream.hpp"
#include "cluster/api/api.hpp"
#include "cluster/cluster_fixture.hpp"
#include "http/session.hpp"

namespace orrery::fuzz {
namespace {

// Answers at once, on the loop: there is no disk to wait for.
class Handler final : public http::Handler {
 public:
  explicit Handler(const cluster::api::Api& api) : api_(api) {}
  Task<http::Reply> reply_to(const http::Request& request) override {
    co_return api_.reply_to(request);
  }

 private:
  const cluster::api::Api& api_;
};

// One of each role, a platform and two VMs; each input finds them so.
struct World {
  World() {
    log::set_level(log::Level::kError);
    for (const cluster::KnownRole& known : cluster::kRoles) {
      if (known.role == cluster::Role::kHost) continue;
      tokens[static_cast<std::size_t>(known.role)] =
          cluster.users.create(testing::kRoot, std::string(known.name), known.role).value();
    }
    tokens[static_cast<std::size_t>(cluster::Role::kHost)] = "secret-p";
    cluster.add_platform("p");
    cluster.add_vm("a");
    cluster.add_vm("b");
    ORRERY_ASSERT(cluster.vms.start(testing::kRoot, "b").has_value());
  }

  cluster::MemoryDatabase database;
  testing::Cluster cluster{database};
  cluster::api::Api api{cluster.registry, [](const cluster::VmOptions&) {
                          return Result<cluster::Resources>(cluster::Resources{});
                        }};
  Handler handler{api};
  std::array<std::string, cluster::kRoles.size()> tokens;
};

EventLoop& loop() {
  static const std::unique_ptr<EventLoop> kLoop = EventLoop::create().value();
  return *kLoop;
}

WorkerPool& workers() {
  static WorkerPool pool(1);
  return pool;
}

// Only an administrator's answer has a token, and only a new one.
void check_answers(const World& world, ByteSpan received) {
  const std::string_view text(reinterpret_cast<const char*>(received.data()), received.size());
  ORRERY_ASSERT(text.empty() || text.starts_with("HTTP/1.1 "));
  for (const std::string& token : world.tokens) {
    ORRERY_ASSERT(text.find(token) == std::string_view::npos);
    ORRERY_ASSERT(text.find(cluster::digest_of(token)) == std::string_view::npos);
  }
}

}  // namespace
}  // namespace orrery::fuzz

// The first byte says whose token stands for the byte 01h in the rest, the second how much comes at
// once.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace orrery;
  if (size < 2) return 0;
  fuzz::World world;
  http::Limits limits;
  limits.body = cluster::api::kMostBody;
  std::string text;
  for (const char each : std::string_view(reinterpret_cast<const char*>(data + 2), size - 2)) {
    if (each == '\1') {
      text += world.tokens.at(data[0] % world.tokens.size());
    } else {
      text += each;
    }
  }
  testing::ScriptedStream stream;
  stream.most_at_once = data[1] == 0 ? SIZE_MAX : data[1];
  http::Session session({fuzz::loop(), world.handler, fuzz::workers(), limits}, stream);
  auto task = session.serve();
  task.start([] { fuzz::loop().stop(); });
  stream.give(as_bytes(text.data(), text.size()));
  stream.leave();
  while (!task.done()) fuzz::loop().run();
  fuzz::loop().poll();
  fuzz::check_answers(world, stream.received);
  return 0;
}
