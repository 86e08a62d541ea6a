// What every virtio device does, whatever its type and transport: initialization and its status
// (virtio 1.2, 3.1 and 2.1), features (2.2), queues, notifications in both directions, and failure
// into DEVICE_NEEDS_RESET.
//
// A driver's notification only marks the queue and posts work to the I/O loop, so that a vCPU never
// waits for I/O; where a model says that the work takes no waiting, it is done within the
// notification instead (decision 4). Chains that come back within one turn of the loop, or within
// the notification, are shown to the driver together, with one interrupt per queue.
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "device/device.hpp"
#include "device/host.hpp"
#include "device/virtio/model.hpp"
#include "device/virtio/queue/virtqueue.hpp"
#include "device/virtio/registers.hpp"

namespace orrery::device::virtio {

// How a transport tells the driver of something.
class Signals {
 public:
  virtual ~Signals() = default;
  virtual void used_buffers(unsigned queue) = 0;  // 2.3 used buffer notification
  virtual void configuration_changed() = 0;       // 2.3 configuration change notification
  virtual void reset_done() {}                    // the status reads 0 again
  // Of the model, for whoever keeps a copy of them (Model::settings()).
  virtual void settings_changed() {}
};

class Core {
 public:
  Core(Host& host, Signals& signals, std::unique_ptr<Model> model);

  // For the transport.
  Model& model() { return *model_; }
  const Model& model() const { return *model_; }
  Features offered() const { return offered_; }
  Features chosen() const { return chosen_; }
  void choose(Features features);
  std::uint8_t status() const { return status_; }
  void write_status(std::uint8_t value);
  std::uint8_t generation() const { return generation_; }
  unsigned queue_count() const { return static_cast<unsigned>(queues_.size()); }
  Virtqueue& queue(unsigned index) { return queues_[index].queue; }
  const Virtqueue& queue(unsigned index) const { return queues_[index].queue; }
  void enable_queue(unsigned index);
  void notify(unsigned index);
  // The same from the I/O loop: the queue is looked at at once.
  void notify_on_loop(unsigned index);
  void reset();

  // For the model.
  Host& host() { return host_; }
  // Between DRIVER_OK and a reset or failure. Otherwise no chain may be taken or given.
  bool live() const { return live_; }
  bool has(Features feature) const { return (chosen_ & feature) != 0; }

  // Takes chains by STEP(Virtqueue&) until it answers other than kChain, with the driver's
  // notifications off meanwhile; they are on again when it answered kNone.
  template <typename Step>
  void drain(unsigned index, Step step);

  // Gives a chain back to the driver, and an interrupt at the end of this turn of the I/O loop or
  // of the notification.
  void give(unsigned index, const Chain& chain, std::uint32_t written);
  void configuration_changed();
  // Before the chain that asked for it is given back.
  void settings_changed() { signals_.settings_changed(); }
  // The driver or its memory is not as it must be: the device stops until it is reset (2.1.2).
  void fail(std::string_view why);
  // Answers a Model::stop() that returned false.
  void stopped();

  State save() const;
  // Throws as read_state() expects, and then changed nothing. No request may be in flight.
  void restore(const State& state);

 private:
  // How many chains one call of drain() takes before others get their turn on the I/O loop.
  static constexpr unsigned kTurn = 256;
  // The same within a notification: what a vCPU does before the I/O loop takes over.
  static constexpr unsigned kTurnAtOnce = 8;

  struct Queue {
    explicit Queue(std::uint16_t largest) : queue(largest) {}
    Virtqueue queue;
    bool kicked = false;   // process() is posted
    bool to_show = false;  // chains were given since the last show()
  };

  // How far the driver has come.
  struct Driver {
    std::uint8_t status = 0;
    std::uint8_t generation = 0;
    bool live = false;
    Features chosen = 0;
  };

  void start();
  void adopt(const Driver& driver);
  void finish_reset();
  void kick(unsigned index);
  void run(unsigned index);
  void run_at_once(unsigned index);
  void post_show();
  void show();

  Host& host_;
  Signals& signals_;
  std::unique_ptr<Model> model_;
  Features offered_;
  Features chosen_ = 0;
  std::uint8_t status_ = 0;
  std::uint8_t generation_ = 0;
  bool live_ = false;
  bool stopping_ = false;
  bool show_posted_ = false;
  bool at_once_ = false;  // within a notification, on a vCPU's thread
  std::vector<Queue> queues_;
};

template <typename Step>
void Core::drain(unsigned index, Step step) {
  Virtqueue& queue = queues_[index].queue;
  if (!live_ || !queue.live()) return;
  queue.disable_notifications();
  const unsigned most = at_once_ ? kTurnAtOnce : kTurn;
  for (unsigned count = 0; count < most; ++count) {
    const Taken taken = step(queue);
    if (!live_) return;
    if (taken == Taken::kBroken) return fail(queue.fault());
    if (taken == Taken::kLater) return;
    if (taken == Taken::kNone && !queue.enable_notifications()) {
      if (!queue.fault().empty()) fail(queue.fault());
      return;
    }
  }
  kick(index);
}

}  // namespace orrery::device::virtio
