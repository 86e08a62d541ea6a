#include "storage/disk_image.hpp"

#include <array>
#include <filesystem>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file_descriptor.hpp"
#include "base/format.hpp"
#include "storage/io/open_file.hpp"
#include "storage/qcow2/disk.hpp"
#include "storage/raw_disk.hpp"
#include "storage/request/run_task.hpp"
#include "storage/request/submitted.hpp"
#include "storage/store/store_disk.hpp"

namespace orrery::storage {
namespace {

// Chains grow by one with each snapshot; a thousand is what we aim to open, and each link holds a
// file open.
constexpr std::size_t kMostLinks = 1024;

struct FileIdentity {
  dev_t device = 0;
  ino_t inode = 0;
  friend bool operator==(const FileIdentity&, const FileIdentity&) = default;
};

class ChainOpener {
 public:
  explicit ChainOpener(EventLoop& loop) : loop_(loop) {}

  Result<std::unique_ptr<port::Blocks>> open(const DiskOptions& options) {
    if (names_store_image(options.path)) return open_store_image(options);
    ORRERY_CHECK(enter(options.path));
    ORRERY_TRY(const Format format, choose_format(options.path, options.format));
    if (format == Format::kQcow2) return open_qcow2(options);
    if (!options.snapshot.empty()) {
      return fail(options.path + ": a raw disk has no snapshots; leave \"snapshot=\" away");
    }
    RawDiskOptions raw{.path = options.path,
                       .read_only = options.read_only,
                       .direct = options.direct,
                       .serial = options.serial,
                       .stays_raw = !options.format};
    auto disk = open_raw_disk(loop_, raw);
    if (!disk) return fail(disk.error().context(options.path));
    return disk;
  }

 private:
  Result<> enter(const std::string& path);
  Result<std::unique_ptr<port::Blocks>> open_store_image(const DiskOptions& options);
  Result<std::unique_ptr<port::Blocks>> open_qcow2(const DiskOptions& options);
  Result<> open_backing(qcow2::Disk& disk);

  EventLoop& loop_;
  std::vector<FileIdentity> entered_;
};

Result<> ChainOpener::enter(const std::string& path) {
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0) return {};  // opening it says what is wrong
  const FileIdentity identity{status.st_dev, status.st_ino};
  if (std::find(entered_.begin(), entered_.end(), identity) != entered_.end()) {
    return fail(path +
                ": is in its own chain of backing files; give one of them another with "
                "`orrery disk rebase`");
  }
  if (entered_.size() == kMostLinks) {
    return fail(
        format("{}: the chain of backing files has more than {} links; shorten it with "
               "`orrery disk commit` or `convert`",
               path, kMostLinks));
  }
  entered_.push_back(identity);
  return {};
}

Result<std::unique_ptr<port::Blocks>> ChainOpener::open_store_image(const DiskOptions& options) {
  if (!options.read_only) {
    return fail(
        format("{0}: an image of a store is only read; add \"readonly\", or write to a disk "
               "over it, made by `orrery disk create --backing {0} NEW.qcow2`",
               options.path));
  }
  if (options.direct || !options.snapshot.empty()) {
    return fail(options.path +
                ": \"direct\" and \"snapshot=\" are not for images of a store; leave "
                "them away");
  }
  return open_store_disk(loop_, options.path, options.serial);
}

Result<std::unique_ptr<port::Blocks>> ChainOpener::open_qcow2(const DiskOptions& options) {
  if (options.direct) {
    return fail(options.path + ": \"direct\" is for raw disks only so far; leave it away");
  }
  if (!options.snapshot.empty() && !options.read_only) {
    return fail(options.path + ": a snapshot is only read; add \"readonly\"");
  }
  const auto access = options.read_only ? FileAccess::kRead : FileAccess::kWrite;
  ORRERY_TRY(auto file, open_image_file(loop_, options.path, access));
  qcow2::DiskOptions qcow2;
  qcow2.access = options.read_only ? qcow2::Access::kRead : qcow2::Access::kWrite;
  qcow2.serial = options.serial;
  qcow2.snapshot = options.snapshot;
  ORRERY_TRY(auto disk, qcow2::Disk::open(loop_, std::move(file), qcow2));
  ORRERY_CHECK(open_backing(*disk));
  return disk;
}

// Without reading data: what another program wrote and hid is found by comparing only.
Result<> check_link(const qcow2::Image& image, const std::string& below,
                    const DiskIdentity& found) {
  const DiskIdentity& expected = image.identities().parent;
  if (expected.kind == DiskIdentity::Kind::kNone || expected == found) return {};
  const bool foreign =
      expected.kind == DiskIdentity::Kind::kIdentifier && found.kind == DiskIdentity::Kind::kFile;
  return fail(format(
      "{0}: its backing file {1} is not what it was: the content {2} was expected, and it is "
      "{3}{4}. {0} would read as a mixture of both, so it is not opened. Bring the old file "
      "back; or name where it is now with `orrery disk rebase --verify --backing FILE {0}`; "
      "or, only if you know that {1} still reads the same, keep it with `orrery disk rebase "
      "--unchecked --backing {5} {0}`",
      image.path(), below, describe(expected), describe(found),
      foreign ? ", written by a program that keeps no identifiers" : "", image.header().backing));
}

Result<> ChainOpener::open_backing(qcow2::Disk& disk) {
  const qcow2::Header& header = disk.image().header();
  if (header.backing.empty()) return {};
  const std::string& above = disk.image().path();
  DiskOptions below;
  below.path = backing_path(above, header.backing);
  below.read_only = true;
  const std::string said = header.backing_format();
  if (!said.empty()) {
    const auto format = parse_format(said);
    if (!format) return fail(format.error().context(above + ": its backing file's format"));
    below.format = *format;
  } else {
    ORRERY_TRY(const Format looks, choose_format(below.path, std::nullopt));
    if (looks != Format::kRaw) {
      return fail(
          format("{}: does not say what its backing file {} is, which looks like {}; if it "
                 "is that, say so with `orrery disk rebase --unchecked --backing {} "
                 "--backing-format {} {}`",
                 above, below.path, name_of(looks), header.backing, name_of(looks), above));
    }
    below.format = looks;
  }
  auto opened = open(below);
  if (!opened) return fail(opened.error().context(above + ": its backing file"));
  ORRERY_TRY(const DiskIdentity found, identity_of(**opened, below.path));
  ORRERY_CHECK(check_link(disk.image(), below.path, found));
  disk.set_backing(std::move(*opened));
  return {};
}

}  // namespace

