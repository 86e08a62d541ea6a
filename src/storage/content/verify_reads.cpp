#include "storage/content/verify_reads.hpp"

#include "base/format.hpp"
#include "storage/chain_link.hpp"
#include "storage/content/open_link.hpp"
#include "storage/content/verified_disk.hpp"
#include "storage/content_root.hpp"
#include "storage/io/open_file.hpp"
#include "storage/qcow2/disk.hpp"
#include "storage/store/store_disk.hpp"

namespace orrery::storage {
namespace {

Result<VerifiedDisk::Link> verified_link(const std::string& path, OpenLink opened,
                                         const store::Digest& root) {
  auto list = read_segment_list(path, root);
  if (!list) {
    return fail(
        format("{}; without it reads of {} cannot be verified: `orrery disk seal --segments` "
               "writes it anew, of what the disk holds now",
               list.error().message(), path));
  }
  if (list->size != opened.disk->geometry().size.value()) {
    return fail(format("{}: changed: has {} bytes, and {} were recorded", path,
                       opened.disk->geometry().size.value(), list->size));
  }
  return VerifiedDisk::Link{.path = path,
                            .disk = std::move(opened.disk),
                            .expected = std::move(*list),
                            .recorded = describe(opened.identity)};
}

// What an image says of the one below it.
struct Below {
  std::optional<DiskOptions> options;
  std::optional<store::Digest> root;
};

Result<Below> below(const std::string& path, const qcow2::Image& image) {
  Below below;
  const auto roots = qcow2::read_content_roots(image.header(), image.identities());
  if (!roots) return fail(roots.error().context(path));
  below.root = roots->parent;
  if (!image.header().backing.empty()) {
    ORRERY_TRY(below.options, options_below(path, image.header()));
  }
  return below;
}

class LinkOpener {
 public:
  LinkOpener(EventLoop& loop, const std::string& path)
      : loop_(loop), queue_(create_queue(loop, path)) {}

  // OPTIONS: of a link that nobody writes. EXPECTED: what the link above says of it. Gives what it
  // says itself of the one below.
  Result<Below> add(const DiskOptions& options, const std::optional<store::Digest>& expected) {
    ORRERY_TRY(OpenLink link, open_link(loop_, options, queue_));
    const std::optional<store::Digest> root = expected ? expected : link.roots.own;
    if (!root) {
      return fail(
          format("{0}: no content is recorded, so its reads cannot be verified; `orrery "
                 "disk seal --segments` of it, or of the disk over it if it is no qcow2, "
                 "records it",
                 options.path));
    }
    Below below{link.below, link.roots.parent};
    ORRERY_TRY(auto verified, verified_link(options.path, std::move(link), *root));
    links_.push_back(std::move(verified));
    return below;
  }
  std::vector<VerifiedDisk::Link> take() { return std::move(links_); }

 private:
  EventLoop& loop_;
  const std::shared_ptr<DiskQueue> queue_;
  std::vector<VerifiedDisk::Link> links_;
};

// Those below the disk, and the disk itself if it cannot change.
Result<std::vector<VerifiedDisk::Link>> open_links(EventLoop& loop, const DiskOptions& options,
                                                   const port::Blocks& disk) {
  const auto* const top = dynamic_cast<const qcow2::Disk*>(&disk);
  if (top == nullptr) {
    return fail(options.path + ": is no qcow2; what is verified are a qcow2's parents");
  }
  LinkOpener opener(loop, options.path);
  if (options.read_only && options.snapshot.empty() && recorded_root(disk)) {
    DiskOptions itself = options;
    itself.verify_reads = false;
    itself.format = Format::kQcow2;
    ORRERY_TRY(const Below unused, opener.add(itself, std::nullopt));
  }
  ORRERY_TRY(Below next, below(options.path, top->image()));
  while (next.options && !names_store_image(next.options->path)) {
    ORRERY_TRY(next, opener.add(*next.options, next.root));
  }
  return opener.take();
}

}  // namespace

Result<std::unique_ptr<port::Blocks>> verify_reads(EventLoop& loop, const DiskOptions& options,
                                                   std::unique_ptr<port::Blocks> disk) {
  ORRERY_CHECK(store::load_hasher());
  ORRERY_TRY(auto links, open_links(loop, options, *disk));
  return std::make_unique<VerifiedDisk>(loop, options.path, std::move(disk), std::move(links));
}

}  // namespace orrery::storage
