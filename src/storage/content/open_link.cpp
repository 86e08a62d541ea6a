#include "storage/content/open_link.hpp"

#include "storage/chain_link.hpp"
#include "storage/io/open_file.hpp"
#include "storage/qcow2/disk.hpp"

namespace orrery::storage {

Result<OpenLink> open_link(EventLoop& loop, const DiskOptions& options,
                           const std::shared_ptr<DiskQueue>& queue) {
  OpenLink link;
  if (options.format != Format::kQcow2) {
    ORRERY_TRY(link.disk, open_disk(loop, options));
    ORRERY_TRY(link.identity, identity_of(*link.disk, options.path));
    return link;
  }
  ORRERY_TRY(auto file, open_image_file(queue, options.path, FileAccess::kRead));
  ORRERY_TRY(auto disk, qcow2::Disk::open(loop, std::move(file), {}));
  const qcow2::Image& image = disk->image();
  link.recorded = image.identities();
  const auto roots = qcow2::read_content_roots(image.header(), image.identities());
  if (!roots) return fail(roots.error().context(options.path));
  link.roots = *roots;
  if (!image.header().backing.empty()) {
    ORRERY_TRY(link.below, options_below(options.path, image.header()));
  }
  ORRERY_TRY(link.identity, identity_of(*disk, options.path));
  link.disk = std::move(disk);
  return link;
}

}  // namespace orrery::storage
