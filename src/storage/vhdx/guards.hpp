// Marks of requests under way. Private to storage/vhdx/.
#pragma once

#include "storage/vhdx/image.hpp"

namespace orrery::storage::vhdx {

// A request that reads or writes blocks keeps the places that were in use when it began.
class Image::InFlight {
 public:
  explicit InFlight(Image& image)
      : place_(image.in_flight_.try_emplace(image.begun_, 0).first), image_(image) {
    ++place_->second;
  }
  InFlight(const InFlight&) = delete;
  InFlight& operator=(const InFlight&) = delete;
  ~InFlight() {
    if (--place_->second == 0) image_.in_flight_.erase(place_);
  }

 private:
  std::map<std::uint64_t, unsigned>::iterator place_;
  Image& image_;
};

// A block whose entry a request is about to change; lock_block() came before.
class Image::BlockLock {
 public:
  BlockLock(Image& image, std::uint64_t block) : image_(image), block_(block) {}
  BlockLock(const BlockLock&) = delete;
  BlockLock& operator=(const BlockLock&) = delete;
  ~BlockLock() {
    image_.locked_.erase(block_);
    image_.unlocked_.notify_all();
  }

 private:
  Image& image_;
  const std::uint64_t block_;
};

// Room in the next log entry; reserve() came before. Who has one waits for no lock.
class Image::Reservation {
 public:
  Reservation(Image& image, std::size_t pages) : image_(image), pages_(pages) {}
  Reservation(const Reservation&) = delete;
  Reservation& operator=(const Reservation&) = delete;
  ~Reservation() {
    image_.reserved_ -= pages_;
    image_.reservation_ended_.notify_all();
  }

 private:
  Image& image_;
  const std::size_t pages_;
};

}  // namespace orrery::storage::vhdx
