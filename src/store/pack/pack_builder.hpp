// Makes packs out of segments: groups are compressed by the workers, written in order, synced.
// Private to store/.
#pragma once

#include <deque>
#include <future>
#include <memory>
#include <string>
#include <vector>

#include "base/error.hpp"
#include "base/loop/worker_pool.hpp"
#include "store/files.hpp"
#include "store/pack/compression.hpp"
#include "store/pack/pack_table.hpp"

namespace orrery::store {

// A segment, where packs are numbered by whoever keeps their list.
struct Place {
  std::uint32_t pack = 0;
  std::uint32_t segment = 0;
  friend bool operator==(const Place&, const Place&) = default;
};

// One thread. The same segments in the same order make the same packs, byte for byte.
class PackBuilder {
 public:
  // Files are called PREFIX.0, PREFIX.1, ... and are removed by whoever owns the prefix.
  PackBuilder(Files& files, WorkerPool& workers, std::string prefix, int level)
      : files_(files), workers_(workers), prefix_(std::move(prefix)), level_(level) {}
  ~PackBuilder();
  PackBuilder(const PackBuilder&) = delete;
  PackBuilder& operator=(const PackBuilder&) = delete;

  Result<Place> append(ByteSpan segment, const Digest& digest);
  // Writes out and syncs all; the tables have their ids then.
  Result<> finish();
  // Gives the packs their names, durably. After finish(), and with the lock on images held until an
  // image names them: a collection removes what nothing names.
  Result<> publish();

  std::size_t packs() const { return packs_.size(); }
  const PackTable& table(std::size_t pack) const { return packs_[pack].table; }
  std::uint64_t stored_bytes() const { return stored_bytes_; }

 private:
  struct Pack {
    PackTable table;
    std::string name;
    std::unique_ptr<NewFile> file;
  };
  struct Ready {
    Compressed compressed;
    std::uint64_t check = 0;
  };
  struct Pending {
    std::future<Ready> ready;
    std::size_t pack = 0;
    std::uint32_t length = 0;
    std::uint32_t segments = 0;
    bool closes = false;
  };

  Result<> begin_pack();
  Result<> seal_group(bool closes);
  Result<> write_front();
  Result<> close(Pack& pack);

  Files& files_;
  WorkerPool& workers_;
  const std::string prefix_;
  const int level_;
  std::deque<Pack> packs_;
  bool open_ = false;  // the last pack takes more
  std::vector<std::byte> group_;
  std::uint32_t group_segments_ = 0;
  std::deque<Pending> pending_;
  std::vector<std::future<Result<>>> syncs_;
  std::uint64_t stored_bytes_ = 0;
};

}  // namespace orrery::store
