#include "storage/windows_path.hpp"

#include <algorithm>
#include <filesystem>

#include "base/format.hpp"

namespace orrery::storage {
namespace {

namespace fs = std::filesystem;

bool is_file(const fs::path& path) {
  std::error_code error;
  return fs::is_regular_file(path, error) || fs::is_block_file(path, error);
}

// "\\?\d:\images\base.vhdx", "d:\...", "/..." are none.
bool is_relative(const std::string& path) {
  return !path.starts_with('/') && path.find(':') == std::string::npos;
}

}  // namespace

Result<std::string> find_parent(const std::string& child, const std::vector<std::string>& paths) {
  const fs::path folder = fs::path(child).parent_path();
  std::string named;
  for (const std::string& path : paths) {
    std::string slashed = path.substr(0, path.find('\0'));
    std::replace(slashed.begin(), slashed.end(), '\\', '/');
    if (slashed.empty()) continue;
    if (named.empty()) named = path;
    const fs::path whole = (folder / slashed).lexically_normal();
    if (is_relative(slashed) && is_file(whole)) return whole.string();
    const fs::path beside = folder / fs::path(slashed).filename();
    if (is_file(beside)) return beside.string();
  }
  if (named.empty()) return fail(child + ": damaged: does not say where its parent is");
  return fail(
      format("{}: its parent {} is not there; bring it there, or beside {}", child, named, child));
}

std::string relative_windows_path(const std::string& child, const std::string& parent) {
  std::error_code error;
  const fs::path from = fs::absolute(child, error).lexically_normal().parent_path();
  const fs::path to = fs::absolute(parent, error).lexically_normal();
  std::string path = to.lexically_relative(from).string();
  if (!path.starts_with("..")) path = "./" + path;
  std::replace(path.begin(), path.end(), '/', '\\');
  return path;
}

}  // namespace orrery::storage
