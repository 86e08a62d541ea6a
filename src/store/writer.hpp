// Adds an image: its disk's bytes from the first to the last, then its name.
#pragma once

#include <deque>
#include <future>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/error.hpp"
#include "base/loop/worker_pool.hpp"
#include "store/pack/pack_builder.hpp"
#include "store/pack/pack_reader.hpp"
#include "store/segment_index.hpp"
#include "store/segmenter.hpp"
#include "store/store.hpp"

namespace orrery::store {

// Bytes of the disk to be read into: with room in front for what a segment has from before.
class Piece {
 public:
  explicit Piece(std::size_t length)
      : storage_(std::make_unique_for_overwrite<std::byte[]>(kMostSegment + length)),
        length_(length) {}
  MutableByteSpan data() { return {storage_.get() + kMostSegment, length_}; }

 private:
  friend class Writer;
  std::unique_ptr<std::byte[]> storage_;
  std::size_t length_;
};

struct WriterOptions {
  int level = kUsualLevel;  // of zstd
  unsigned threads = processors();
};

struct WriteReport {
  std::uint64_t size = 0;  // of the disk
  std::uint64_t data = 0;  // of it, in segments
  std::uint64_t segments = 0;
  std::uint64_t new_segments = 0;  // that the store had not
  std::uint64_t new_data = 0;      // bytes in them
  std::uint64_t stored = 0;        // bytes that the store grew by
};

// One thread; works with threads of its own. Nothing is in the store before publish(), and what was
// written is removed if that is not reached. The store outlives it.
class Writer {
 public:
  static Result<std::unique_ptr<Writer>> create(Store& store, const WriterOptions& options);
  ~Writer();
  Writer(const Writer&) = delete;
  Writer& operator=(const Writer&) = delete;

  // What comes next. Lengths are multiples of 512 bytes, and of kBlock but for the last of all.
  Result<> add(Piece piece);
  Result<> add_zeroes(std::uint64_t length);

  // Instead of add(), where segments were cut elsewhere: the next one, of which the store may have
  // the bytes already. DIGEST is SEGMENT's: who calls has looked.
  Result<> add_segment(ByteSpan segment, const Digest& digest);
  // The next one, without its bytes; false: the store has it not, or not any more.
  Result<bool> refer(const Digest& digest, std::uint32_t length);
  // Whether refer() would find it, if no collection is at it meanwhile.
  bool has(const Digest& digest) const;

  enum class Existing : std::uint8_t { kRefuse, kReplace };
  // Once, at the end. CREATED: nanoseconds since 1970.
  Result<WriteReport> publish(const std::string& name, const std::vector<std::string>& tags,
                              std::uint64_t created, Existing existing);

 private:
  struct Batch {
    std::unique_ptr<std::byte[]> storage;
    ByteSpan bytes;
    std::vector<Cut> cuts;
    std::vector<Digest> digests;  // of cuts that are no zeroes
  };
  struct Queued {
    std::future<Batch> batch;
    std::uint64_t zeroes = 0;  // that follow it
  };
  struct Known {
    std::unique_ptr<PackReader> pack;
    std::unique_ptr<FileLock> pin;  // keeps a collection from it, once we refer to it
    bool gone = false;
  };

  Writer(Store& store, const WriterOptions& options, std::unique_ptr<Lease> lease);
  Result<> load_packs();
  const Digest& digest_of(Place place) const;
  const PackTable& table_of(std::uint32_t pack) const;
  Result<bool> can_refer(std::uint32_t pack);

  Result<> push(std::unique_ptr<std::byte[]> storage, ByteSpan bytes, Ending ending);
  Result<> flush_tail();
  Result<> absorb_front();
  Result<> absorb(ByteSpan segment, const Digest& digest);
  Result<std::optional<Place>> find(const Digest& digest);
  void append(Place place, std::uint64_t length);
  void append_zeroes(std::uint64_t length);
  Manifest make_manifest(std::uint64_t created, const std::vector<std::string>& tags) const;

  Store& store_;
  WorkerPool workers_;
  const std::unique_ptr<Lease> lease_;
  std::vector<Known> known_;  // packs are numbered: these, then the builder's
  PackBuilder builder_;
  SegmentIndex index_;
  std::vector<std::byte> tail_;  // of the segment that is not cut yet
  std::deque<Queued> hashing_;
  Manifest image_;  // its packs are numbered as above
  WriteReport report_;
};

// For who may not replace.
Error already_there(const Store& store, const std::string& name);

}  // namespace orrery::store
