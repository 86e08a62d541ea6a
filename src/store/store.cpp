#include "store/store.hpp"

#include <algorithm>

#include "base/format.hpp"
#include "store/digest.hpp"
#include "store/pack/pack_reader.hpp"

namespace orrery::store {
namespace {

constexpr std::string_view kVersionLine = "orrery store 1\n";

Result<> make_empty_file(Files& files, const std::string& name) {
  ORRERY_TRY(const auto there, files.open(name));
  if (there) return {};
  ORRERY_TRY(const auto file, files.create(name));
  return file->sync();
}

Result<std::string> read_version(Files& files) {
  ORRERY_TRY(const auto file, files.open(kVersionFile));
  if (!file) return std::string();
  ORRERY_TRY(const auto bytes, read_whole(*file, 4096));
  return std::string(reinterpret_cast<const char*>(bytes.data()), bytes.size());
}

// Others' files may be in the folder: then it is not made a store.
Result<> expect_ours(Files& files) {
  ORRERY_TRY(const auto names, files.list(""));
  for (const std::string& name : names) {
    const bool ours = name == kPacks || name == kImages || name == kIncoming || name == kLockFile ||
                      name == kCollectionLock || name == kVersionFile;
    if (ours) continue;
    return fail(
        format("{}: is no image store and holds other files ({}); choose an empty folder, "
               "or one that is not there yet",
               files.path(), name));
  }
  return {};
}

}  // namespace

Result<std::unique_ptr<Store>> Store::open(std::unique_ptr<Files> files) {
  ORRERY_CHECK(load_hasher());
  ORRERY_TRY(const std::string version, read_version(*files));
  if (version.empty()) {
    return fail(files->path() +
                ": is no image store; make one by adding an image with `orrery store add`");
  }
  if (version != kVersionLine) {
    return fail(files->path() +
                ": is a store of a version that is not known here; use the Orrery "
                "that wrote it, or a newer one");
  }
  return std::unique_ptr<Store>(new Store(std::move(files)));
}

Result<std::unique_ptr<Store>> Store::create(std::unique_ptr<Files> files) {
  ORRERY_CHECK(files->make_folder(""));
  ORRERY_TRY(const std::string version, read_version(*files));
  if (!version.empty()) return open(std::move(files));
  ORRERY_CHECK(expect_ours(*files));
  for (const std::string& folder : {kPacks, kImages, kIncoming}) {
    ORRERY_CHECK(files->make_folder(folder));
  }
  for (const std::string& name : {kLockFile, kCollectionLock}) {
    ORRERY_CHECK(make_empty_file(*files, name));
  }
  // Last, whole, and at once: from then on it is a store.
  const std::string made = kIncoming + "/" + kVersionFile;
  ORRERY_CHECK(files->remove(made));
  ORRERY_TRY(const auto file, files->create(made));
  ORRERY_CHECK(file->append(as_bytes(kVersionLine.data(), kVersionLine.size())));
  ORRERY_CHECK(file->sync());
  ORRERY_CHECK(files->sync_folder(""));
  ORRERY_CHECK(files->rename(made, kVersionFile));
  ORRERY_CHECK(files->sync_folder(""));
  return open(std::move(files));
}

Result<std::vector<std::string>> Store::images() const {
  return files_->list(kImages);
}

Result<std::optional<Manifest>> Store::find_manifest(const std::string& name) const {
  ORRERY_CHECK(check_name(name));
  ORRERY_TRY(const auto file, files_->open(image_name(name)));
  if (!file) return std::nullopt;
  const auto parsed = [&]() -> Result<Manifest> {
    ORRERY_TRY(const auto bytes, read_whole(*file, kMostManifest));
    return parse_manifest(bytes);
  }();
  if (!parsed) return fail(parsed.error().context(path() + "/" + image_name(name)));
  return *parsed;
}

Result<Manifest> Store::read_manifest(const std::string& name) const {
  ORRERY_TRY(auto found, find_manifest(name));
  if (found) return std::move(*found);
  return fail(format("{}: has no image \"{}\"; see which it has with `orrery store list {}`",
                     path(), name, path()));
}

Result<std::unique_ptr<FileLock>> Store::lock_images() {
  ORRERY_TRY(auto lock, files_->lock(kLockFile, Files::Lock::kExclusive, Files::Wait::kYes));
  if (!lock) return fail(format("{}/{}: is missing; put an empty file there", path(), kLockFile));
  return lock;
}

Result<> Store::put_manifest(const std::string& name, const Manifest& manifest,
                             const std::string& incoming_prefix) {
  const std::string made = incoming_prefix + ".image";
  ORRERY_CHECK(files_->remove(made));
  ORRERY_TRY(const auto file, files_->create(made));
  ORRERY_CHECK(file->append(encode_manifest(manifest)));
  ORRERY_CHECK(file->sync());
  ORRERY_CHECK(files_->rename(made, image_name(name)));
  return files_->sync_folder(kImages);
}

Result<> Store::remove(const std::string& name) {
  ORRERY_CHECK(check_name(name));
  ORRERY_TRY(const auto lock, lock_images());
  // A damaged one can be removed too.
  ORRERY_TRY(const auto file, files_->open(image_name(name)));
  if (!file) return fail(read_manifest(name).error());
  ORRERY_CHECK(files_->remove(image_name(name)));
  return files_->sync_folder(kImages);
}

Result<> Store::tag(const std::string& name, const std::vector<std::string>& added,
                    const std::vector<std::string>& removed) {
  for (const std::string& tag : added) ORRERY_CHECK(check_name(tag));
  ORRERY_TRY(const auto lease, Lease::take(*files_));
  ORRERY_TRY(const auto lock, lock_images());
  ORRERY_TRY(Manifest manifest, read_manifest(name));
  std::vector<std::string>& tags = manifest.tags;
  for (const std::string& tag : removed) {
    if (std::erase(tags, tag) == 0) {
      return fail(format("{} has no tag \"{}\"; see which it has with `orrery store show {} {}`",
                         name, tag, path(), name));
    }
  }
  for (const std::string& tag : added) {
    if (std::find(tags.begin(), tags.end(), tag) == tags.end()) tags.push_back(tag);
  }
  if (tags.size() > kMostTags) return fail(format("an image has {} tags at most", kMostTags));
  return put_manifest(name, manifest, lease->prefix());
}

}  // namespace orrery::store
