#include "storage/luks/disk.hpp"

#include <algorithm>

#include "base/bits.hpp"
#include "base/format.hpp"
#include "storage/luks/volume.hpp"
#include "storage/request/request_check.hpp"
#include "storage/request/run_task.hpp"
#include "storage/request/submitted.hpp"
#include "storage/request/transfers.hpp"

namespace orrery::storage::luks {
namespace {

using port::BlockRequest;
using Kind = BlockRequest::Kind;

// Handing work to a thread and back takes some 10 us, as long as encrypting so much.
constexpr std::uint64_t kWorkedAtOnce = 32_KiB;
// A write goes on by pieces: enough that a request's own cost does not count.
constexpr std::uint64_t kPiece = 256_KiB;
// Of pieces on their way: what a disk may hold besides the guest's memory.
constexpr std::uint64_t kMostInFlight = 8_MiB;
// More processors than this encrypt faster than disks write.
constexpr unsigned kMostThreads = 4;

// Pieces that are kept for the next large writes.
constexpr std::size_t kMostSpare = 4;

}  // namespace

// `co_await Worked(disk, size, work)`: work on SIZE bytes, by a thread if they are many.
class Disk::Worked {
 public:
  Worked(Disk& disk, std::uint64_t size, std::function<void()> work)
      : disk_(disk), size_(size), work_(std::move(work)) {}

  bool await_ready() {
    if (size_ > kWorkedAtOnce) return false;
    work_();
    return true;
  }
  void await_suspend(std::coroutine_handle<> handle) {
    disk_.workers_->post([this, handle, &loop = disk_.loop_, alive = std::weak_ptr(disk_.alive_)] {
      work_();
      loop.post([handle, alive] {
        if (alive.lock()) handle.resume();
      });
    });
  }
  void await_resume() const noexcept {}

 private:
  Disk& disk_;
  const std::uint64_t size_;
  const std::function<void()> work_;
};

// Room for a piece until it is written.
class Disk::Room {
 public:
  static Task<Room> wait(Disk& disk, std::uint64_t size) {
    while (disk.bytes_in_flight_ != 0 && disk.bytes_in_flight_ + size > kMostInFlight) {
      co_await disk.room_;
    }
    disk.bytes_in_flight_ += size;
    co_return Room(disk, size);
  }
  Room(Room&& other) noexcept : disk_(std::exchange(other.disk_, nullptr)), size_(other.size_) {}
  Room(const Room&) = delete;
  Room& operator=(const Room&) = delete;
  Room& operator=(Room&&) = delete;
  ~Room() {
    if (disk_ != nullptr) disk_->bytes_in_flight_ -= size_;
  }

