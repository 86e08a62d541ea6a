// 4 KiB reads of a disk that is elsewhere, some in flight at a time, and what the network takes by
// itself:
//
//   remote_reads device NAME HOST PORT CERTIFICATE DEPTH COUNT    a virtio disk of a device server
//   remote_reads stall NAME HOST PORT CERTIFICATE DEPTH COUNT PORT the same; it goes on at another
//   port remote_reads nbd HOST PORT DEPTH COUNT                        an NBD server's default
//   export remote_reads ping BYTES_THERE BYTES_BACK COUNT                bare TCP on this host, no
//   server
//
// Prints microseconds for each read; "stall": the longest time without an answer, in microseconds.
// The device has a driver and guest memory as in the tests, and does not follow routes; one
// thread waits for the network in each of them.
#include <bit>
#include <chrono>
#include <cstdlib>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>

#include "base/format.hpp"
#include "base/sockets/connecting_socket.hpp"
#include "base/sockets/listening_socket.hpp"
#include "device/virtio/block/registers.hpp"
#include "device/virtio/driver.hpp"
#include "device/virtio/transport/pci_transport.hpp"
#include "remote/client/remote_models.hpp"
#include "support/fake_host.hpp"

namespace orrery {
namespace {

constexpr std::uint32_t kSize = 4096;
constexpr std::uint64_t kSectors = (64_MiB) / 512;  // that are read

struct Load {
  unsigned depth = 1;
  std::uint64_t count = 0;
};

// The same places for everybody.
class Places {
 public:
  std::uint64_t next_sector() { return random_() % (kSectors / 8) * 8; }

 private:
  std::mt19937_64 random_{1};
};

// ---- A device server's disk ----

// A host whose work is the loop's, as a machine's is.
class LoopHost final : public testing::FakeHost {
 public:
  LoopHost(EventLoop& loop, std::function<void()> interrupt)
      : FakeHost(4 << 20), loop_(loop), interrupt_(std::move(interrupt)) {}

  void post(std::function<void()> work) override {
    loop_.post([this, work = std::move(work)] {
      const std::lock_guard lock(device_lock());
      work();
    });
  }
  void set_line(unsigned /*line*/, bool asserted) override {
    if (asserted) post(interrupt_);
  }

 private:
  EventLoop& loop_;
  std::function<void()> interrupt_;
};

class RemoteReads {
 public:
  RemoteReads(EventLoop& loop, std::unique_ptr<remote::RemoteModel> model, const Load& load)
      : loop_(loop),
        load_(load),
        host_(loop, [this] { interrupted(); }),
        device_(host_, std::move(model)) {}

  std::chrono::steady_clock::duration longest_gap() const { return longest_gap_; }

  void run() {
    last_ = std::chrono::steady_clock::now();
    for (unsigned slot = 0; slot < load_.depth; ++slot) start(slot);
    driver_.notify(0);
    loop_.run();
  }

  bool begin() { return driver_.start(0, 128); }

 private:
  static constexpr std::uint64_t kHeaders = 0x8'0000;
  static constexpr std::uint64_t kStatuses = 0x9'0000;
  static constexpr std::uint64_t kData = 0x10'0000;

  void start(unsigned slot) {
    if (started_++ >= load_.count) return;
    using namespace device::virtio::block;
    const std::uint64_t header = kHeaders + slot * 16;
    host_.store(header, RequestHeader{kIn, 0, places_.next_sector()});
    const std::uint16_t head = driver_.queue(0).add(
        {{header, 16}, {kData + slot * kSize, kSize, true}, {kStatuses + slot, 1, true}});
    if (slots_.size() <= head) slots_.resize(head + 1u);
    slots_[head] = slot;
  }

  void interrupted() {
    // Reading the ISR takes the interrupt back (virtio 1.2, 4.1.4.5).
    device_.read(device::virtio::kStructuresBar, device::virtio::kIsrStart, Width::k8);
    const auto now = std::chrono::steady_clock::now();
    longest_gap_ = std::max(longest_gap_, now - last_);
    last_ = now;
    while (const auto used = driver_.queue(0).take_used()) {
      const unsigned slot = slots_[used->id];
      if (host_.load<std::uint8_t>(kStatuses + slot) != 0) failed_ = true;
      if (++done_ == load_.count || failed_) return loop_.stop();
      start(slot);
    }
    driver_.notify(0);
  }

