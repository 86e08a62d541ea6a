// A changing set of descriptors behind one that the event loop watches (epoll(7) within epoll):
// libslirp says before each wait which descriptors it waits for, and most stay the same.
#pragma once

#include <cstdint>
#include <unordered_map>
#include <vector>

#include "base/error.hpp"
#include "base/files/file_descriptor.hpp"

namespace orrery::network {

class PollSet {
 public:
  static Result<PollSet> create();

  // Readable when any descriptor of the set is ready.
  int descriptor() const { return epoll_.get(); }

  // A new round: begin(), then add() for each descriptor with its epoll events, then end().
  void begin() { wanted_.clear(); }
  int add(int descriptor, std::uint32_t events);  // returns its index in this round
  void end();

  // A descriptor that was closed, or will be: its number may come back for another file.
  void forget(int descriptor);

  // Asks which descriptors of the round are ready; ready_events() then answers by index.
  void poll();
  std::uint32_t ready_events(int index) const;

 private:
  struct Entry {
    int descriptor = -1;
    std::uint32_t events = 0;
  };

  explicit PollSet(FileDescriptor epoll) : epoll_(std::move(epoll)) {}

  FileDescriptor epoll_;
  std::vector<Entry> wanted_;
  std::unordered_map<int, std::uint32_t> registered_;
  std::unordered_map<int, std::uint32_t> ready_;
};

}  // namespace orrery::network
