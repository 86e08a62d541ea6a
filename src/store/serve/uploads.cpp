#include "store/serve/uploads.hpp"

#include <algorithm>
#include <random>

#include "base/format.hpp"
#include "base/log.hpp"

namespace orrery::store::serve {
namespace {

constexpr std::uint64_t kMostBytes = 1ull << 62;  // of a disk
constexpr std::uint64_t kSectorSize = 512;

std::unexpected<Refusal> refuse(unsigned status, std::string text) {
  return std::unexpected(Refusal{status, std::move(text)});
}

// Something of the server's own.
std::unexpected<Refusal> broken(const Error& error) {
  log::warning("store server: an upload: {}", error.message());
  return refuse(500, "the store cannot take it; its server's log says more");
}

std::uint64_t nanoseconds_now() {
  return static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::nanoseconds>(
                                        std::chrono::system_clock::now().time_since_epoch())
                                        .count());
}

}  // namespace

Result<std::unique_ptr<Upload>> Upload::create(std::string owner, UploadWish wish,
                                               std::unique_ptr<Store> store) {
  std::unique_ptr<Upload> upload(new Upload(std::move(owner), std::move(wish), std::move(store)));
  WriterOptions options;
  options.threads = 2;  // one compresses while the other is written
  ORRERY_TRY(upload->writer_, Writer::create(*upload->store_, options));
  return upload;
}

UploadState Upload::state() {
  const std::lock_guard lock(mutex_);
  return state_;
}

Answered<std::vector<std::byte>> Upload::missing(ByteSpan digests) {
  const std::lock_guard lock(mutex_);
  constexpr std::size_t kDigest = sizeof(Digest);
  const std::size_t count = digests.size() / kDigest;
  if (digests.size() % kDigest != 0 || count > kMostAsked) {
    return refuse(400, format("digests of 32 bytes belong here, {} at most", kMostAsked));
  }
  if (!writer_) return refuse(404, "this upload is published");
  std::vector<std::byte> bits((count + 7) / 8);
  for (std::size_t i = 0; i < count; ++i) {
    Digest digest;
    std::copy_n(digests.begin() + static_cast<std::ptrdiff_t>(i * kDigest), kDigest,
                digest.bytes.begin());
    if (!writer_->has(digest)) bits[i / 8] |= std::byte{1} << (i % 8);
  }
  return bits;
}

Answered<UploadState> Upload::add(std::uint64_t first, ByteSpan body) {
  const std::lock_guard lock(mutex_);
  if (!writer_) return refuse(404, "this upload is published");
  if (first != state_.entries()) {
    return refuse(409, format("entry {} is next here, not {}", state_.entries(), first));
  }
  const auto unpacked = unpack_body(body);
  if (!unpacked) return refuse(400, unpacked.error().message());
  for (ByteSpan rest = *unpacked;;) {
    const auto entry = take_entry(rest);
    if (!entry) return refuse(400, entry.error().message());
    if (!*entry) break;
    const auto added = add_one(**entry);
    if (!added) return std::unexpected(added.error());
    state_.add(**entry);
    size_ += (*entry)->length;
  }
  return state_;
}

Answered<void> Upload::add_one(const UploadEntry& entry) {
  using Kind = UploadEntry::Kind;
  if (entry.length > kMostBytes - size_) {
    return refuse(400, format("a disk has {} bytes at most", kMostBytes));
  }
  if (entry.kind == Kind::kZeroes) {
    const Result<> added = writer_->add_zeroes(entry.length);
    if (!added) return broken(added.error());
    return {};
  }
  if (entry.kind == Kind::kData) {
    if (Hasher().digest(entry.bytes) != entry.digest) {
      return refuse(400, "a segment is not what its digest says");
    }
    const Result<> added = writer_->add_segment(entry.bytes, entry.digest);
    if (!added) return broken(added.error());
    return {};
  }
  const Result<bool> there = writer_->refer(entry.digest, static_cast<std::uint32_t>(entry.length));
  if (!there) return refuse(400, there.error().message());
  if (!*there) {
    return refuse(409, format("the segment {} is not here, or not any more; send it",
                              short_hex(entry.digest)));
  }
  return {};
}

Answered<WriteReport> Upload::publish() {
  const std::lock_guard lock(mutex_);
  if (!writer_) return refuse(404, "this upload is published");
  if (size_ == 0 || size_ % kSectorSize != 0) {
    return refuse(400, format("{} bytes: a disk has a multiple of 512 bytes", size_));
  }
  const auto there = store_->files().open(image_name(wish_.name));
  if (!there) return broken(there.error());
  if (*there && !wish_.replace) {
    return refuse(409, format("there is an image \"{}\" already; choose another name, or replace "
                              "it with --replace",
                              wish_.name));
  }
  const auto existing = wish_.replace ? Writer::Existing::kReplace : Writer::Existing::kRefuse;
  auto report = writer_->publish(wish_.name, wish_.tags, nanoseconds_now(), existing);
  writer_.reset();
  if (!report) return broken(report.error());
  return *report;
}

std::string draw_upload_id() {
  std::random_device random;
  return format("{:08x}{:08x}{:08x}{:08x}", random(), random(), random(), random());
}

Answered<std::string> Uploads::authorize(std::string_view authorization) const {
  auto name = tokens_.name_of(authorization);
  if (!name) {
    return refuse(401, "a token of this server is needed: \"Authorization: Bearer TOKEN\"");
  }
  return *name;
}

void Uploads::give_up_idle() {
  std::erase_if(kept_,
                [&](const auto& each) { return outside_.now() - each.second.used > kPatience; });
}

Answered<Uploads::Begun> Uploads::begin(const std::string& owner, UploadWish wish) {
  for (const std::string& name : wish.tags) {
    if (const Result<> checked = check_name(name); !checked) {
      return refuse(400, checked.error().message());
    }
  }
  if (const Result<> checked = check_name(wish.name); !checked) {
    return refuse(400, checked.error().message());
  }
  const std::lock_guard lock(mutex_);
  give_up_idle();
  const auto same = std::find_if(kept_.begin(), kept_.end(), [&](const auto& each) {
    const Upload& upload = *each.second.upload;
    return upload.owner() == owner && upload.wish().name == wish.name;
  });
  if (same != kept_.end()) {
    if (same->second.upload->wish() == wish) {
      same->second.used = outside_.now();
      return Begun{same->first, same->second.upload};
    }
    kept_.erase(same);
  }
  if (kept_.size() >= kMost) {
    return refuse(503, format("{} uploads are under way, which is as many as there may be; try "
                              "again later",
                              kMost));
  }
  auto store = outside_.open();
  if (!store) return broken(store.error());
  auto upload = Upload::create(owner, std::move(wish), std::move(*store));
  if (!upload) return broken(upload.error());
  const std::string id = outside_.draw_id();
  return Begun{id,
               kept_.emplace(id, Kept{std::move(*upload), outside_.now()}).first->second.upload};
}

Answered<std::shared_ptr<Upload>> Uploads::find(const std::string& owner, const std::string& id) {
  const std::lock_guard lock(mutex_);
  give_up_idle();
  const auto found = kept_.find(id);
  if (found == kept_.end() || found->second.upload->owner() != owner) {
    return refuse(404, "there is no such upload, or not any more");
  }
  found->second.used = outside_.now();
  return found->second.upload;
}

void Uploads::end(const std::string& id) {
  const std::lock_guard lock(mutex_);
  kept_.erase(id);
}

}  // namespace orrery::store::serve
