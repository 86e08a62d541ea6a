#include "storage/lease/leased_executor.hpp"

#include <cerrno>

namespace orrery::storage {
namespace {

using Call = DiskOperation::Call;
using Done = std::function<void(std::int64_t result)>;

// Gives an operation back to its owner as it was, and answers it. That replaces the function that
// calls this, so everything is the caller's copy.
void answer(DiskOperation& operation, Done done, std::int64_t result) {
  operation.done = done;
  done(result);
}

}  // namespace

void LeasedExecutor::start(DiskOperation& operation) {
  if (operation.call == Call::kRead) return executor_->start(operation);
  if (lease_->begin_write()) {
    operation.done = [lease = lease_.get(), &operation,
                      done = std::move(operation.done)](std::int64_t result) {
      lease->end_write();
      answer(operation, done, result);
    };
    return executor_->start(operation);
  }
  // Answered in its turn, as all are: reading nothing takes its place.
  operation.done = [&operation, call = operation.call, vectors = std::move(operation.vectors),
                    done = std::move(operation.done)](std::int64_t /*result*/) {
    operation.call = call;
    operation.vectors = vectors;
    answer(operation, done, -EIO);
  };
  operation.call = Call::kRead;
  operation.vectors.clear();
  executor_->start(operation);
}

}  // namespace orrery::storage
