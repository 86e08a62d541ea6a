// vmm::dry_run(): checks without building anything.
#include <fcntl.h>
#include <unistd.h>

#include "base/files/file_descriptor.hpp"
#include "base/format.hpp"
#include "storage/store/store_disk.hpp"
#include "vmm/backends.hpp"
#include "vmm/boot_files.hpp"
#include "vmm/hypervisor_choice.hpp"
#include "vmm/options/options.hpp"
#include "vmm/vmm.hpp"

namespace orrery::vmm {
namespace {

Result<> check_disk(storage::DiskOptions disk) {
  if (!disk.overlay.empty()) {  // is made by a run; what lies below is only read
    if (::access(disk.overlay.c_str(), F_OK) == 0) disk.path = disk.overlay;
    disk.read_only |= disk.path != disk.overlay;
    disk.overlay.clear();
  }
  if (storage::names_store_image(disk.path)) {
    ORRERY_TRY(const auto loop, EventLoop::create());
    storage::OpenReport report;
    const auto opened = make_disk(*loop, disk, report);
    return opened ? Result<>{} : fail(opened.error());
  }
  if (disk.encryption && disk.encryption->kind == storage::KeySource::Kind::kFile &&
      ::access(disk.encryption->path.c_str(), R_OK) != 0) {
    return fail_errno(
        format("--disk {}: its key-file {}: cannot open", disk.path, disk.encryption->path));
  }
  const int mode = disk.read_only ? O_RDONLY : O_RDWR;
  const FileDescriptor file(::open(disk.path.c_str(), mode | O_CLOEXEC));
  if (file) return {};
  return fail_errno("--disk " + disk.path +
                    (disk.read_only ? ": cannot open" : ": cannot open for writing"));
}

}  // namespace

Result<> dry_run(const Configuration& configuration) {
  fmt::print("{}", to_toml(configuration));
  ORRERY_TRY(const BootFiles files, BootFiles::open(configuration));
  ORRERY_TRY(const std::string format, files.examine_kernel());
  for (const storage::DiskOptions& disk : configuration.disks) ORRERY_CHECK(check_disk(disk));
  ORRERY_TRY(const auto choice, hypervisor_choice::choose(configuration));
  fmt::print("# kernel: {}\n# engine: {}\n", format, choice.explanation);
  return {};
}

}  // namespace orrery::vmm
