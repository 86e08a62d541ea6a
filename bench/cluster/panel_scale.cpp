// A registry of many: 1,000 platforms and 10,000 VMs, most of them running, in SQLite on the
// folder's disk; what the API takes to answer, request by request, while agents renew their leases.
//
//   panel_scale [FOLDER]    prints p50 and p99 in milliseconds
//
// In one thread, without a network.
#include <algorithm>
#include <chrono>
#include <filesystem>
#include <functional>
#include <random>
#include <string>
#include <vector>

#include "base/format.hpp"
#include "cluster/api/api.hpp"
#include "cluster/cluster_fixture.hpp"
#include "cluster/database/sqlite_database.hpp"
#include "cluster/registry/upkeep.hpp"

namespace orrery {
namespace {

constexpr unsigned kPlatforms = 1000;
constexpr unsigned kVms = 10'000;

using http::Method;

class Bench {
 public:
  explicit Bench(cluster::Database& database) : cluster_(database) {
    token_ = cluster_.users.create(testing::kRoot, "bench", cluster::Role::kAdministrator).value();
  }

  void fill() {
    for (unsigned i = 0; i < kPlatforms; ++i) cluster_.add_platform(format("p-{:04}", i));
    for (unsigned i = 0; i < kVms; ++i) {
      cluster_.add_vm(vm_name(i), {.platform = format("p-{:04}", i % kPlatforms)}, Bytes(256_MiB));
    }
  }
  // The last ones stay as they are.
  void start(unsigned count) {
    measure("start a VM, its platform given", count, [this, i = 0U]() mutable {
      ask(Method::kPost, format("/v1/vms/{}/start", vm_name(i++)));
    });
  }
  void report(unsigned count) {
    measure("an agent reports a VM as running", count, [this, i = 0U]() mutable {
      const std::string platform = format("p-{:04}", i % kPlatforms);
      (void)cluster_.vms.report(platform, {.vm = vm_name(i++), .epoch = 1}).value();
    });
  }
  void read() {
    measure("list, first 100", 200, [this] { ask(Method::kGet, "/v1/vms"); });
    measure("list, 1,000 at once", 100, [this] { ask(Method::kGet, "/v1/vms?limit=1000"); });
    measure("list what one platform owns", 100,
            [this] { ask(Method::kGet, "/v1/vms?platform=p-0500"); });
    measure("show a VM", 2000, [this] {
      ask(Method::kGet, "/v1/vms/" + vm_name(static_cast<unsigned>(random_() % kVms)));
    });
    measure("renew a lease", 2000, [this] {
      (void)cluster_.platforms.renew(format("p-{:04}", random_() % kPlatforms)).value();
    });
    measure("start a VM anywhere, and stop it", 50, [this, i = 0U]() mutable {
      const std::string name = format("any-{}", i++);
      cluster_.add_vm(name);
      ask(Method::kPost, format("/v1/vms/{}/start", name));
      const cluster::Vm vm = cluster_.vm(name);
      (void)cluster_.vms.report(vm.owner, {.vm = name, .epoch = 1, .ended = true}).value();
    });
    measure("upkeep, every second", 20,
            [this] { (void)cluster::look_after(cluster_.registry).value(); });
  }

 private:
  static std::string vm_name(unsigned number) { return format("vm-{:05}", number); }

  void ask(Method method, const std::string& target) {
    http::Request request;
    request.method = method;
    const std::size_t mark = std::min(target.size(), target.find('?'));
    request.path = target.substr(0, mark);
    const std::size_t equals = target.find('=');
    if (mark != target.size()) {
      request.query = {{target.substr(mark + 1, equals - mark - 1), target.substr(equals + 1)}};
    }
    request.headers = {{"Authorization", "Bearer " + token_}};
    const http::Reply reply = api_.reply_to(request);
    if (reply.status / 100 != 2) fmt::print("{}: {}\n", target, reply.status);
  }

  static void measure(const char* what, unsigned count, const std::function<void()>& work) {
    std::vector<double> times;
    for (unsigned i = 0; i < count; ++i) {
      const auto begin = std::chrono::steady_clock::now();
      work();
      const std::chrono::duration<double, std::milli> time =
          std::chrono::steady_clock::now() - begin;
      times.push_back(time.count());
    }
    std::ranges::sort(times);
    fmt::print("{:<36} p50 {:8.3f} ms   p99 {:8.3f} ms   ({} times)\n", what, times[count / 2],
               times[count * 99 / 100], count);
  }

  testing::Cluster cluster_;
  cluster::api::Api api_{cluster_.registry, [](const cluster::VmOptions&) {
                           return Result<cluster::Resources>(cluster::Resources{});
                         }};
  std::string token_;
  std::mt19937_64 random_{1};
};

int run(const std::string& folder) {
  const std::string path = folder + "/panel_scale.db";
  for (const char* const end : {"", "-wal", "-shm"}) std::filesystem::remove(path + end);
  const auto database = cluster::SqliteDatabase::open(path);
  if (!database) {
    fmt::print(stderr, "panel_scale: {}\n", database.error().message());
    return 1;
  }
  Bench bench(**database);
  bench.fill();
  bench.start(kVms - 1000);
  bench.report(kVms - 1000);
  bench.read();
  fmt::print("database: {} MiB\n", std::filesystem::file_size(path) >> 20);
  std::filesystem::remove(path);
  return 0;
}

}  // namespace
}  // namespace orrery

int main(int argc, char** argv) {
  return orrery::run(argc > 1 ? argv[1] : "/tmp");
}
