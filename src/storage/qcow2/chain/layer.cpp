#include "storage/qcow2/chain/layer.hpp"

#include <array>
#include <vector>

#include <unistd.h>

#include "base/bits.hpp"
#include "storage/io/open_file.hpp"

namespace orrery::storage::qcow2 {
namespace {

Result<std::size_t> read_start(const DiskFile& file, MutableByteSpan to) {
  const ssize_t length = ::pread(file.descriptor.get(), to.data(), to.size(), 0);
  if (length < 0) return fail_errno("cannot be read");
  return static_cast<std::size_t>(length);
}

// What images have at their start takes some hundred bytes, of up to 2 MiB that it may take.
Result<Header> read_header(const DiskFile& file) {
  std::array<std::byte, 4096> start;
  ORRERY_TRY(const std::size_t length, read_start(file, start));
  Result<Header> header = parse_header(ByteSpan(start).first(length), file.size.value());
  if (header || length < start.size()) return header;
  std::vector<std::byte> cluster(1u << kMostClusterBits);
  ORRERY_TRY(const std::size_t whole, read_start(file, cluster));
  return parse_header(ByteSpan(cluster).first(whole), file.size.value());
}

}  // namespace

std::uint64_t Layer::size() const {
  return align_up(header.size, 512);
}

Result<Layer> open_layer(const std::string& path, std::shared_ptr<DiskQueue> queue) {
  RawDiskOptions options;
  options.path = path;
  options.read_only = true;
  auto file = open_disk_file(options);
  if (!file) return fail(file.error().context(path));
  auto header = read_header(*file);
  if (!header) return fail(header.error().context(path));
  const auto identities = read_identities(*header);
  if (!identities) return fail(identities.error().context(path));
  return Layer{.file = image_file_of(std::move(*file), path, std::move(queue)),
               .header = std::move(*header),
               .identities = *identities};
}

}  // namespace orrery::storage::qcow2
