#include "storage/chain_link.hpp"

#include <algorithm>

#include <sys/stat.h>

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

Result<> ChainLinks::enter(const std::string& path) {
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0) return {};  // opening it says what is wrong
  const File file{status.st_dev, status.st_ino};
  if (std::find(files_.begin(), files_.end(), file) != files_.end()) {
    return fail(path +
                ": is in its own chain of backing files; give one of them another with "
                "`orrery disk rebase`");
  }
  if (files_.size() == kMostLinks) {
    return fail(
        format("{}: the chain of backing files has more than {} links; shorten it with "
               "`orrery disk commit` or `convert`",
               path, kMostLinks));
  }
  files_.push_back(file);
  return {};
}

}  // namespace orrery::storage
