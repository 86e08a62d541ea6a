#include "storage/store/remote_disk.hpp"

#include <algorithm>
#include <cstdlib>
#include <set>
#include <utility>

#include "base/format.hpp"
#include "base/log.hpp"
#include "base/loop/worker_pool.hpp"
#include "storage/request/request_check.hpp"
#include "storage/store/image_requests.hpp"
#include "storage/store/store_disk.hpp"
#include "store/image.hpp"
#include "store/remote/access_record.hpp"
#include "store/remote/remote_files.hpp"
#include "store/segmenter.hpp"

namespace orrery::storage {
namespace {

using store::Image;
using store::remote::AccessRecord;
using store::remote::CachedPack;
using store::remote::Fetcher;
using store::remote::PackCache;

// The parts in the order of their lives: what stands later uses what stands before.
struct Parts {
  std::unique_ptr<PackCache> cache;
  std::unique_ptr<Image> image;
  std::vector<std::shared_ptr<CachedPack>> packs;  // by their number in the manifest
  std::unique_ptr<AccessRecord> record;
  std::unique_ptr<Fetcher> fetcher;
  std::uint64_t received = 0;  // to open it
};

class RemoteDisk final : public port::Blocks {
 public:
  RemoteDisk(EventLoop& loop, std::string path, Parts parts, const std::string& serial)
      : loop_(loop), path_(std::move(path)), parts_(std::move(parts)) {
    geometry_.size = Bytes(parts_.image->size());
    geometry_.physical_block_size = store::kBlock;
    geometry_.read_only = true;
    geometry_.serial = serial;
    fetch_ahead();
  }
  ~RemoteDisk() override {
    parts_.fetcher->stop();
    parts_.record->save();
    const auto counters = all_counters();
    log::info("{}: {:.1f} MiB were fetched in {} requests", path_,
              static_cast<double>(counters.bytes) / (1 << 20), counters.requests);
  }

  const Image& image() const { return *parts_.image; }
  const port::BlockGeometry& geometry() const override { return geometry_; }
  store::remote::FetchCounters all_counters() const {
    auto counters = parts_.fetcher->counters();
    counters.bytes += parts_.received;
    return counters;
  }

  void submit(port::BlockRequest request, Completion completion) override {
    const Result<> checked = check_request(request, geometry_, path_);
    if (!checked || request.kind == port::BlockRequest::Kind::kFlush) {
      return answer(std::move(completion), checked);
    }
    auto read = std::make_shared<Read>();
    read->request = std::move(request);
    read->completion = std::move(completion);
    workers_.post([this, read] { look(read); });
  }

  void map(std::uint64_t offset, std::uint64_t length, MapCompletion completion) override {
    const std::uint64_t size = image().size();
    Result<port::BlockExtent> found = fail(
        format("{}: {} bytes at {} lie outside the disk of {} bytes", path_, length, offset, size));
    if (offset < size && length != 0) {
      const Image::Stretch stretch = image().stretch_at(offset);
      found = port::BlockExtent{.length = std::min(length, stretch.length),
                                .allocated = true,
                                .zeroes = stretch.zeroes,
                                .host_offset = std::nullopt};
    }
    answer(std::move(completion), std::move(found));
  }

  void resize(Bytes /*size*/, Completion completion) override {
    answer(std::move(completion), Result<>(fail(path_ + ": an image of a store keeps its size")));
  }

 private:
  struct Read {
    port::BlockRequest request;
    Completion completion;
    unsigned attempts = 0;  // to read what was said to be here
  };

  void fetch_ahead() {
    std::vector<Image::GroupPlace> ahead;
    for (const std::uint64_t offset : parts_.record->earlier()) {
      if (offset >= image().size()) continue;
      for (const Image::GroupUse& use : image().groups_in(offset, 1)) ahead.push_back(use.place);
    }
    if (!ahead.empty()) parts_.fetcher->fetch_ahead(ahead);
  }

