// virtio-blk (virtio 1.2, 5.2): a disk over port::Blocks, with one or several queues.
//
// Requests are asynchronous and may complete in any order; there are as many in flight as the
// driver's queues hold.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "device/virtio/block/registers.hpp"
#include "device/virtio/block/request.hpp"
#include "device/virtio/core.hpp"
#include "device/virtio/model.hpp"
#include "port/blocks.hpp"

namespace orrery::device::virtio {

struct BlockOptions {
  unsigned queues = 1;
  std::uint16_t queue_size = 256;  // a power of two
};

class Block final : public Model {
 public:
  // The port must outlive the device, and be drained before the device goes.
  Block(port::Blocks& port, const BlockOptions& options);

  std::string_view name() const override { return "virtio-blk"; }
  DeviceType type() const override { return DeviceType::kBlock; }
  Features features() const override { return features_; }
  unsigned queue_count() const override { return options_.queues; }
  std::uint16_t queue_size(unsigned /*index*/) const override { return options_.queue_size; }
  ByteSpan config() override { return as_bytes(&config_, sizeof config_); }
  void write_config(std::uint64_t offset, Width width, std::uint64_t value) override;

  void attach(Core& core) override { core_ = &core; }
  void start(Features chosen) override;
  void process(unsigned queue) override;
  bool works_at_once() const override { return reads_at_once_ && in_flight_ == 0; }
  bool stop() override;
  State save() const override;
  State settings() const override;
  void adopt_settings(const State& settings, Features chosen) override;
  void restore(const State& state, Features chosen) override;

 private:
  BlockJob& acquire(unsigned queue);
  void release(BlockJob& job);

  Taken take(unsigned index, Virtqueue& queue);
  bool begin(BlockJob& job);
  void start_again(BlockJob& job);
  void transfer(BlockJob& job, std::uint64_t sector);
  void flush(BlockJob& job);
  void get_id(BlockJob& job);
  void discard(BlockJob& job);
  bool check_range(const block::Range& range) const;
  bool in_disk(std::uint64_t sector, std::uint64_t bytes) const;

  bool read_at_once(const port::BlockRequest& request);
  void submit(BlockJob& job, port::BlockRequest request);
  void completed(BlockJob& job, const Result<>& result);
  void finish(BlockJob& job, block::Status status);
  bool write_through() const;

  port::Blocks& port_;
  BlockOptions options_;
  block::Config config_{};
  Features features_ = 0;
  Core* core_ = nullptr;
  std::vector<std::unique_ptr<BlockJob>> jobs_;
  std::vector<BlockJob*> free_;
  unsigned in_flight_ = 0;          // jobs that a port works on
  bool reads_at_once_ = true;       // the last read that was tried was done so
  std::uint64_t at_once_left_ = 0;  // bytes that may be read at once in this visit to a queue
  std::vector<block::Range> ranges_;
};

}  // namespace orrery::device::virtio
