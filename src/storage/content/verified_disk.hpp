// A disk whose parents are verified as they are read: a port around a port. Whatever is read is
// first compared, a segment of 64 KiB at a time, with the digests that were written down of the
// disks below (docs/formats/content-segments.md); once in the life of the disk. What does not fit
// is an error of the read, which names the file. Private to storage/.
//
// Of a segment each disk is looked at, from the top down, until one holds all of it: so a disk that
// has come to hold too little or too much is found, too. One that holds nothing costs a look into
// its tables.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/error.hpp"
#include "base/loop/event_loop.hpp"
#include "base/loop/task.hpp"
#include "port/blocks.hpp"
#include "storage/content/segment_list.hpp"
#include "storage/request/task_disk.hpp"

namespace orrery::storage {

class VerifiedDisk final : public TaskDisk {
 public:
  // A disk of the chain by itself, and what it is to hold.
  struct Link {
    std::string path;
    std::unique_ptr<port::Blocks> disk;
    SegmentList expected;
    std::string recorded;  // for people: of which content EXPECTED is
  };

  // LINKS: the top one first. What of the chain is not among them is not looked at.
  VerifiedDisk(EventLoop& loop, std::string path, std::unique_ptr<port::Blocks> disk,
               std::vector<Link> links);
  ~VerifiedDisk() override;

  bool read_at_once(const port::BlockRequest& request) override;

 protected:
  Task<Result<>> serve(const port::BlockRequest& request) override;
  Task<Result<port::BlockExtent>> find_extent(std::uint64_t offset, std::uint64_t length) override;
  Task<Result<>> change_size(Bytes size) override;

 private:
  bool is_verified(std::uint64_t segment) const {
    return segment >= verified_.size() || verified_[segment].load(std::memory_order_acquire) != 0;
  }
  Task<Result<>> verify(std::uint64_t segment);
  Task<Result<>> verify_links(std::uint64_t segment, MutableByteSpan buffer);

  std::unique_ptr<port::Blocks> disk_;
  std::vector<Link> links_;
  // By segment, as far as any link goes: 1 once it was verified. Stored on the loop (release),
  // loaded there and by the device's thread in read_at_once() (acquire).
  std::vector<std::atomic<std::uint8_t>> verified_;
};

}  // namespace orrery::storage
