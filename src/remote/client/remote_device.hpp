// A device with registers that is on a server: in the VMM it has its place on the bus and its
// interrupt lines, and each access goes out as a packet.
//
// The vCPU that accesses it waits for the answer, with the device's lock released, unless the
// device lets it go on after a write there. Answers come by the connection's loop, which no vCPU's
// thread runs and which takes the device's lock for moments only; so interrupts and other vCPUs'
// accesses go on meanwhile.
//
// What the server has not answered is kept, in order. With the settings that came last it is what
// another server needs to go on: each access counts there once.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "device/device.hpp"
#include "device/host.hpp"
#include "remote/client/remote_part.hpp"

namespace orrery::remote {

class RemoteDevice final : public device::Device, public RemotePart {
 public:
  RemoteDevice(ToServer& server, std::string name, std::uint16_t number, Description description);

  // Before anything else: the place in the machine, which outlives the device.
  void attach(device::Host& host);
  const std::string& model() const { return description_.model; }

  // A write that nobody waits for, whatever the device says; not by a vCPU.
  void post_write(unsigned region, std::uint64_t offset, Width width, std::uint64_t value);

  // Whoever waits gets all ones, and so does whoever comes, until reset(). Any thread; with the
  // locks of other devices at most.
  void stop_waiting();

  // ---- device::Device ----

  std::string_view name() const override { return description_.model; }
  std::uint64_t read(unsigned region, std::uint64_t offset, Width width) override;
  void write(unsigned region, std::uint64_t offset, Width width, std::uint64_t value) override;
  void reset() override;
  device::State save() const override;
  Result<> restore(const device::State& state) override;

  // ---- RemotePart ----

  DeviceId device() const override { return description_.device; }
  using RemotePart::take;
  void take(const Feedback& feedback) override;
  void take(const Interrupt& interrupt) override;
  void take(const Event& event) override;
  void go_on() override;
  void hold() override;
  void keep_settings(ByteSpan settings) override;
  void lost() override;
  Result<> found(ToServer& server, const Description& description) override;

 private:
  // What the server is asked, or told, in the order of tags.
  struct Access {
    enum class Kind : std::uint8_t { kRead, kWrite, kReset };
    enum class Stage : std::uint8_t { kWaiting, kSent, kAnswered };

    Kind kind = Kind::kRead;
    bool posted = false;
    bool left = false;  // by the vCPU, which waits no more
    Stage stage = Stage::kWaiting;
    std::uint16_t region = 0;
    std::uint64_t offset = 0;
    Width width = Width::k8;
    std::uint64_t value = 0;  // written, or read

    template <typename Archive, typename Self>
    static void fields(Archive& archive, Self& self) {
      archive("kind", self.kind);
      archive("posted", self.posted);
      archive("region", self.region);
      archive("offset", self.offset);
      archive("width", self.width);
      archive("value", self.value);
    }
    bool valid() const;
  };
  using Accesses = std::map<std::uint64_t, Access>;

  std::mutex& lock();
  bool may_post(std::uint16_t region, std::uint64_t offset) const;
  Accesses::iterator add(const Access& access);
  std::uint64_t wait_for(Accesses::iterator access);
  void send_waiting();
  void send(std::uint64_t tag, const Access& access);
  void begin();
  void take_settings(ByteSpan data);
  void forget_posted(std::uint64_t tag);
  void hold_settings(std::uint64_t tag, std::vector<std::byte>& settings);

  std::mutex own_lock_;  // before there is a host with the device's
  // Guarded by the device's lock, as all that is not const.
  ToServer* server_;
  Description description_;
  device::Host* host_ = nullptr;
  bool found_ = true;
  bool stopped_waiting_ = false;
  std::condition_variable answered_;
  std::uint64_t last_tag_;
  Accesses accesses_;
  std::size_t posted_ = 0;  // of accesses_

  // The device's state, as the server last said, and the last access that it includes. None: as at
  // its start.
  std::vector<std::byte> settings_;
  std::uint64_t settings_tag_;
  // Those that hold with the answer that has the tag, which follows.
  std::vector<std::byte> next_settings_;
  std::uint64_t next_settings_tag_ = 0;
};

}  // namespace orrery::remote
