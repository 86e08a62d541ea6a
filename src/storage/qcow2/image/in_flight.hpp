// Marks of requests under way. Private to storage/qcow2/.
#pragma once

#include "storage/qcow2/image/image.hpp"

namespace orrery::storage::qcow2 {

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

// Clusters of the disk that a request changes the entries of; released with it.
class Image::ClusterLock {
 public:
  ClusterLock(Image& image, std::uint64_t first) : image_(image), first_(first) {}
  ClusterLock(const ClusterLock&) = delete;
  ClusterLock& operator=(const ClusterLock&) = delete;
  ~ClusterLock() { image_.unlock_clusters(first_); }

 private:
  Image& image_;
  const std::uint64_t first_;
};

}  // namespace orrery::storage::qcow2
