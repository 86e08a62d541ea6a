// Images that clients are adding to a served store: docs/formats/store-upload.md.
//
// An upload is a Writer that its client feeds, and that waits for the client when its connection
// breaks. It is in this process only: the store knows nothing of it before it is published, and a
// server that ends leaves what the next collection sweeps.
#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "base/error.hpp"
#include "store/serve/tokens.hpp"
#include "store/store.hpp"
#include "store/upload_entries.hpp"
#include "store/writer.hpp"

namespace orrery::store::serve {

// What a client is told that goes wrong: a status of HTTP, and words.
struct Refusal {
  unsigned status = 400;
  std::string text;
};
template <typename T>
using Answered = std::expected<T, Refusal>;

struct UploadWish {
  std::string name;
  std::vector<std::string> tags;
  bool replace = false;
  friend bool operator==(const UploadWish&, const UploadWish&) = default;
};

// One of them.
class Upload {
 public:
  // STORE: its own opening of it.
  static Result<std::unique_ptr<Upload>> create(std::string owner, UploadWish wish,
                                                std::unique_ptr<Store> store);

  const std::string& owner() const { return owner_; }
  const UploadWish& wish() const { return wish_; }

  // The rest from any thread, one after the other.
  UploadState state();
  // Which of these digests (32 bytes each) the store has not: a bit each, the lowest of the first
  // byte for the first.
  Answered<std::vector<std::byte>> missing(ByteSpan digests);
  // The entries of BODY are those from number FIRST on. Entries before one that is refused count.
  Answered<UploadState> add(std::uint64_t first, ByteSpan body);
  Answered<WriteReport> publish();

 private:
  Upload(std::string owner, UploadWish wish, std::unique_ptr<Store> store)
      : owner_(std::move(owner)), wish_(std::move(wish)), store_(std::move(store)) {}
  Answered<void> add_one(const UploadEntry& entry);

  const std::string owner_;
  const UploadWish wish_;
  std::mutex mutex_;
  const std::unique_ptr<Store> store_;
  std::unique_ptr<Writer> writer_;  // guarded by mutex_; null once published
  UploadState state_;               // guarded by mutex_
  std::uint64_t size_ = 0;          // guarded by mutex_
};

// That nobody guesses.
std::string draw_upload_id();

// Any thread, several at a time.
class Uploads {
 public:
  // What enters from outside; tests have their own.
  struct Outside {
    std::function<Result<std::unique_ptr<Store>>()> open;  // the store, once for each upload
    std::function<std::chrono::steady_clock::time_point()> now = std::chrono::steady_clock::now;
    std::function<std::string()> draw_id = draw_upload_id;
  };

  // At the same time. Each has an index of the store in memory, and a file open for each pack.
  static constexpr std::size_t kMost = 8;
  // Without a request, before it is given up: a night's broken link is not worth 8 places.
  static constexpr std::chrono::hours kPatience{1};

  Uploads(Tokens tokens, Outside outside)
      : tokens_(std::move(tokens)), outside_(std::move(outside)) {}

  // Whose token it is.
  Answered<std::string> authorize(std::string_view authorization) const;

  struct Begun {
    std::string id;
    std::shared_ptr<Upload> upload;
  };
  // The upload of this owner that has this name, as far as it came; else a new one.
  Answered<Begun> begin(const std::string& owner, UploadWish wish);
  // Of OWNER, and keeps it for another while.
  Answered<std::shared_ptr<Upload>> find(const std::string& owner, const std::string& id);
  // It is over; what it has written goes unless it was published.
  void end(const std::string& id);

 private:
  struct Kept {
    std::shared_ptr<Upload> upload;
    std::chrono::steady_clock::time_point used;
  };
  void give_up_idle();  // with mutex_ held

  const Tokens tokens_;
  const Outside outside_;
  std::mutex mutex_;
  std::map<std::string, Kept> kept_;  // guarded by mutex_
};

}  // namespace orrery::store::serve