Result<DiskIdentity> identity_of(port::Blocks& disk, const std::string& path) {
  if (auto* const qcow2 = dynamic_cast<qcow2::Disk*>(&disk); qcow2 != nullptr) {
    const DiskIdentity& own = qcow2->image().identities().own;
    if (own.kind != DiskIdentity::Kind::kNone) return own;
  }
  const DiskIdentity stored = identity_of_store_disk(disk);
  if (stored.kind != DiskIdentity::Kind::kNone) return stored;
  return identity_of_file(path);
}

std::string backing_path(const std::string& image, const std::string& backing) {
  if (names_store_image(backing)) {
    return std::string(kStorePrefix) + backing_path(image, backing.substr(kStorePrefix.size()));
  }
  const std::filesystem::path path(backing);
  if (path.is_absolute()) return backing;
  return (std::filesystem::path(image).parent_path() / path).string();
}

Result<Format> choose_format(const std::string& path, std::optional<Format> said) {
  if (said) return *said;
  if (names_store_image(path)) return Format::kRaw;
  const FileDescriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  // What is wrong with the file says who opens it as it is meant.
  if (!file) return Format::kRaw;
  std::array<std::byte, kDetectedBytes> start{};
  const ssize_t length = ::pread(file.get(), start.data(), start.size(), 0);
  const Format looks =
      detect_format(ByteSpan(start).first(length < 0 ? 0 : static_cast<std::size_t>(length)));
  if (looks == Format::kOther) {
    return fail(path +
                ": looks like a disk image of a format that Orrery does not read; convert it "
                "with `qemu-img convert -O qcow2`, or say \"format=raw\" if it is a raw disk");
  }
  if (looks != Format::kRaw && path.ends_with(".raw")) {
    return fail(
        format("{}: is named as a raw disk and looks like {}, which the guest of a raw disk "
               "may have written; say \"format={}\" if it is that, or \"format=raw\"",
               path, name_of(looks), name_of(looks)));
  }
  return looks;
}

Result<std::unique_ptr<port::Blocks>> open_disk(EventLoop& loop, const DiskOptions& options) {
  return ChainOpener(loop).open(options);
}

namespace {

Task<Result<>> flush_task(port::Blocks& disk) {
  port::BlockRequest request;
  request.kind = port::BlockRequest::Kind::kFlush;
  co_return co_await Submitted(disk, std::move(request));
}

}  // namespace

Result<> flush_disk(EventLoop& loop, port::Blocks& disk) {
  return run_task(loop, flush_task(disk));
}

}  // namespace orrery::storage
