// Opening a disk with what lies below it, link by link.
#include <algorithm>

#include <sys/stat.h>
#include <unistd.h>

#include "base/format.hpp"
#include "storage/chain_link.hpp"
#include "storage/content/verify_reads.hpp"
#include "storage/disk_image.hpp"
#include "storage/io/open_file.hpp"
#include "storage/lease/lease_keeper.hpp"
#include "storage/luks/disk.hpp"
#include "storage/qcow2/chain/chain.hpp"
#include "storage/qcow2/content_record.hpp"
#include "storage/qcow2/disk.hpp"
#include "storage/raw_disk.hpp"
#include "storage/request/read_disk.hpp"
#include "storage/store/remote_disk.hpp"
#include "storage/store/store_disk.hpp"
#include "storage/tools/disk_tools.hpp"
#include "storage/vhd/image.hpp"
#include "storage/vhdx/disk.hpp"
#include "storage/vmdk/image.hpp"
#include "storage/windows_path.hpp"

namespace orrery::storage {
namespace {

// Of these many on, more files may be open than the usual soft limit of 1024 allows.
constexpr std::size_t kManyLinks = 128;

std::string not_direct(const std::string& path) {
  return path + ": \"direct\" is for raw disks only so far; leave it away";
}

FileAccess access_of(const DiskOptions& options) {
  if (options.read_only) return FileAccess::kRead;
  return options.write_behind ? FileAccess::kWriteBehind : FileAccess::kWrite;
}

class ChainOpener {
 public:
  ChainOpener(EventLoop& loop, CacheOptions cache, OpenReport& report)
      : loop_(loop), cache_(std::move(cache)), report_(report) {}

  Result<std::unique_ptr<port::Blocks>> open(const DiskOptions& options) {
    if (names_store_image(options.path)) return open_store_image(options);
    ORRERY_CHECK(enter(options.path));
    ORRERY_TRY(const Format format, choose_format(options.path, options.format));
    if (format == Format::kQcow2) return open_qcow2(options);
    if (!options.snapshot.empty()) {
      return fail(orrery::format("{}: a {} has no snapshots; leave \"snapshot=\" away",
                                 options.path, name_of(format)));
    }
    if (format != Format::kRaw && options.direct) return fail(not_direct(options.path));
    if (format == Format::kVhdx) return open_vhdx(options);
    if (format == Format::kVhd) return open_vhd(options);
    if (format == Format::kVmdk) return open_read_only<vmdk::Image>(options, format);
    RawDiskOptions raw{.path = options.path,
                       .read_only = options.read_only,
                       .direct = options.direct,
                       .write_behind = options.write_behind,
                       .serial = options.serial,
                       .stays_raw = !options.format};
    auto disk = open_raw_disk(loop_, raw);
    if (!disk) return fail(disk.error().context(options.path));
    return disk;
  }

 private:
  Result<> enter(const std::string& path);
  // One for all images of a chain.
  std::shared_ptr<DiskQueue> queue(const std::string& path) {
    if (queue_ == nullptr) queue_ = create_queue(loop_, path);
    return queue_;
  }
  Result<std::unique_ptr<port::Blocks>> open_store_image(const DiskOptions& options);
  Result<std::unique_ptr<port::Blocks>> open_qcow2(const DiskOptions& options);
  Result<> open_backing(qcow2::Disk& disk);
  Result<std::unique_ptr<port::Blocks>> open_vhdx(const DiskOptions& options);
  Result<> open_parent(vhdx::Disk& disk);
  template <typename Image>
  Result<std::unique_ptr<ReadDisk>> open_read_only(const DiskOptions& options, Format format);
  Result<std::unique_ptr<port::Blocks>> open_vhd(const DiskOptions& options);

