#include "storage/request/task_disk.hpp"

#include "base/format.hpp"
#include "storage/request/request_check.hpp"

namespace orrery::storage {

void TaskDisk::run_on_loop(std::function<void()> work) {
  loop_.post([work = std::move(work), alive = std::weak_ptr(alive_)] {
    if (alive.lock()) work();
  });
}

void TaskDisk::submit(port::BlockRequest request, Completion completion) {
  bool first = false;
  {
    const std::lock_guard lock(mutex_);
    first = submitted_.empty();
    submitted_.push_back({std::move(request), std::move(completion)});
  }
  if (first) run_on_loop([this] { take_submitted(); });
}

void TaskDisk::take_submitted() {
  std::vector<Submission> taken;
  {
    const std::lock_guard lock(mutex_);
    taken.swap(submitted_);
  }
  const std::weak_ptr<bool> alive = alive_;
  for (Submission& each : taken) {
    const Result<> checked = check_request(each.request, geometry_, path_);
    if (!checked) {
      each.completion(checked);
    } else {
      auto job = std::make_shared<Job<void>>();
      job->completion = std::move(each.completion);
      job->request = std::move(each.request);
      job->task = serve(job->request);
      start(std::move(job));
    }
    if (!alive.lock()) return;  // a completion ended the disk
  }
}

template <typename T>
void TaskDisk::start(std::shared_ptr<Job<T>> job) {
  Job<T>& started = *job;
  jobs_.emplace(&started, std::move(job));
  started.task.start([this, &started] {
    // Keeps the job until its completion returns, which may end the disk.
    const auto node = jobs_.extract(&started);
    started.completion(std::move(started.task.value()));
  });
}

void TaskDisk::map(std::uint64_t offset, std::uint64_t length, MapCompletion completion) {
  run_on_loop([this, offset, length, completion = std::move(completion)] {
    const std::uint64_t size = geometry_.size.value();
    if (offset >= size || length == 0) {
      return completion(fail(format("{}: {} bytes at {} lie outside the disk of {} bytes", path_,
                                    length, offset, size)));
    }
    auto job = std::make_shared<Job<port::BlockExtent>>();
    job->completion = completion;
    job->task = find_extent(offset, std::min(length, size - offset));
    start(std::move(job));
  });
}

void TaskDisk::resize(Bytes size, Completion completion) {
  run_on_loop([this, size, completion = std::move(completion)] {
    if (geometry_.read_only) return completion(fail(path_ + ": read-only"));
    auto job = std::make_shared<Job<void>>();
    job->completion = completion;
    job->task = change_size(size);
    start(std::move(job));
  });
}

}  // namespace orrery::storage
