#include "storage/gated_disk.hpp"

#include "base/assert.hpp"

namespace orrery::storage {

bool GatedDisk::read_at_once(const port::BlockRequest& request) {
  auto gate = gate_.lock();
  if (gate->holds != 0 || !disk_->read_at_once(request)) return false;
  count(*gate, {request.kind, request.length});
  return true;
}

void GatedDisk::count(Gate& gate, Work work) {
  using Kind = port::BlockRequest::Kind;
  if (work.kind == Kind::kRead) {
    ++gate.traffic.in;
    gate.traffic.in_bytes += work.length;
  } else if (work.kind == Kind::kWrite) {
    ++gate.traffic.out;
    gate.traffic.out_bytes += work.length;
  }
}

void GatedDisk::submit(port::BlockRequest request, Completion completion) {
  auto gate = gate_.lock();
  if (gate->holds == 0) return pass(*gate, std::move(request), std::move(completion));
  gate->waiting.push_back({std::move(request), std::move(completion)});
}

void GatedDisk::pass(Gate& gate, port::BlockRequest request, Completion completion) {
  ++gate.under_way;
  const Work work{request.kind, request.length};
  disk_->submit(std::move(request),
                [this, work, completion = std::move(completion)](Result<> result) mutable {
                  const bool done = result.has_value();
                  completion(std::move(result));
                  completed(done ? std::optional(work) : std::nullopt);
                });
}

// After the completion has been called: what is quiescent owes nobody an answer.
void GatedDisk::completed(std::optional<Work> work) {
  bool quiescent = false;
  {
    auto gate = gate_.lock();
    if (work) count(*gate, *work);
    quiescent = --gate->under_way == 0 && gate->holds != 0;
  }
  if (quiescent && quiescent_) quiescent_();
}

void GatedDisk::map(std::uint64_t offset, std::uint64_t length, MapCompletion completion) {
  auto gate = gate_.lock();
  disk_->map(offset, length, std::move(completion));
}

void GatedDisk::resize(Bytes size, Completion completion) {
  auto gate = gate_.lock();
  disk_->resize(size, [this, completion = std::move(completion)](Result<> result) {
    geometry_.size = disk_->geometry().size;
    completion(std::move(result));
  });
}

void GatedDisk::hold() {
  ++gate_.lock()->holds;
}

void GatedDisk::release() {
  auto gate = gate_.lock();
  if (--gate->holds != 0) return;
  for (Waiting& each : std::exchange(gate->waiting, {})) {
    pass(*gate, std::move(each.request), std::move(each.completion));
  }
}

void GatedDisk::refuse_waiting() {
  const auto take = [this] { return std::exchange(gate_.lock()->waiting, {}); };
  for (auto waiting = take(); !waiting.empty(); waiting = take()) {
    for (const Waiting& each : waiting) each.completion(fail("the VM has ended"));
  }
}

std::unique_ptr<port::Blocks> GatedDisk::replace(std::unique_ptr<port::Blocks> disk) {
  auto gate = gate_.lock();
  ORRERY_ASSERT(gate->holds != 0 && gate->under_way == 0);
  return std::exchange(disk_, std::move(disk));
}

bool GatedDisk::quiescent() {
  auto gate = gate_.lock();
  return gate->holds != 0 && gate->under_way == 0;
}

port::Traffic GatedDisk::traffic() {
  return gate_.lock()->traffic;
}

unsigned GatedDisk::under_way() {
  return gate_.lock()->under_way;
}

}  // namespace orrery::storage
