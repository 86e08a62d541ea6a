// One conversation with GDB: packets in, packets out (GDB manual, appendix E "GDB Remote Serial
// Protocol"), in all-stop mode. Threads are vCPUs: thread N + 1 is vCPU N.
//
// All on one thread.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "hypervisor/exit.hpp"
#include "vmm/gdb/packets.hpp"
#include "vmm/gdb/target.hpp"

namespace orrery::vmm::gdb {

class Session {
 public:
  // SEND takes what goes to GDB, whole packets and acknowledgements. Both outlive the session.
  Session(Target& target, std::function<void(std::string_view)> send);

  // Bytes from GDB. The first stops the target; it goes on when GDB says so.
  void receive(std::string_view bytes);

  // A vCPU came to a stop that was asked for. Where all stand already, it is told when the others
  // would go on.
  void trapped(VcpuId id, const hypervisor::DebugTrap& trap);

  // GDB has gone: without stops, the target goes on.
  void disconnected();

  // The machine has ended by itself.
  void ended();

 private:
  struct Stop {
    VcpuId vcpu{0};
    std::optional<hypervisor::DebugTrap> trap;  // nothing: GDB interrupted
  };
  // As Z and z packets number them.
  enum class StopKind : std::uint8_t { kSoftware, kHardware, kWrite, kRead, kAccess };
  struct StopPoint {
    StopKind kind;
    std::uint64_t address;
    std::uint32_t length;
    friend bool operator==(const StopPoint&, const StopPoint&) = default;
  };
  using Reply = std::optional<std::string>;  // nothing: the answer comes when something stops

  void arrive(const Arrival& arrival);
  void reply(std::string_view data);
  Reply execute(std::string_view packet);
  Reply execute_query(std::string_view query);
  Reply execute_set(std::string_view setting);
  Reply execute_long(std::string_view command);

  std::string features(std::string_view offered);
  std::string target_part(std::string_view request) const;
  std::string threads() const;
  std::string about_thread(std::string_view id);
  std::string monitor(std::string_view hexadecimal);
  std::string select_thread(std::string_view arguments);
  std::string all_registers();
  std::string set_all_registers(std::string_view hexadecimal);
  std::string one_register(std::string_view number);
  std::string set_one_register(std::string_view assignment);
  std::string read_memory(std::string_view arguments);
  std::string write_memory(std::string_view arguments, bool hexadecimal);
  std::string change_stop(std::string_view arguments, bool insert);

  Reply resume_simply(std::string_view arguments, Go go);
  Reply resume_each(std::string_view actions);
  Reply resume(const std::vector<Go>& vcpus);
  bool still_wanted(const Stop& stop) const;
  hypervisor::DebugRequest request() const;
  std::string stop_reply() const;

  std::optional<VcpuId> vcpu_of_thread(std::string_view& text) const;

  Target& target_;
  std::function<void(std::string_view)> send_;
  PacketReader reader_;
  std::string last_reply_;  // to be sent again after '-'
  bool acknowledges_ = true;
  bool tells_breakpoints_ = false;  // GDB knows swbreak and hwbreak
  bool connected_ = false;
  bool running_ = false;
  VcpuId selected_{0};
  Stop stop_;
  std::vector<Stop> waiting_;  // trapped while another was told
  std::vector<StopPoint> stops_;
};

}  // namespace orrery::vmm::gdb