  EventLoop& loop_;
  const Load load_;
  Places places_;
  LoopHost host_;
  device::virtio::PciTransport device_;
  testing::Driver driver_{host_, device_};
  std::vector<unsigned> slots_;
  std::uint64_t started_ = 0;
  std::uint64_t done_ = 0;
  bool failed_ = false;
  std::chrono::steady_clock::time_point last_;
  std::chrono::steady_clock::duration longest_gap_{};
};

double microseconds_each(std::chrono::steady_clock::time_point since, std::uint64_t count) {
  const std::chrono::duration<double, std::micro> time = std::chrono::steady_clock::now() - since;
  return time.count() / static_cast<double>(count);
}

// OTHER_PORT: where it goes on, and the longest gap is the answer; empty: nowhere.
Result<double> read_device(const std::string& name, const std::string& host,
                           const std::string& port, const std::string& certificate,
                           const Load& load, const std::string& other_port) {
  ORRERY_TRY(const auto loop, EventLoop::create());
  ORRERY_TRY(auto credentials, remote::tls::Credentials::load(certificate));
  ORRERY_TRY(TcpServer found, find_tcp_server(host, port));
  remote::RemoteModels models(*loop, {.credentials = std::move(credentials),
                                      .vm = {},
                                      .routes = remote::RemoteModels::Options::Routes::kIgnore});
  std::vector<remote::RemoteModels::Place> places{{host, std::move(found)}};
  if (!other_port.empty()) {
    ORRERY_TRY(TcpServer other, find_tcp_server(host, other_port));
    places.push_back({host, std::move(other)});
  }
  double each = 0;
  {
    ORRERY_TRY(auto opened, models.open(name, places));
    auto model = std::move(std::get<std::unique_ptr<remote::RemoteModel>>(opened));
    RemoteReads reads(*loop, std::move(model), load);
    if (!reads.begin()) return fail("the device refuses its driver");
    const auto since = std::chrono::steady_clock::now();
    reads.run();
    each = microseconds_each(since, load.count);
    if (!other_port.empty()) {
      each = std::chrono::duration<double, std::micro>(reads.longest_gap()).count();
    }
    models.close();
  }
  return each;
}

// ---- Sockets that block ----

Result<FileDescriptor> connect_to(const std::string& host, const std::string& port) {
  ORRERY_TRY(const TcpServer found, find_tcp_server(host, port));
  ORRERY_TRY(FileDescriptor socket, begin_connecting(found));
  pollfd polled{socket.get(), POLLOUT, 0};
  ::poll(&polled, 1, 5000);
  ORRERY_CHECK(connection_error(socket.get()));
  ::fcntl(socket.get(), F_SETFL, 0);  // waits from here on
  return socket;
}

bool send_all(int socket, const void* from, std::size_t size) {
  return ::send(socket, from, size, MSG_NOSIGNAL) == static_cast<ssize_t>(size);
}

bool receive_all(int socket, void* to, std::size_t size) {
  return ::recv(socket, to, size, MSG_WAITALL) == static_cast<ssize_t>(size);
}

// ---- NBD (doc/proto.md of github.com/NetworkBlockDevice/nbd) ----

struct [[gnu::packed]] NbdRequest {
  std::uint32_t magic = std::byteswap(0x2560'9513u);
  std::uint16_t flags = 0;
  std::uint16_t type = 0;  // NBD_CMD_READ
  std::uint64_t handle = 0;
  std::uint64_t offset = 0;
  std::uint32_t length = std::byteswap(kSize);
};
struct [[gnu::packed]] NbdReply {
  std::uint32_t magic;
  std::uint32_t error;
  std::uint64_t handle;
  std::byte data[kSize];
};

// Up to the transmission phase, with the default export.
bool negotiate(int socket) {
  std::byte greeting[18];
  const std::uint32_t client_flags = std::byteswap(3u);  // fixed newstyle, no zeroes
  struct [[gnu::packed]] {
    std::uint64_t magic = std::byteswap(std::uint64_t{0x4948'4156'454f'5054});  // "IHAVEOPT"
    std::uint32_t option = std::byteswap(1u);                                   // EXPORT_NAME
    std::uint32_t length = 0;
  } option;
  std::byte size_and_flags[10];
  return receive_all(socket, greeting, sizeof greeting) &&
         send_all(socket, &client_flags, sizeof client_flags) &&
         send_all(socket, &option, sizeof option) &&
         receive_all(socket, size_and_flags, sizeof size_and_flags);
}

Result<double> read_nbd(const std::string& host, const std::string& port, const Load& load) {
  ORRERY_TRY(const FileDescriptor socket, connect_to(host, port));
  if (!negotiate(socket.get())) return fail("the NBD server has no default export");
  Places places;
  const auto ask = [&] {
    NbdRequest request;
    request.offset = std::byteswap(places.next_sector() * 512);
    return send_all(socket.get(), &request, sizeof request);
  };
  const auto since = std::chrono::steady_clock::now();
  for (unsigned n = 0; n < load.depth; ++n) {
    if (!ask()) return fail("the NBD server takes no requests");
  }
  NbdReply reply;
  for (std::uint64_t done = 0; done < load.count; ++done) {
    const bool more = done + load.depth < load.count;
    if (!receive_all(socket.get(), &reply, sizeof reply) || reply.error != 0 || (more && !ask())) {
      return fail("the NBD server does not answer");
    }
  }
  return microseconds_each(since, load.count);
}

// ---- Bare TCP ----

Result<double> ping(std::size_t there, std::size_t back, std::uint64_t count) {
  ORRERY_TRY(const FileDescriptor listener, listen_tcp("127.0.0.1:0", 1));
  ORRERY_TRY(const TcpAddress address, tcp_address(listener.get()));
  ORRERY_TRY(const FileDescriptor socket,
             connect_to("127.0.0.1", address.text.substr(address.text.rfind(':') + 1)));
  FileDescriptor peer = accept_client(listener.get());
  ::fcntl(peer.get(), F_SETFL, 0);
  std::thread echo([&] {
    std::vector<std::byte> bytes(std::max(there, back));
    while (receive_all(peer.get(), bytes.data(), there)) send_all(peer.get(), bytes.data(), back);
  });
  std::vector<std::byte> bytes(std::max(there, back));
  const auto since = std::chrono::steady_clock::now();
  for (std::uint64_t n = 0; n < count; ++n) {
    send_all(socket.get(), bytes.data(), there);
    receive_all(socket.get(), bytes.data(), back);
  }
  const double each = microseconds_each(since, count);
  ::shutdown(socket.get(), SHUT_RDWR);
  echo.join();
  return each;
}

Result<double> measure(const std::vector<std::string>& words) {
  const auto number = [&](std::size_t index) {
    return std::strtoull(words[index].c_str(), nullptr, 10);
  };
  const auto load = [&](std::size_t depth) {
    return Load{static_cast<unsigned>(number(depth)), number(depth + 1)};
  };
  if (words.size() == 7 && words[0] == "device") {
    return read_device(words[1], words[2], words[3], words[4], load(5), "");
  }
  if (words.size() == 8 && words[0] == "stall") {
    return read_device(words[1], words[2], words[3], words[4], load(5), words[7]);
  }
  if (words.size() == 5 && words[0] == "nbd") return read_nbd(words[1], words[2], load(3));
  if (words.size() == 4 && words[0] == "ping") return ping(number(1), number(2), number(3));
  return fail(
      "usage: remote_reads device NAME HOST PORT CERTIFICATE DEPTH COUNT | stall NAME HOST PORT "
      "CERTIFICATE DEPTH COUNT PORT | nbd HOST PORT DEPTH COUNT | ping BYTES_THERE BYTES_BACK "
      "COUNT");
}

}  // namespace
}  // namespace orrery

int main(int argc, char** argv) {
  const auto each = orrery::measure({argv + 1, argv + argc});
  if (!each) {
    fmt::print(stderr, "remote_reads: {}\n", each.error().message());
    return 1;
  }
  fmt::print("{:.2f}\n", *each);
  return 0;
}
