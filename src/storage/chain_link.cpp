#include "storage/chain_link.hpp"

#include "base/format.hpp"

namespace orrery::storage {

Result<DiskOptions> options_below(const std::string& path, const qcow2::Header& header) {
  DiskOptions below;
  below.path = backing_path(path, header.backing);
  below.read_only = true;
  const std::string said = header.backing_format();
  if (!said.empty()) {
    const auto format = parse_format(said);
    if (!format) return fail(format.error().context(path + ": its backing file's format"));
    below.format = *format;
    return below;
  }
  ORRERY_TRY(const Format looks, choose_format(below.path, std::nullopt));
  if (looks != Format::kRaw) {
    return fail(
        format("{}: does not say what its backing file {} is, which looks like {}; if it "
               "is that, say so with `orrery disk rebase --unchecked --backing {} "
               "--backing-format {} {}`",
               path, below.path, name_of(looks), header.backing, name_of(looks), path));
  }
  below.format = looks;
  return below;
}

}  // namespace orrery::storage
