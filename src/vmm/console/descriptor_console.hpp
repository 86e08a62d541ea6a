// A console over file descriptors: the queues, the flow control and the event-loop work that every
// console backend shares. Backends derive from it and say what it is attached to.
//
// Output goes through a queue of 64 KiB, which the loop writes; when it is full the guest waits.
// While nothing is attached, output is thrown away, as on a serial line that nobody listens to.
//
// Threads: port::Console's functions as port/contract.hpp says; everything else on the loop's
// thread, or while the loop is not running.
#pragma once

#include <cstddef>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "base/bytes.hpp"
#include "base/loop/event_loop.hpp"
#include "port/console.hpp"

namespace orrery::vmm {

class DescriptorConsole : public port::Console {
 public:
  explicit DescriptorConsole(EventLoop& loop) : loop_(loop) {}
  DescriptorConsole(const DescriptorConsole&) = delete;
  DescriptorConsole& operator=(const DescriptorConsole&) = delete;

  std::size_t write(ByteSpan bytes) override;
  std::size_t read(MutableByteSpan destination) override;
  void set_callbacks(port::Notify readable, port::Notify writable) override;

  // Writes all output that waits, however long its reader takes; for the end of the process.
  virtual void drain();

 protected:
  // Starts to use the descriptors, which stay the backend's; -1: no such direction.
  Result<> attach(int input, int output);
  void detach();
  bool attached() const { return input_ >= 0 || output_ >= 0; }

  // The other end is gone: end of file, hang-up or a broken pipe.
  virtual void input_ended() {}
  virtual void output_broken() {}
  // May change or remove what came from outside, before the guest sees it.
  virtual void filter_input(std::vector<std::byte>& /*bytes*/) {}

  EventLoop& loop() { return loop_; }

 private:
  static constexpr std::size_t kOutputCapacity = 64 * 1024;
  static constexpr std::size_t kInputCapacity = 4096;

  void request_flush();  // with mutex_ held
  void flush();
  bool write_some();
  void fill_from_outside();
  void input_consumed();

  EventLoop& loop_;
  port::Notify readable_;
  port::Notify writable_;

  // The loop's own.
  int input_ = -1;
  int output_ = -1;
  std::unique_ptr<Watch> input_watch_;
  std::unique_ptr<Watch> output_watch_;
  std::string sending_;

  std::mutex mutex_;  // guards what follows; never held during a callback or a system call
  std::string queued_;
  std::size_t in_flight_ = 0;  // bytes of sending_
  bool discard_ = true;        // nothing is attached
  bool flush_requested_ = false;
  bool guest_waits_ = false;  // write() took less than all
  std::vector<std::byte> input_queue_;
  bool input_paused_ = false;

  // Work that was posted and finds the console gone does nothing.
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace orrery::vmm
