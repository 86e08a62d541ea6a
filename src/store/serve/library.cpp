#include "store/serve/library.hpp"

#include <ctime>

#include <fmt/chrono.h>
#include <nlohmann/json.hpp>

#include "base/format.hpp"
#include "base/log.hpp"

namespace orrery::store::serve {
namespace {

std::string etag_of(ByteSpan manifest) {
  // It ends with its digest.
  Digest digest;
  std::copy_n(manifest.end() - sizeof digest.bytes, sizeof digest.bytes, digest.bytes.begin());
  return format("\"{}\"", to_hex(digest));
}

}  // namespace

Result<std::string> Library::list() {
  const std::lock_guard lock(mutex_);
  ORRERY_TRY(const auto names, store_->images());
  nlohmann::json images = nlohmann::json::array();
  for (const std::string& name : names) {
    const auto image = store_->find_manifest(name);
    if (!image) log::warning("{}; it is left out of the list", image.error().message());
    if (!image || !*image) continue;
    const auto seconds = static_cast<std::time_t>((*image)->created / 1'000'000'000);
    images.push_back({{"name", name},
                      {"size", (*image)->size},
                      {"data", (*image)->data},
                      {"created", format("{:%Y-%m-%dT%H:%M:%SZ}", fmt::gmtime(seconds))},
                      {"content", to_hex((*image)->content)},
                      {"tags", (*image)->tags}});
  }
  return nlohmann::json{{"images", images}}.dump(2) + "\n";
}

Result<std::optional<std::vector<std::byte>>> Library::read_manifest_file(const std::string& name) {
  ORRERY_TRY(const auto file, store_->files().open(image_name(name)));
  if (!file) return std::nullopt;
  ORRERY_TRY(auto bytes, read_whole(*file, kMostManifest));
  if (bytes.size() < sizeof(Digest)) return fail(image_name(name) + ": is damaged");
  return bytes;
}

Result<std::shared_ptr<const OpenImage>> Library::image(const std::string& name) {
  if (!check_name(name)) return nullptr;
  const std::lock_guard lock(mutex_);
  // Until what was read is what was opened: it may be replaced meanwhile, each time by somebody.
  constexpr int kTries = 16;
  for (int i = 0; i < kTries; ++i) {
    ORRERY_TRY(auto bytes, read_manifest_file(name));
    if (!bytes) return nullptr;
    for (auto each = kept_.begin(); each != kept_.end(); ++each) {
      if ((*each)->image->name() != name || (*each)->manifest != *bytes) continue;
      kept_.splice(kept_.begin(), kept_, each);
      return kept_.front();
    }
    ImageOptions options;
    options.cache_bytes = 8_MiB;  // for range reads of the content, which go ahead in order
    ORRERY_TRY(auto image, Image::open(*store_, name, options));
    ORRERY_TRY(const auto again, read_manifest_file(name));
    if (again != bytes) continue;
    auto opened = std::make_shared<OpenImage>();
    opened->etag = etag_of(*bytes);
    opened->manifest = std::move(*bytes);
    opened->image = std::move(image);
    keep(opened);
    return opened;
  }
  return fail(image_name(name) + ": changes all the time");
}

void Library::keep(std::shared_ptr<const OpenImage> opened) {
  kept_.push_front(std::move(opened));
  std::size_t packs = 0;
  for (auto each = kept_.begin(); each != kept_.end(); ++each) {
    packs += (*each)->image->manifest().packs.size();
    if (packs <= kMostPacks || each == kept_.begin()) continue;
    kept_.erase(each, kept_.end());
    return;
  }
}

Result<std::shared_ptr<const StoredFile>> Library::pack(const Digest& id) {
  const std::lock_guard lock(mutex_);
  for (const auto& each : kept_) {
    const std::vector<Digest>& packs = each->image->manifest().packs;
    for (std::uint32_t number = 0; number < packs.size(); ++number) {
      if (packs[number] == id)
        return std::shared_ptr<const StoredFile>(each, &each->image->pack(number).file());
    }
  }
  ORRERY_TRY(auto file, store_->files().open(pack_name(id)));
  return std::shared_ptr<const StoredFile>(std::move(file));
}

}  // namespace orrery::store::serve
