#include "vmm/gdb/gdb_server.hpp"

#include <array>

#include "base/bytes.hpp"
#include "base/log.hpp"

namespace orrery::vmm::gdb {

GdbServer::GdbServer(EventLoop& loop, machine::Machine& machine)
    : target_(loop, machine,
              [this](VcpuId id, const hypervisor::DebugTrap& trap) { session_.trapped(id, trap); }),
      session_(target_, [this](std::string_view bytes) { send(bytes); }) {}

Result<std::unique_ptr<GdbServer>> GdbServer::create(EventLoop& loop, machine::Machine& machine,
                                                     const std::string& address, bool wait) {
  std::unique_ptr<GdbServer> server(new GdbServer(loop, machine));
  auto stream = SocketConsole::create(loop, "tcp:" + address);
  if (!stream) return fail(stream.error().context("--gdb " + address));
  server->stream_ = std::move(*stream);
  server->stream_->set_callbacks([raw = server.get()] { raw->serve(); },
                                 [raw = server.get()] { raw->flush(); });
  server->stream_->on_hang_up([raw = server.get()] {
    raw->unsent_.clear();
    raw->session_.disconnected();
  });
  if (wait) server->target_.stop();
  log::info("gdb: target remote {}", address);
  return server;
}

void GdbServer::serve() {
  std::array<std::byte, 4096> bytes;
  while (const std::size_t count = stream_->read(bytes)) {
    session_.receive({reinterpret_cast<const char*>(bytes.data()), count});
  }
}

void GdbServer::send(std::string_view bytes) {
  unsent_ += bytes;
  flush();
}

void GdbServer::flush() {
  const std::size_t taken = stream_->write(as_bytes(unsent_.data(), unsent_.size()));
  unsent_.erase(0, taken);
}

void GdbServer::finish() {
  session_.ended();
  stream_->drain();
}

}  // namespace orrery::vmm::gdb
