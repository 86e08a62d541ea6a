// A disk with a gate: while it is held, requests wait in front of it and those under way finish. So
// a VM stands with its disks quiescent, and what is behind the gate may be looked at or changed. A
// port around a port.
#pragma once

#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "base/guarded.hpp"
#include "port/blocks.hpp"
#include "port/traffic.hpp"

namespace orrery::storage {

class GatedDisk final : public port::Blocks {
 public:
  explicit GatedDisk(std::unique_ptr<port::Blocks> disk)
      : disk_(std::move(disk)), geometry_(disk_->geometry()) {}

  const port::BlockGeometry& geometry() const override { return geometry_; }
  bool read_at_once(const port::BlockRequest& request) override;
  void submit(port::BlockRequest request, Completion completion) override;
  // These pass the gate at all times.
  void map(std::uint64_t offset, std::uint64_t length, MapCompletion completion) override;
  void resize(Bytes size, Completion completion) override;

  // ---- For the owner, on the loop's thread ----

  // Holds nest: requests wait until as many were released.
  void hold();
  void release();
  // Requests that wait are answered with an error, and so reach nothing; nor do those that come of
  // it while it is held.
  void refuse_waiting();
  // It is held, and no request is under way.
  bool quiescent();
  // Requests that passed the gate and have not completed.
  unsigned under_way();
  // Reads and writes that were carried out.
  port::Traffic traffic();
  // What is behind the gate; another disk of this geometry there, while this one is quiescent:
  // returns the one that was.
  port::Blocks& disk() { return *disk_; }
  std::unique_ptr<port::Blocks> replace(std::unique_ptr<port::Blocks> disk);
  // Called on the loop whenever a held disk comes to be quiescent; not within hold().
  void on_quiescent(port::Notify quiescent) { quiescent_ = std::move(quiescent); }

 private:
  struct Waiting {
    port::BlockRequest request;
    Completion completion;
  };
  struct Gate {
    unsigned holds = 0;
    unsigned under_way = 0;
    port::Traffic traffic;
    std::vector<Waiting> waiting;
  };

  void pass(Gate& gate, port::BlockRequest request, Completion completion);
  // What a request that was carried out adds.
  struct Work {
    port::BlockRequest::Kind kind;
    std::uint64_t length;
  };
  static void count(Gate& gate, Work work);
  void completed(std::optional<Work> work);

  std::unique_ptr<port::Blocks> disk_;
  port::BlockGeometry geometry_;  // as the guest knows it, whatever is behind the gate
  // Also held while the disk is called, whose calls come from one thread at a time (contract.hpp).
  Guarded<Gate> gate_;
  port::Notify quiescent_;
};

}  // namespace orrery::storage