 private:
  Room(Disk& disk, std::uint64_t size) : disk_(&disk), size_(size) {}
  Disk* disk_;
  std::uint64_t size_;
};

Disk::Disk(EventLoop& loop, std::unique_ptr<port::Blocks> volume, std::string path,
           const Metadata& metadata, std::unique_ptr<SectorCipher> cipher)
    : TaskDisk(loop, path),
      loop_(loop),
      volume_(std::move(volume)),
      path_(std::move(path)),
      segment_(metadata.segment),
      allow_discards_(metadata.allow_discards),
      cipher_(std::move(cipher)),
      workers_(std::make_unique<WorkerPool>(std::min(processors(), kMostThreads))) {
  geometry_ = volume_->geometry();
  geometry_.size = Bytes(segment_.size.value_or(geometry_.size.value() - segment_.offset));
  geometry_.physical_block_size = std::max(geometry_.physical_block_size, cipher_->sector_size());
  geometry_.can_discard = geometry_.can_discard && allow_discards_;
  geometry_.can_write_zeroes = !geometry_.read_only;
  geometry_.zeroes_without_writing = false;
}

// What would resume the tasks goes first, then the tasks.
Disk::~Disk() {
  alive_.reset();
  workers_.reset();
  volume_.reset();
  room_.abandon();
  drop_jobs();
}

Result<std::unique_ptr<Disk>> Disk::open(EventLoop& loop, std::unique_ptr<port::Blocks> volume,
                                         const std::string& path, ByteSpan passphrase) {
  auto opened = run_task(loop, Volume::open(*volume));
  if (!opened) return fail(opened.error().context(path));
  auto unlocked = run_task(loop, opened->unlock(passphrase));
  if (!unlocked) return fail(unlocked.error().context(path));
  // One for the loop, and one for who reads at once.
  const unsigned parallel = std::min(processors(), kMostThreads) + 2;
  auto cipher = SectorCipher::create(unlocked->key.bytes(), opened->metadata().segment, parallel);
  if (!cipher) return fail(cipher.error().context(path));
  return std::unique_ptr<Disk>(
      new Disk(loop, std::move(volume), path, opened->metadata(), std::move(*cipher)));
}

BlockRequest Disk::below(const BlockRequest& request) const {
  BlockRequest shifted = request;
  shifted.offset += segment_.offset;
  return shifted;
}

bool Disk::read_at_once(const BlockRequest& request) {
  if (request.kind != Kind::kRead || request.length > kWorkedAtOnce) return false;
  if (!check_request(request, geometry_, path_)) return false;
  if (!volume_->read_at_once(below(request))) return false;
  cipher_->decrypt(request.offset, request.buffers);
  return true;
}

Task<Result<>> Disk::serve(const BlockRequest& request) {
  switch (request.kind) {
    case Kind::kRead: co_return co_await read(request);
    case Kind::kWrite: co_return co_await write(request);
    case Kind::kFlush: co_return co_await flush(*volume_);
    case Kind::kDiscard:
      if (!allow_discards_) co_return Result<>{};  // only a hint (virtio 1.2, 5.2.6.2)
      co_return co_await Submitted(*volume_, below(request));
    case Kind::kWriteZeroes: co_return co_await write_zeroes(request.offset, request.length);
  }
  co_return Result<>{};
}

Task<Result<>> Disk::read(const BlockRequest& request) {
  Result<> done = co_await Submitted(*volume_, below(request));
  if (!done) co_return done;
  co_await Worked(*this, request.length,
                  [&] { cipher_->decrypt(request.offset, request.buffers); });
  co_return done;
}

// Small ones are no work for the allocator; all others have room for a whole piece.
Disk::Piece Disk::take_piece(std::uint64_t length) {
  const bool small = length <= kWorkedAtOnce;
  if (!small && !spare_.empty()) {
    Piece piece = std::move(spare_.back());
    spare_.pop_back();
    return piece;
  }
  const std::uint64_t size = small ? align_up(length, kPageSize) : kPiece;
  return Piece(static_cast<std::byte*>(std::aligned_alloc(kPageSize, size)));
}

void Disk::give_back(Piece piece, std::uint64_t length) {
  if (length > kWorkedAtOnce && spare_.size() < kMostSpare) spare_.push_back(std::move(piece));
}

Task<Result<>> Disk::write_piece(std::uint64_t offset, const SectorCipher::Buffers& from,
                                 std::uint64_t length) {
  Result<> done;
  {
    const Room room = co_await Room::wait(*this, length);
    Piece piece = take_piece(length);
    if (piece == nullptr) co_return fail(path_ + ": no memory to encrypt what is written");
    const MutableByteSpan encrypted(piece.get(), length);
    co_await Worked(*this, length, [&] { cipher_->encrypt(offset, from, encrypted); });
    done = co_await write_all(*volume_, segment_.offset + offset, encrypted);
    give_back(std::move(piece), length);
  }
  room_.notify_all();
  co_return done;
}

Task<Result<>> Disk::write(const BlockRequest& request) {
  BufferCursor from(request.buffers);
  for (std::uint64_t at = 0; at < request.length;) {
    const std::uint64_t part = std::min(kPiece, request.length - at);
    const SectorCipher::Buffers buffers = from.take_spans(part);
    const Result<> done = co_await write_piece(request.offset + at, buffers, part);
    if (!done) co_return done;
    at += part;
  }
  co_return Result<>{};
}

Task<Result<>> Disk::write_zeroes(std::uint64_t offset, std::uint64_t length) {
  for (std::uint64_t at = 0; at < length;) {
    const std::uint64_t part = std::min(kPiece, length - at);
    SectorCipher::Buffers zeroes;
    for (std::uint64_t left = part; left != 0;) {
      const std::uint64_t size = std::min<std::uint64_t>(left, zero_bytes().size());
      zeroes.push_back(zero_bytes().first(size));
      left -= size;
    }
    const Result<> done = co_await write_piece(offset + at, zeroes, part);
    if (!done) co_return done;
    at += part;
  }
  co_return Result<>{};
}

// What is not allocated below decrypts to noise: nothing is known to be zeroes.
Task<Result<port::BlockExtent>> Disk::find_extent(std::uint64_t offset, std::uint64_t length) {
  Result<port::BlockExtent> extent = co_await Mapped(*volume_, segment_.offset + offset, length);
  if (!extent) co_return extent;
  extent->length = std::min(extent->length, length);
  extent->allocated = true;
  extent->zeroes = false;
  extent->host_offset = std::nullopt;
  co_return extent;
}

Task<Result<>> Disk::change_size(Bytes size) {
  if (segment_.size) co_return fail(path_ + ": its LUKS header says its size; it stays so");
  if (size.value() == 0 || size.value() % segment_.sector_size != 0) {
    co_return fail(format("{}: {} bytes are not whole encrypted sectors of {} bytes", path_,
                          size.value(), segment_.sector_size));
  }
  const Bytes old = geometry_.size;
  const Result<> resized = co_await resize_to(*volume_, Bytes(segment_.offset + size.value()));
  if (!resized) co_return resized;
  geometry_.size = size;
  if (size <= old) co_return resized;
  co_return co_await write_zeroes(old.value(), size.value() - old.value());
}

}  // namespace orrery::storage::luks
