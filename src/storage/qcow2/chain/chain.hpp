// What lies below a qcow2, as far down as it is qcow2 too: a chain of any length, read through an
// index. Private to storage/; on the loop's thread.
#pragma once

#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "storage/qcow2/chain/chain_index.hpp"
#include "storage/qcow2/chain/layer.hpp"
#include "storage/qcow2/unpacked_cluster.hpp"
#include "storage/request/below.hpp"

namespace orrery::storage::qcow2 {

class Chain final : public Below {
 public:
  // LAYERS: at least one, the top one first. BASE: what lies below the last; null: nothing.
  Chain(std::vector<Layer> layers, std::unique_ptr<Below> base,
        std::size_t most_pages = ChainIndex::kMostPages);

  std::uint64_t size() const override { return layers_.front().size(); }
  Task<Result<>> read(std::uint64_t offset, std::uint64_t length, BufferCursor& to) override;
  Task<Result<BelowExtent>> map(std::uint64_t offset, std::uint64_t length) override;
  void stop() override;

  // What it was made of, for another chain; while nobody reads, and nothing else afterwards.
  struct Links {
    std::vector<Layer> layers;
    std::unique_ptr<Below> base;
  };
  Links take_links() { return {std::exchange(layers_, {}), std::move(base_)}; }
  std::size_t links() const { return layers_.size(); }

 private:
  Task<Result<>> read_parts(std::uint64_t offset, std::uint64_t length, BufferCursor& to);
  Task<Result<>> read_place(ChainIndex::Place place, std::uint64_t offset, BufferCursor& to);

  std::vector<Layer> layers_;
  std::unique_ptr<Below> base_;
  ChainIndex index_;
  UnpackedCluster unpacked_;
};

}  // namespace orrery::storage::qcow2
