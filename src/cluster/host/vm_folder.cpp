#include "cluster/host/vm_folder.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <filesystem>

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>

#include "base/format.hpp"
#include "base/log.hpp"
#include "base/types.hpp"

namespace orrery::cluster::host {
namespace {

constexpr mode_t kOwnerOnly = 0600;

Result<> make_folders(const std::string& path) {
  std::error_code error;
  std::filesystem::create_directories(path, error);
  if (error) return fail(format("{}: cannot be made: {}", path, error.message()));
  return {};
}

void remove_folder(const std::string& path) {
  std::error_code error;
  std::filesystem::remove_all(path, error);
  if (error) log::warning("{}: cannot be removed: {}", path, error.message());
}

// What the process said last, for people: all of its errors fit.
std::string last_words(const std::string& path) {
  constexpr std::size_t kMost = 500;
  std::string text = read_file(path).value_or("");
  while (!text.empty() && text.back() == '\n') text.pop_back();
  return text.substr(text.size() - std::min(text.size(), kMost));
}

}  // namespace

Result<std::string> read_file(const std::string& path) {
  const FileDescriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file) return fail_errno(path + ": cannot be read");
  std::string text;
  std::array<char, 16_KiB> piece;
  while (true) {
    const ssize_t count = ::read(file.get(), piece.data(), piece.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return fail_errno(path + ": cannot be read");
    if (count == 0) return text;
    text.append(piece.data(), static_cast<std::size_t>(count));
  }
}

Result<> replace_file(const std::string& path, const std::string& text) {
  const std::string next = path + ".next";
  {
    const FileDescriptor file(
        ::open(next.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, kOwnerOnly));
    if (!file ||
        ::write(file.get(), text.data(), text.size()) != static_cast<ssize_t>(text.size())) {
      return fail_errno(path + ": cannot be written");
    }
  }
  if (::rename(next.c_str(), path.c_str()) == 0) return {};
  return fail_errno(path + ": cannot be written");
}

// Not synced: after a power cut, which ends the process too, an older record does no harm.
Result<> VmFolder::write_record(const LocalVm& vm) const {
  ORRERY_CHECK(make_folders(path_));
  return replace_file(file("record.json"), to_text(to_json(vm)));
}

Result<> VmFolder::prepare() const {
  ORRERY_CHECK(make_folders(path_));
  for (const char* const name : {"control", "console", "end.json", "vmm.log"}) {
    if (::unlink(file(name).c_str()) != 0 && errno != ENOENT) return fail_errno(file(name));
  }
  return {};
}

bool VmFolder::has_state() const {
  // (It gets its name when it is whole.)
  std::error_code error;
  return std::filesystem::exists(state_library() + "/" + kStateName, error);
}

void VmFolder::discard_state() const {
  remove_folder(state_library());
}

void VmFolder::remove() const {
  remove_folder(path_);
}

Result<std::optional<FileDescriptor>> VmFolder::try_lock() const {
  FileDescriptor lock(::open(file("lock").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, kOwnerOnly));
  if (!lock) return fail_errno(file("lock") + ": cannot be opened");
  if (::flock(lock.get(), LOCK_EX | LOCK_NB) == 0) return lock;
  if (errno == EWOULDBLOCK) return std::nullopt;
  return fail_errno(file("lock") + ": cannot be locked");
}

VmFolder::End VmFolder::read_end() const {
  const Json json = parse_object(read_file(file("end.json")).value_or(""));
  if (find_field(json, "status") == nullptr) {
    const std::string said = last_words(file("vmm.log"));
    return {.failed = true,
            .detail = "its process was killed" + (said.empty() ? said : "; it said: " + said)};
  }
  const int status = field(json, "status", 1);
  if (status == 0) return {.failed = false, .detail = ""};
  const std::string said = last_words(file("vmm.log"));
  return {.failed = true, .detail = said.empty() ? format("exit status {}", status) : said};
}

Result<std::vector<LocalVm>> VmFolder::read_all(const std::string& state) {
  ORRERY_CHECK(make_folders(state + "/vms"));
  std::vector<LocalVm> vms;
  std::error_code error;
  for (const auto& each : std::filesystem::directory_iterator(state + "/vms", error)) {
    const auto text = read_file(each.path().string() + "/record.json");
    // (A folder without a record was begun by an agent that was killed: nothing was launched.)
    if (text) vms.push_back(local_vm_of(parse_object(*text)));
  }
  if (error) return fail(format("{}/vms: {}", state, error.message()));
  std::erase_if(vms, [](const LocalVm& vm) { return vm.name.empty(); });
  return vms;
}

}  // namespace orrery::cluster::host