  EventLoop& loop_;
  const CacheOptions cache_;
  OpenReport& report_;
  ChainLinks links_;
  std::shared_ptr<DiskQueue> queue_;
};

Result<> ChainOpener::enter(const std::string& path) {
  ORRERY_CHECK(links_.enter(path));
  if (links_.count() == kManyLinks) allow_many_files();
  return {};
}

Result<std::unique_ptr<port::Blocks>> ChainOpener::open_store_image(const DiskOptions& options) {
  if (!options.read_only) {
    return fail(
        format("{0}: an image of a store is only read; add \"readonly\", or "
               "\"overlay=NEW.qcow2\" for a disk over it that is written",
               options.path));
  }
  if (options.direct || !options.snapshot.empty()) {
    return fail(options.path +
                ": \"direct\" and \"snapshot=\" are not for images of a store; leave "
                "them away");
  }
  if (!names_remote_image(options.path)) {
    return open_store_disk(loop_, options.path, options.serial);
  }
  report_.remote = true;
  return open_remote_disk(
      loop_, {.path = options.path, .serial = options.serial, .cache = cache_, .fetch = {}});
}

Result<std::unique_ptr<port::Blocks>> ChainOpener::open_qcow2(const DiskOptions& options) {
  if (options.direct) return fail(not_direct(options.path));
  if (!options.snapshot.empty() && !options.read_only) {
    return fail(options.path + ": a snapshot is only read; add \"readonly\"");
  }
  ORRERY_TRY(auto file, open_image_file(queue(options.path), options.path, access_of(options)));
  qcow2::DiskOptions qcow2;
  qcow2.access = options.read_only ? qcow2::Access::kRead : qcow2::Access::kWrite;
  qcow2.serial = options.serial;
  qcow2.snapshot = options.snapshot;
  ORRERY_TRY(auto disk, qcow2::Disk::open(loop_, std::move(file), qcow2));
  ORRERY_CHECK(open_backing(*disk));
  return disk;
}

// An image of a chain and what its header names below it.
struct Link {
  const std::string& path;
  const qcow2::Header& header;
  const DiskIdentity& parent;  // as it was recorded
};

// Without reading data: what another program wrote and hid is found by comparing only.
Result<> check_link(const Link& link, const std::string& below, const DiskIdentity& found) {
  const DiskIdentity& expected = link.parent;
  if (expected.kind == DiskIdentity::Kind::kNone || expected == found) return {};
  const auto record = qcow2::read_content_roots(link.header, {});
  if (!record) return fail(record.error().context(link.path));  // then nothing is known of FOUND
  const bool foreign =
      expected.kind == DiskIdentity::Kind::kIdentifier && found.kind == DiskIdentity::Kind::kFile;
  return fail(format(
      "{0}: its backing file {1} is not what it was: the content {2} was expected, and it is "
      "{3}{4}. {0} would read as a mixture of both, so it is not opened. Bring the old file "
      "back; or name where it is now with `orrery disk rebase --verify --backing FILE {0}`; "
      "or, only if you know that {1} still reads the same, keep it with `orrery disk rebase "
      "--unchecked --backing {5} {0}`",
      link.path, below, describe(expected), describe(found),
      foreign ? ", written by a program that keeps no identifiers" : "", link.header.backing));
}

Result<DiskIdentity> identity_of(const qcow2::Layer& layer) {
  if (layer.identities.own.kind != DiskIdentity::Kind::kNone) return layer.identities.own;
  return identity_of_file(layer.file->path());
}

// All links that are qcow2 are one chain, which an index is kept of; a disk of another format ends
// it.
Result<> ChainOpener::open_backing(qcow2::Disk& disk) {
  const qcow2::Image& top = disk.image();
  std::vector<qcow2::Layer> layers;
  std::unique_ptr<Below> base;
  const auto lowest = [&]() -> Link {
    if (layers.empty()) return {top.path(), top.header(), top.identities().parent};
    const qcow2::Layer& last = layers.back();
    return {last.file->path(), last.header, last.identities.parent};
  };
  while (base == nullptr && !lowest().header.backing.empty()) {
    const Link above = lowest();
    ORRERY_TRY(const DiskOptions below, options_below(above.path, above.header));
    DiskIdentity found;
    if (below.format == Format::kQcow2 && !names_store_image(below.path)) {
      ORRERY_CHECK(enter(below.path));
      auto layer = qcow2::open_layer(below.path, queue(below.path));
      if (!layer) return fail(layer.error().context(above.path + ": its backing file"));
      ORRERY_TRY(found, identity_of(*layer));
      ORRERY_CHECK(check_link(above, below.path, found));
      layers.push_back(std::move(*layer));
    } else {
      auto opened = open(below);
      if (!opened) return fail(opened.error().context(above.path + ": its backing file"));
      ORRERY_TRY(found, storage::identity_of(**opened, below.path));
      ORRERY_CHECK(check_link(above, below.path, found));
      base = create_disk_below(std::move(*opened));
    }
  }
  if (!layers.empty()) {
    base = std::make_unique<qcow2::Chain>(std::move(layers), std::move(base));
  }
  if (base != nullptr) disk.set_below(std::move(base));
  return {};
}

Result<std::unique_ptr<port::Blocks>> ChainOpener::open_vhdx(const DiskOptions& options) {
  ORRERY_TRY(auto file, open_image_file(queue(options.path), options.path, access_of(options)));
  vhdx::DiskOptions vhdx;
  vhdx.access = options.read_only ? vhdx::Access::kRead : vhdx::Access::kWrite;
  vhdx.serial = options.serial;
  ORRERY_TRY(auto disk, vhdx::Disk::open(loop_, std::move(file), vhdx));
  ORRERY_CHECK(open_parent(*disk));
  return disk;
}

// [MS-VHDX] 2.6.2.6.3: the parent is the one with the DataWriteGuid that the child names.
Result<> ChainOpener::open_parent(vhdx::Disk& disk) {
  const vhdx::Image& image = disk.image();
  const auto& locator = image.metadata().parent;
  if (!locator) return {};
  ORRERY_TRY(const std::string path,
             find_parent(image.path(),
                         {locator->relative_path, locator->volume_path, locator->absolute_path}));
  DiskOptions below;
  below.path = path;
  below.format = Format::kVhdx;
  below.read_only = true;
  auto opened = open(below);
  if (!opened) return fail(opened.error().context(image.path() + ": its parent"));
  const vhdx::Image& parent = dynamic_cast<vhdx::Disk&>(**opened).image();
  if (!locator->names(parent.header().data_write)) {
    return fail(format(
        "{0}: its parent {1} is not what it was: the content {2} was expected, and it is {3}. {0} "
        "would read as a mixture of both, so it is not opened; bring the old file back",
        image.path(), path, to_text(locator->linkage), to_text(parent.header().data_write)));
  }
  if (parent.metadata().logical_sector != image.metadata().logical_sector) {
    return fail(format("{}: damaged: has sectors of {} bytes, and its parent {} of {}",
                       image.path(), image.metadata().logical_sector, path,
                       parent.metadata().logical_sector));
  }
  disk.set_parent(std::move(*opened));
  return {};
}

template <typename Image>
Result<std::unique_ptr<ReadDisk>> ChainOpener::open_read_only(const DiskOptions& options,
                                                              Format format) {
  if (!options.read_only) {
    return fail(
        orrery::format("{0}: a {1} is only read here; add \"readonly\", or convert it with "
                       "`orrery disk convert {0} NEW.qcow2`, or make a qcow2 over it",
                       options.path, name_of(format)));
  }
  ORRERY_TRY(auto file, open_image_file(queue(options.path), options.path, FileAccess::kRead));
  return ReadDisk::open(loop_, std::make_unique<Image>(std::move(file)), options.serial);
}

// "Implementing a Differencing Hard Disk": the parent is the one with the identifier that the child
// names. It stays the same when the parent is written, so only another disk is found out.
Result<std::unique_ptr<port::Blocks>> ChainOpener::open_vhd(const DiskOptions& options) {
  ORRERY_TRY(auto disk, open_read_only<vhd::Image>(options, Format::kVhd));
  const auto& image = dynamic_cast<const vhd::Image&>(disk->image());
  if (image.footer().kind != vhd::Kind::kDifferencing) return disk;
  DiskOptions below;
  ORRERY_TRY(below.path, find_parent(image.path(), image.parent_paths()));
  below.format = Format::kVhd;
  below.read_only = true;
  auto opened = open(below);
  if (!opened) return fail(opened.error().context(image.path() + ": its parent"));
  auto& parent = dynamic_cast<const vhd::Image&>(dynamic_cast<ReadDisk&>(**opened).image());
  if (parent.footer().identifier != image.header().parent) {
    const auto named = [](const std::array<std::byte, 16>& identifier) {
      return describe({.kind = DiskIdentity::Kind::kIdentifier, .identifier = identifier});
    };
    return fail(format(
        "{}: its parent {} is another disk: {} was expected, and it is {}; bring "
        "the old file back",
        image.path(), below.path, named(image.header().parent), named(parent.footer().identifier)));
  }
  disk->set_below(std::move(*opened));
  return disk;
}

// Makes the overlay, or sees that the one that is there lies over this disk.
Result<> prepare_overlay(EventLoop& loop, const DiskOptions& options) {
  const std::string below = absolute_path(options.path);
  if (::access(options.overlay.c_str(), F_OK) != 0) {
    CreateOptions create;
    create.path = options.overlay;
    create.backing = below;
    create.backing_format = options.format;
    create.cache = options.cache;
    const Result<> made = create_disk(loop, create);
    return made ? made : fail(made.error().context("overlay=" + options.overlay));
  }
  ORRERY_TRY(auto file, open_image_file(loop, options.overlay, FileAccess::kRead));
  ORRERY_TRY(const auto disk, qcow2::Disk::open(loop, std::move(file), {}));
  const std::string& backing = disk->image().header().backing;
  if (backing_path(options.overlay, backing) == below) return {};
  return fail(format("{}: lies over \"{}\", not over {}; name another file as its overlay",
                     options.overlay, backing, below));
}

Result<> prepare_lease(const DiskOptions& options) {
  struct stat status {};
  if (options.read_only) {
    return fail(options.path + ": \"lease\" is for disks that are written; leave it away");
  }
  if (::stat(options.path.c_str(), &status) == 0 && !S_ISREG(status.st_mode)) {
    return fail(options.path + ": \"lease\" is for files, for its folder lies beside them");
  }
  return make_lease(options.path, options.lease_duration);
}

}  // namespace

Result<std::unique_ptr<port::Blocks>> open_disk(EventLoop& loop, const DiskOptions& options,
                                                OpenReport* report) {
  if (options.encryption) {
    // First the key: while somebody types it, nothing is locked.
    ORRERY_TRY(const luks::SecretBytes key,
               read_key(*options.encryption, "key of " + options.path));
    DiskOptions volume_options = options;
    volume_options.encryption.reset();
    ORRERY_TRY(auto volume, open_disk(loop, volume_options, report));
    return luks::Disk::open(loop, std::move(volume), options.path, key.bytes());
  }
  OpenReport unheard;
  if (options.overlay.empty()) {
    if (options.lease) ORRERY_CHECK(prepare_lease(options));
    ORRERY_TRY(
        auto disk,
        ChainOpener(loop, options.cache, report == nullptr ? unheard : *report).open(options));
    if (!options.verify_reads) return disk;
    return verify_reads(loop, options, std::move(disk));
  }
  ORRERY_CHECK(prepare_overlay(loop, options));
  DiskOptions overlay = options;
  overlay.path = options.overlay;
  overlay.format = Format::kQcow2;
  overlay.overlay.clear();
  return open_disk(loop, overlay, report);
}

}  // namespace orrery::storage
