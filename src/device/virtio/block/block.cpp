#include "device/virtio/block/block.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <mutex>

#include "base/bits.hpp"

namespace orrery::device::virtio {
namespace {

using namespace block;

// A chain has a header and a status besides its data segments.
constexpr std::uint32_t kFramingSegments = 2;
// Data segments of one request: what drivers make room for in an indirect table of one page (256
// descriptors).
constexpr std::uint32_t kMostSegments = 254;
// One segment; only a bound that drivers do not split against needlessly.
constexpr std::uint32_t kLargestSegment = 1u << 30;
// Discard and write-zeroes: bounds how long one request can keep a backend busy. 1 GiB each.
constexpr std::uint32_t kMostRangeSectors = 1u << 21;
constexpr std::uint32_t kMostRanges = 16;
// What is read at once, on the vCPU's own thread, in one visit to a queue: copying that much takes
// less time (5 us) than waking the I/O loop's thread and being woken by it.
constexpr std::uint64_t kMostAtOnce = 32_KiB;

Features features_of(const port::BlockGeometry& geometry, unsigned queues) {
  Features features = kSizeMax | kSegMax | kBlkSize | kFlush | kTopology | kConfigWce;
  if (geometry.read_only) features |= kReadOnly;
  if (queues > 1) features |= kMultiQueue;
  if (geometry.can_discard && !geometry.read_only) features |= kDiscard;
  if (geometry.can_write_zeroes && !geometry.read_only) features |= kWriteZeroes;
  return features;
}

Config config_of(const port::BlockGeometry& geometry, const BlockOptions& options) {
  const std::uint32_t logical = std::max<std::uint32_t>(geometry.logical_block_size, kSectorSize);
  const std::uint32_t physical = std::max(geometry.physical_block_size, logical);
  Config config{};
  config.capacity = geometry.size.value() / kSectorSize;
  config.size_max = kLargestSegment;
  config.seg_max = std::min<std::uint32_t>(kMostSegments, options.queue_size - kFramingSegments);
  config.blk_size = logical;
  config.physical_block_exp = static_cast<std::uint8_t>(std::bit_width(physical / logical) - 1);
  config.min_io_size = static_cast<std::uint16_t>(physical / logical);
  config.writeback = 1;
  config.num_queues = static_cast<std::uint16_t>(options.queues);
  config.max_discard_sectors = config.max_write_zeroes_sectors = kMostRangeSectors;
  config.max_discard_seg = config.max_write_zeroes_seg = kMostRanges;
  config.discard_sector_alignment = static_cast<std::uint32_t>(logical / kSectorSize);
  config.write_zeroes_may_unmap = geometry.can_discard ? 1 : 0;
  return config;
}

}  // namespace

Block::Block(port::Blocks& port, const BlockOptions& options)
    : port_(port),
      options_(options),
      config_(config_of(port.geometry(), options)),
      features_(features_of(port.geometry(), options.queues)) {}

// Only `writeback` is the driver's to write (5.2.4.2), with VIRTIO_BLK_F_CONFIG_WCE.
void Block::write_config(std::uint64_t offset, Width width, std::uint64_t value) {
  if (offset != offsetof(Config, writeback) || width != Width::k8) return;
  if (!core_->has(kConfigWce)) return;
  config_.writeback = value != 0 ? 1 : 0;
  core_->settings_changed();
}

void Block::start(Features /*chosen*/) {}

bool Block::stop() {
  config_.writeback = 1;
  return in_flight_ == 0;
}

// 5.2.6.2: without VIRTIO_BLK_F_FLUSH, or in write-through mode, a completed write is durable.
bool Block::write_through() const {
  return !core_->has(kFlush) || config_.writeback == 0;
}

BlockJob& Block::acquire(unsigned queue) {
  if (free_.empty()) {
    jobs_.push_back(std::make_unique<BlockJob>());
    free_.push_back(jobs_.back().get());
  }
  BlockJob& job = *free_.back();
  free_.pop_back();
  job.owner = this;
  job.queue = queue;
  job.waiting_for = 0;
  job.flushing = false;
  job.status = Status::kOk;
  job.busy = true;
  return job;
}

void Block::release(BlockJob& job) {
  job.busy = false;
  free_.push_back(&job);
}

void Block::process(unsigned queue) {
  at_once_left_ = kMostAtOnce;
  core_->drain(queue, [this, queue](Virtqueue& from) { return take(queue, from); });
}

Taken Block::take(unsigned index, Virtqueue& queue) {
  BlockJob& job = acquire(index);
  const Taken taken = queue.take(job.chain);
  if (taken != Taken::kChain) {
    release(job);
    return taken;
  }
  if (!begin(job)) {
    release(job);
    core_->fail("a request without a header, a status byte, or in memory that is not RAM (5.2.6)");
  }
  return Taken::kChain;
}

// False when the driver's request is not one; otherwise it is on its way or finished.
bool Block::begin(BlockJob& job) {
  RequestHeader header;
  if (job.chain.writable_bytes == 0 || !ChainReader(core_->host(), job.chain).read_object(header)) {
    return false;
  }
  job.type = header.type;
  const std::uint64_t to_device = job.chain.readable_bytes - sizeof header;
  const std::uint64_t from_device = job.chain.writable_bytes - 1;
  job.data_bytes = header.type == kIn || header.type == kGetId ? from_device : to_device;
  switch (header.type) {
    case kIn:
    case kOut: transfer(job, header.sector); break;
    case kFlushRequest: flush(job); break;
    case kGetId: get_id(job); break;
    case kDiscardRequest:
    case kWriteZeroesRequest: discard(job); break;
    default: finish(job, Status::kUnsupported);
  }
  return true;
}

bool Block::in_disk(std::uint64_t sector, std::uint64_t bytes) const {
  return is_aligned(bytes, config_.blk_size) &&
         is_aligned(sector * kSectorSize, config_.blk_size) && sector <= config_.capacity &&
         bytes / kSectorSize <= config_.capacity - sector;
}

void Block::transfer(BlockJob& job, std::uint64_t sector) {
  const bool read = job.type == kIn;
  if (!in_disk(sector, job.data_bytes) || (!read && port_.geometry().read_only)) {
    return finish(job, Status::kIoError);
  }
  if (job.data_bytes == 0) return finish(job, Status::kOk);
  const auto segments = read ? job.chain.writable() : job.chain.readable();
  const std::uint64_t skip = read ? 0 : sizeof(RequestHeader);
  const auto direction = read ? DmaDirection::kToGuest : DmaDirection::kFromGuest;
  if (!map_range(core_->host(), segments, skip, job.data_bytes, direction, job.spans)) {
    return finish(job, Status::kIoError);
  }
  port::BlockRequest request;
  request.kind = read ? port::BlockRequest::Kind::kRead : port::BlockRequest::Kind::kWrite;
  request.offset = sector * kSectorSize;
  request.length = job.data_bytes;
  request.buffers.reserve(job.spans.size());
  for (const DmaSpan& span : job.spans) request.buffers.push_back(span.bytes);
  if (read_at_once(request)) return finish(job, Status::kOk);
  submit(job, std::move(request));
}

void Block::flush(BlockJob& job) {
  port::BlockRequest request;
  request.kind = port::BlockRequest::Kind::kFlush;
  submit(job, std::move(request));
}

// The serial number, padded with zeros; no terminator when it has 20 characters (5.2.6.1).
void Block::get_id(BlockJob& job) {
  std::array<char, kIdLength> id{};
  const std::string& serial = port_.geometry().serial;
  std::memcpy(id.data(), serial.data(), std::min(serial.size(), id.size()));
  const std::size_t length = std::min<std::uint64_t>(id.size(), job.data_bytes);
  job.data_bytes = length;
  const bool written = ChainWriter(core_->host(), job.chain).write(as_bytes(id.data(), length));
  finish(job, written ? Status::kOk : Status::kIoError);
}

void Block::discard(BlockJob& job) {
  const bool zeroes = job.type == kWriteZeroesRequest;
  if (!core_->has(zeroes ? kWriteZeroes : kDiscard)) return finish(job, Status::kUnsupported);
  const std::uint64_t count = job.data_bytes / sizeof(Range);
  if (job.data_bytes % sizeof(Range) != 0 || count == 0 || count > kMostRanges) {
    return finish(job, Status::kIoError);
  }
  ranges_.resize(count);
  ChainReader reader(core_->host(), job.chain);
  RequestHeader header;
  if (!reader.read_object(header) || !reader.read(std::as_writable_bytes(std::span(ranges_)))) {
    return finish(job, Status::kIoError);
  }
  const std::uint32_t known_flags = zeroes ? kRangeUnmap : 0;
  for (const Range& range : ranges_) {
    if ((range.flags & ~known_flags) != 0) return finish(job, Status::kUnsupported);
    if (!check_range(range)) return finish(job, Status::kIoError);
  }
  for (const Range& range : ranges_) {
    port::BlockRequest request;
    request.kind =
        zeroes ? port::BlockRequest::Kind::kWriteZeroes : port::BlockRequest::Kind::kDiscard;
    request.offset = range.sector * kSectorSize;
    request.length = range.sectors * kSectorSize;
    request.may_unmap = (range.flags & kRangeUnmap) != 0;
    submit(job, std::move(request));
  }
}

bool Block::check_range(const Range& range) const {
  return !port_.geometry().read_only && range.sectors <= kMostRangeSectors &&
         in_disk(range.sector, range.sectors * kSectorSize);
}

// Not while others are on their way: then the I/O loop is awake anyway, and the vCPU has better to
// do than to copy.
bool Block::read_at_once(const port::BlockRequest& request) {
  if (request.kind != port::BlockRequest::Kind::kRead || in_flight_ != 0) return false;
  if (request.length > at_once_left_) return false;
  reads_at_once_ = port_.read_at_once(request);
  if (!reads_at_once_) return false;
  at_once_left_ -= request.length;
  return true;
}

void Block::submit(BlockJob& job, port::BlockRequest request) {
  if (job.waiting_for++ == 0) ++in_flight_;
  port_.submit(std::move(request), [&job](Result<> result) {
    const std::lock_guard lock(job.owner->core_->host().device_lock());
    job.owner->completed(job, result);
  });
}

void Block::completed(BlockJob& job, const Result<>& result) {
  if (!result) job.status = Status::kIoError;
  if (--job.waiting_for != 0) return;
  --in_flight_;
  const bool wrote = job.type == kOut || job.type == kWriteZeroesRequest;
  if (wrote && !job.flushing && job.status == Status::kOk && core_->live() && write_through()) {
    job.flushing = true;
    flush(job);
    return;
  }
  finish(job, job.status);
  if (!core_->live() && in_flight_ == 0) core_->stopped();
}

// The status byte is the last device-writable one; what lies between it and the data that was
// written is as the driver left it.
void Block::finish(BlockJob& job, Status status) {
  unmap_all(core_->host(), job.spans);
  if (core_->live()) {
    const bool has_data = status == Status::kOk && (job.type == kIn || job.type == kGetId);
    ChainWriter writer(core_->host(), job.chain);
    if (writer.skip(job.chain.writable_bytes - 1) && writer.write_object(status)) {
      const std::uint64_t written = (has_data ? job.data_bytes : 0) + 1;
      core_->give(job.queue, job.chain,
                  static_cast<std::uint32_t>(std::min<std::uint64_t>(written, UINT32_MAX)));
    } else {
      core_->fail("a request's status byte is not in RAM");
    }
  }
  release(job);
}

}  // namespace orrery::device::virtio