  // On a worker: reads what is here, or has it fetched first.
  void look(const std::shared_ptr<Read>& read) {
    const port::BlockRequest& request = read->request;
    std::set<Image::GroupPlace> groups;
    std::vector<Image::GroupPlace> missing;
    for (const Image::GroupUse& use : image().groups_in(request.offset, request.length)) {
      if (!groups.insert(use.place).second) continue;
      parts_.record->note(use.place, use.offset);
      if (!parts_.packs[use.place.pack]->holds(use.place.group)) missing.push_back(use.place);
    }
    if (!missing.empty()) {
      return parts_.fetcher->want(missing, [this, read](const Result<>& fetched) {
        if (!fetched) return answer(std::move(read->completion), fetched);
        workers_.post([this, read] { look(read); });
      });
    }
    const Result<> done = read_image(image(), request);
    if (done) return answer(std::move(read->completion), done);
    // Others may have given it up for room since we looked; or it is not what its digests say,
    // although it has its check.
    constexpr unsigned kMostAttempts = 4;
    if (++read->attempts == kMostAttempts) {
      log::warning("{}", done.error().message());
      return answer(std::move(read->completion), done);
    }
    for (const Image::GroupPlace& group : groups) parts_.packs[group.pack]->drop(group.group);
    look(read);
  }

  template <typename Answer, typename T>
  void answer(Answer completion, Result<T> result) {
    answer_on_loop(loop_, alive_, std::move(completion), std::move(result));
  }

  EventLoop& loop_;
  const std::string path_;
  Parts parts_;
  port::BlockGeometry geometry_;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
  WorkerPool workers_{processors()};  // the last: they end first
};

Result<Parts> open_parts(const RemoteDiskOptions& options) {
  namespace remote = store::remote;
  ORRERY_TRY(const remote::RemoteName name, remote::parse_remote_name(options.path));
  std::string folder = options.cache.folder;
  if (folder.empty()) {
    ORRERY_TRY(folder, usual_cache_folder());
  }
  Parts parts;
  const Bytes most = options.cache.size.value_or(kUsualCacheSize);
  ORRERY_TRY(parts.cache, PackCache::open(folder, most.value()));
  ORRERY_TRY(auto server, remote::find_store_server(name, options.cache.certificate));
  ORRERY_TRY(const auto interrupt, remote::Interrupt::create());
  auto owned = std::make_unique<remote::RemoteFiles>(name, server, *interrupt, options.fetch.times,
                                                     *parts.cache);
  const remote::RemoteFiles& files = *owned;
  ORRERY_TRY(const auto opened, store::Store::open(std::move(owned)));
  ORRERY_TRY(parts.image, Image::open(*opened, name.image, {}));
  ORRERY_CHECK(parts.image->check_content());
  parts.received = files.received();
  parts.record = std::make_unique<AccessRecord>(
      parts.cache->open_image_file(files.key(name.image) + ".order"));
  std::vector<remote::FetchedPack> fetched;
  const std::vector<store::Digest>& packs = parts.image->manifest().packs;
  for (std::uint32_t number = 0; number < packs.size(); ++number) {
    const store::PackTable& table = parts.image->pack(number).table();
    parts.packs.push_back(files.cached(packs[number]));
    parts.packs.back()->set_table(table);
    fetched.push_back(
        {.path = "/" + store::pack_name(table.id), .table = &table, .cached = parts.packs.back()});
  }
  ORRERY_TRY(parts.fetcher, Fetcher::create(options.path, std::move(server), *parts.cache,
                                            std::move(fetched), options.fetch));
  return parts;
}

}  // namespace

bool names_remote_image(std::string_view path) {
  return path.starts_with(store::remote::kScheme);
}

Result<std::string> usual_cache_folder() {
  const auto variable = [](const char* name) {
    // Nobody here sets variables.
    const char* const value = std::getenv(name);  // NOLINT(concurrency-mt-unsafe)
    return std::string(value == nullptr ? "" : value);
  };
  const std::string cache = variable("XDG_CACHE_HOME");
  if (!cache.empty()) return cache + "/orrery/segments";
  const std::string home = variable("HOME");
  if (!home.empty()) return home + "/.cache/orrery/segments";
  return fail("there is no HOME to keep a cache in; name a folder with \"cache=FOLDER\"");
}

Result<std::unique_ptr<port::Blocks>> open_remote_disk(EventLoop& loop,
                                                       const RemoteDiskOptions& options) {
  auto parts = open_parts(options);
  if (!parts) return fail(parts.error().context(options.path));
  return std::make_unique<RemoteDisk>(loop, options.path, std::move(*parts), options.serial);
}

DiskIdentity identity_of_remote_disk(const port::Blocks& disk) {
  const auto* const found = dynamic_cast<const RemoteDisk*>(&disk);
  return found == nullptr ? DiskIdentity{} : identity_of_image(found->image());
}

store::remote::FetchCounters counters_of_remote_disk(const port::Blocks& disk) {
  const auto* const found = dynamic_cast<const RemoteDisk*>(&disk);
  return found == nullptr ? store::remote::FetchCounters{} : found->all_counters();
}

}  // namespace orrery::storage
