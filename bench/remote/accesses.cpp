// Reads of a register of a device that is elsewhere, one after the other, as a vCPU makes them:
//
//   remote_accesses NAME HOST PORT CERTIFICATE REGION OFFSET COUNT
//
// Prints microseconds for each. `remote_reads ping` has what the network takes by itself.
#include <chrono>
#include <cstdlib>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "base/format.hpp"
#include "remote/client/remote_models.hpp"
#include "support/fake_host.hpp"

namespace orrery {
namespace {

double read_again_and_again(remote::RemoteDevice& device, std::mutex& lock, unsigned region,
                            std::uint64_t offset, std::uint64_t count) {
  const auto since = std::chrono::steady_clock::now();
  for (std::uint64_t n = 0; n < count; ++n) {
    const std::lock_guard guard(lock);
    static_cast<void>(device.read(region, offset, Width::k8));
  }
  const std::chrono::duration<double, std::micro> time = std::chrono::steady_clock::now() - since;
  return time.count() / static_cast<double>(count);
}

Result<double> measure(const std::vector<std::string>& words) {
  if (words.size() != 7) {
    return fail("usage: remote_accesses NAME HOST PORT CERTIFICATE REGION OFFSET COUNT");
  }
  const auto number = [&](std::size_t index) {
    return std::strtoull(words[index].c_str(), nullptr, 10);
  };
  ORRERY_TRY(const auto loop, EventLoop::create());
  ORRERY_TRY(auto credentials, remote::tls::Credentials::load(words[3]));
  ORRERY_TRY(TcpServer server, find_tcp_server(words[1], words[2]));
  testing::FakeHost host;
  remote::RemoteModels models(*loop, {.credentials = std::move(credentials), .vm = {}});
  ORRERY_TRY(auto opened, models.open(words[0], {{words[1], std::move(server)}}));
  auto* const device = std::get_if<std::unique_ptr<remote::RemoteDevice>>(&opened);
  if (device == nullptr) return fail(words[0] + " has no registers");
  (*device)->attach(host);
  std::thread connections([&] { loop->run(); });
  const double each = read_again_and_again(**device, host.device_lock(),
                                           static_cast<unsigned>(number(4)), number(5), number(6));
  loop->stop();
  connections.join();
  models.close();
  return each;
}

}  // namespace
}  // namespace orrery

int main(int argc, char** argv) {
  const auto each = orrery::measure({argv + 1, argv + argc});
  if (!each) {
    fmt::print(stderr, "remote_accesses: {}\n", each.error().message());
    return 1;
  }
  fmt::print("{:.2f}\n", *each);
  return 0;
}
