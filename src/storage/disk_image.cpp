#include "storage/disk_image.hpp"

#include <array>
#include <filesystem>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/files/file_descriptor.hpp"
#include "base/format.hpp"
#include "storage/io/disk_file.hpp"
#include "storage/qcow2/disk.hpp"
#include "storage/request/run_task.hpp"
#include "storage/request/submitted.hpp"
#include "storage/store/remote_disk.hpp"
#include "storage/store/store_disk.hpp"
#include "storage/vhd/header.hpp"
#include "storage/vhdx/disk.hpp"

namespace orrery::storage {

Result<DiskIdentity> identity_of(port::Blocks& disk, const std::string& path) {
  if (auto* const qcow2 = dynamic_cast<qcow2::Disk*>(&disk); qcow2 != nullptr) {
    const DiskIdentity& own = qcow2->image().identities().own;
    if (own.kind != DiskIdentity::Kind::kNone) return own;
  }
  if (auto* const vhdx = dynamic_cast<vhdx::Disk*>(&disk); vhdx != nullptr) {
    return DiskIdentity{.kind = DiskIdentity::Kind::kIdentifier,
                        .identifier = vhdx->image().header().data_write.bytes};
  }
  for (const DiskIdentity& stored : {identity_of_store_disk(disk), identity_of_remote_disk(disk)}) {
    if (stored.kind != DiskIdentity::Kind::kNone) return stored;
  }
  return identity_of_file(path);
}

std::string backing_path(const std::string& image, const std::string& backing) {
  if (names_remote_image(backing)) return backing;
  if (names_store_image(backing)) {
    return std::string(kStorePrefix) + backing_path(image, backing.substr(kStorePrefix.size()));
  }
  const std::filesystem::path path(backing);
  if (path.is_absolute()) return backing;
  return (std::filesystem::path(image).parent_path() / path).string();
}

std::string absolute_path(const std::string& path) {
  if (names_remote_image(path)) return path;
  const std::string prefix(names_store_image(path) ? kStorePrefix : "");
  return prefix + std::filesystem::absolute(path.substr(prefix.size())).lexically_normal().string();
}

namespace {

// A fixed VHD is known by its end only, and its name has to say so too: what a guest of a raw disk
// writes there makes no VHD of it.
bool ends_as_vhd(const FileDescriptor& file) {
  struct stat status {};
  std::array<std::byte, vhd::kFooterLength> end{};
  if (::fstat(file.get(), &status) != 0 || status.st_size < static_cast<off_t>(end.size())) {
    return false;
  }
  const off_t at = status.st_size - static_cast<off_t>(end.size());
  return ::pread(file.get(), end.data(), end.size(), at) == static_cast<ssize_t>(end.size()) &&
         vhd::is_footer(end);
}

}  // namespace

Result<FileDescriptor> lock_disk(const std::string& path) {
  RawDiskOptions options;
  options.path = path;
  auto file = open_disk_file(options);
  if (!file) return fail(file.error().context(path));
  return std::move(file->descriptor);
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
  if (looks == Format::kRaw && path.ends_with(".vhd") && ends_as_vhd(file)) return Format::kVhd;
  if (looks != Format::kRaw && path.ends_with(".raw")) {
    return fail(
        format("{}: is named as a raw disk and looks like {}, which the guest of a raw disk "
               "may have written; say \"format={}\" if it is that, or \"format=raw\"",
               path, name_of(looks), name_of(looks)));
  }
  return looks;
}

namespace {

Task<Result<>> flush_task(port::Blocks& disk) {
  port::BlockRequest request;
  request.kind = port::BlockRequest::Kind::kFlush;
  co_return co_await Submitted(disk, std::move(request));
}

}  // namespace

// A second one, with nothing left to write, lets a VHDX empty its log.
Result<> flush_disk(EventLoop& loop, port::Blocks& disk) {
  ORRERY_CHECK(run_task(loop, flush_task(disk)));
  return run_task(loop, flush_task(disk));
}

}  // namespace orrery::storage
