#include "store/remote/pack_cache.hpp"

#include <algorithm>
#include <cerrno>
#include <filesystem>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/format.hpp"
#include "base/log.hpp"
#include "store/remote/access_record.hpp"

namespace orrery::store::remote {
namespace {

// Between two counts of the whole folder: a count takes a system call for each pack.
constexpr std::uint64_t kCountAfter = 16 << 20;

std::uint64_t bytes_of(const struct stat& status) {
  constexpr std::uint64_t kStatBlock = 512;
  return static_cast<std::uint64_t>(status.st_blocks) * kStatBlock;
}

bool lock(int file, short type) {
  struct flock range {};
  range.l_type = type;
  range.l_whence = SEEK_SET;
  return ::fcntl(file, F_OFD_SETLK, &range) == 0;
}

}  // namespace

Result<std::unique_ptr<PackCache>> PackCache::open(const std::string& folder,
                                                   std::uint64_t most_bytes) {
  std::unique_ptr<PackCache> cache(new PackCache(folder, most_bytes));
  for (const std::string& each : {folder + "/packs", folder + "/images"}) {
    std::error_code error;
    std::filesystem::create_directories(each, error);
    if (error) {
      return fail_errno(format("{}: the cache cannot be made there; name another folder with "
                               "\"cache=FOLDER\"",
                               each),
                        error.value());
    }
  }
  cache->listing_.reset(::opendir((folder + "/packs").c_str()));
  if (!cache->listing_) return fail_errno(folder + "/packs: cannot be listed");
  cache->remove_old_packs();
  return cache;
}

std::uint64_t PackCache::used_bytes() {
  std::uint64_t bytes = 0;
  ::rewinddir(listing_.get());
  // (A listing of its own, under a lock.)
  // NOLINTNEXTLINE(concurrency-mt-unsafe)
  while (const dirent* const entry = ::readdir(listing_.get())) {
    struct stat status {};
    if (::fstatat(::dirfd(listing_.get()), entry->d_name, &status, AT_SYMLINK_NOFOLLOW) == 0 &&
        S_ISREG(status.st_mode)) {
      bytes += bytes_of(status);
    }
  }
  return bytes;
}

void PackCache::remove_old_packs() {
  struct Old {
    std::int64_t used;
    std::string path;
    std::uint64_t bytes;
  };
  const std::lock_guard lock_guard(mutex_);
  std::uint64_t used = 0;
  std::vector<Old> packs;
  std::error_code error;
  for (std::filesystem::directory_iterator each(folder_ + "/packs", error);
       !error && each != std::filesystem::directory_iterator(); each.increment(error)) {
    struct stat status {};
    if (::lstat(each->path().c_str(), &status) != 0 || !S_ISREG(status.st_mode)) continue;
    used += bytes_of(status);
    packs.push_back({status.st_mtim.tv_sec, each->path().string(), bytes_of(status)});
  }
  std::sort(packs.begin(), packs.end(), [](const Old& a, const Old& b) { return a.used < b.used; });
  for (const Old& pack : packs) {
    if (used <= most_bytes_) return;
    const FileDescriptor file(::open(pack.path.c_str(), O_RDWR | O_CLOEXEC));
    if (!file || !lock(file.get(), F_WRLCK)) continue;  // a VM uses it
    if (::unlink(pack.path.c_str()) == 0) used -= pack.bytes;
  }
}

Result<std::shared_ptr<CachedPack>> PackCache::pack(const Digest& id) {
  const std::string path = folder_ + "/packs/" + to_hex(id);
  // Another process may remove it just before it is locked.
  constexpr int kTries = 8;
  for (int i = 0; i < kTries; ++i) {
    FileDescriptor file(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644));
    if (!file) return fail_errno(path + ": cannot be opened");
    struct stat status {};
    if (!lock(file.get(), F_RDLCK) || ::fstat(file.get(), &status) != 0 || status.st_nlink == 0) {
      continue;
    }
    ::futimens(file.get(), nullptr);  // used now
    packs_.push_back(std::make_shared<CachedPack>(std::move(file), path, state_));
    return packs_.back();
  }
  return fail(path + ": others remove it all the time");
}

std::optional<std::vector<std::byte>> PackCache::read_image_file(const std::string& key) const {
  const auto files = host_files(folder_ + "/images");
  const auto file = files->open(key);
  if (!file || !*file) return std::nullopt;
  auto bytes = read_whole(**file, kMostImageFile);
  if (!bytes) return std::nullopt;
  return std::move(*bytes);
}

void PackCache::write_image_file(const std::string& key, ByteSpan bytes) const {
  const auto files = host_files(folder_ + "/images");
  const std::string made = format("{}.{}", key, ::getpid());
  const auto write = [&]() -> Result<> {
    ORRERY_CHECK(files->remove(made));
    ORRERY_TRY(const auto file, files->create(made));
    ORRERY_CHECK(file->append(bytes));
    return files->rename(made, key);
  };
  const Result<> written = write();
  if (!written) log::warning("{}; the cache does without it", written.error().message());
}

FileDescriptor PackCache::open_image_file(const std::string& key) const {
  const std::string path = folder_ + "/images/" + key;
  return FileDescriptor(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644));
}

void PackCache::added(std::uint64_t bytes) {
  const std::lock_guard lock_guard(mutex_);
  added_ += bytes;
  if (added_ < std::min(kCountAfter, most_bytes_ / 8)) return;
  added_ = 0;
  if (used_bytes() > most_bytes_) give_up_groups();
}

// Those used the longest time ago, until a tenth is free; those that were here before this process
// and that it has not used come first.
void PackCache::give_up_groups() {
  struct Old {
    std::uint64_t used;
    CachedPack* pack;
    std::size_t group;
  };
  state_.full.store(true, std::memory_order_relaxed);
  std::vector<Old> groups;
  for (const auto& pack : packs_) {
    for (std::size_t i = 0; i < pack->groups(); ++i)
      groups.push_back({pack->used(i), pack.get(), i});
  }
  std::sort(groups.begin(), groups.end(),
            [](const Old& a, const Old& b) { return a.used < b.used; });
  constexpr std::size_t kAtOnce = 32;
  for (std::size_t i = 0; i < groups.size(); ++i) {
    if (i % kAtOnce == 0 && used_bytes() <= most_bytes_ / 10 * 9) return;
    groups[i].pack->drop(groups[i].group);
  }
}

}  // namespace orrery::store::remote
