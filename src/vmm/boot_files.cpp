#include "vmm/boot_files.hpp"

#include <fcntl.h>

#include "machine/boot/flat.hpp"
#include "machine/boot/load.hpp"

namespace orrery::vmm {

Result<BootFiles::File> BootFiles::File::open(std::string_view option, const std::string& path) {
  FileDescriptor descriptor(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!descriptor) return fail(Error::from_errno(path + ": cannot open").context(option));
  File file{option, path, std::move(descriptor)};
  ORRERY_CHECK(file.map());
  return file;
}

Result<std::unique_ptr<MappedFile>> BootFiles::File::map() const {
  auto mapped = MappedFile::map(descriptor.get(), path);
  if (!mapped) return fail(mapped.error().context(option));
  return mapped;
}

Result<BootFiles> BootFiles::open(const Configuration& configuration) {
  BootFiles files(configuration);
  ORRERY_TRY(files.first_, files.starts_firmware()
                               ? File::open("--firmware", configuration.firmware)
                               : File::open("--kernel", configuration.kernel));
  for (const std::string& path : configuration.initrds) {
    ORRERY_TRY(auto file, File::open("--initrd", path));
    files.initrds_.push_back(std::move(file));
  }
  return files;
}

Result<Bytes> BootFiles::firmware_size() const {
  if (!starts_firmware()) return Bytes(0);
  ORRERY_TRY(const auto file, first_.map());
  const auto checked = machine::boot::check_firmware({first_.path, file->bytes()});
  if (!checked) return fail(checked.error().context(first_.option));
  return Bytes(file->bytes().size());
}

Result<std::string> BootFiles::examine_kernel() const {
  if (starts_firmware()) {
    ORRERY_CHECK(firmware_size());
    return "firmware";
  }
  ORRERY_TRY(const auto kernel, first_.map());
  const auto format = machine::boot::recognize(kernel->bytes());
  if (!format) return fail(format.error().context("--kernel " + first_.path));
  return std::string(*format);
}

Result<> BootFiles::start_firmware(machine::Machine& machine) const {
  ORRERY_TRY(const auto file, first_.map());
  ORRERY_TRY(const GuestPhysical rsdp, machine.write_firmware_tables());
  const machine::boot::Destination destination{machine.memory(), machine.memory_map(), rsdp};
  const auto loaded = machine::boot::load_firmware(destination, {first_.path, file->bytes()});
  if (!loaded) return fail(loaded.error().context(first_.option));
  return {};
}

Result<> BootFiles::boot(machine::Machine& machine) const {
  if (starts_firmware()) return start_firmware(machine);
  ORRERY_TRY(const auto kernel, first_.map());
  machine::boot::Payload payload{.kernel = {first_.path, kernel->bytes()},
                                 .modules = {},
                                 .command_line = configuration_->command_line};
  std::vector<std::unique_ptr<MappedFile>> mapped;
  for (const File& initrd : initrds_) {
    ORRERY_TRY(auto file, initrd.map());
    payload.modules.push_back({initrd.path, file->bytes()});
    mapped.push_back(std::move(file));
  }
  ORRERY_TRY(const GuestPhysical rsdp, machine.write_firmware_tables());
  const machine::boot::Destination destination{machine.memory(), machine.memory_map(), rsdp};
  const auto state = machine::boot::load(destination, payload);
  if (!state) return fail(state.error().context(first_.option));
  return machine.set_boot_state(*state);
}

}  // namespace orrery::vmm
