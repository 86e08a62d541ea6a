// Save and restore of virtio-blk: the cache mode, and the requests that were in flight, which are
// started again (each has the same effect when it is done twice).
#include "device/saved_state.hpp"
#include "device/virtio/block/block.hpp"

namespace orrery::device::virtio {

State Block::save() const {
  State jobs = State::array();
  for (const auto& job : jobs_) {
    if (job->busy) jobs.push_back({{"queue", job->queue}, {"chain", job->chain.save()}});
  }
  return {{"writeback", config_.writeback}, {"in_flight", std::move(jobs)}};
}

State Block::settings() const {
  return {{"writeback", config_.writeback}};
}

void Block::adopt_settings(const State& settings, Features /*chosen*/) {
  config_.writeback = settings.at("writeback").get<std::uint8_t>() != 0 ? 1 : 0;
}

void Block::restore(const State& state, Features /*chosen*/) {
  const auto writeback = state.at("writeback").get<std::uint8_t>();
  std::vector<std::pair<unsigned, Chain>> chains;
  for (const State& entry : state.at("in_flight")) {
    chains.emplace_back(entry.at("queue").get<unsigned>(), Chain::from(entry.at("chain")));
    if (chains.back().first >= options_.queues) {
      throw std::runtime_error("a request in flight belongs to no queue");
    }
  }
  if (in_flight_ != 0) throw std::runtime_error("requests are still in flight");
  config_.writeback = writeback != 0 ? 1 : 0;
  for (auto& [queue, chain] : chains) {
    BlockJob& job = acquire(queue);
    job.chain = std::move(chain);
    // The port's requests come from the I/O loop.
    core_->host().post([this, &job] { start_again(job); });
  }
}

void Block::start_again(BlockJob& job) {
  if (core_->live() && begin(job)) return;
  release(job);
  core_->fail("a saved request is malformed");
}

}  // namespace orrery::device::virtio
