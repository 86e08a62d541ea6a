#include "storage/vhdx/parent.hpp"

#include <algorithm>
#include <filesystem>

#include "base/format.hpp"

namespace orrery::storage::vhdx {
namespace {

namespace fs = std::filesystem;

std::string with_slashes(std::string path) {
  std::replace(path.begin(), path.end(), '\\', '/');
  return path;
}

bool is_there(const fs::path& path) {
  std::error_code error;
  return fs::exists(path, error);
}

}  // namespace

Result<std::string> find_parent(const std::string& child, const ParentLocator& locator) {
  const fs::path folder = fs::path(child).parent_path();
  std::string named;
  for (const std::string& path :
       {locator.relative_path, locator.volume_path, locator.absolute_path}) {
    if (path.empty()) continue;
    if (named.empty()) named = path;
    const fs::path ours(with_slashes(path));
    if (path == locator.relative_path && is_there(folder / ours)) {
      return (folder / ours).lexically_normal().string();
    }
    if (is_there(folder / ours.filename())) return (folder / ours.filename()).string();
  }
  if (named.empty()) return fail(child + ": damaged: does not say where its parent is");
  return fail(
      format("{}: its parent {} is not there; bring it there, or beside {}", child, named, child));
}

std::string relative_path(const std::string& child, const std::string& parent) {
  std::error_code error;
  const fs::path from = fs::absolute(child, error).parent_path();
  std::string path = fs::absolute(parent, error)
                         .lexically_normal()
                         .lexically_relative(from.lexically_normal())
                         .string();
  if (!path.starts_with("..")) path = "./" + path;
  std::replace(path.begin(), path.end(), '/', '\\');
  return path;
}

}  // namespace orrery::storage::vhdx
