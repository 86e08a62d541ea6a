#include "snapshot/library.hpp"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <filesystem>

#include <fcntl.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/format.hpp"
#include "snapshot/files.hpp"
#include "snapshot/memory_file.hpp"
#include "store/manifest.hpp"

namespace orrery::snapshot {
namespace {

constexpr const char* kManifest = "manifest.json";
constexpr const char* kState = "state";
constexpr const char* kMemory = "memory";
constexpr const char* kSums = "sums";
constexpr const char* kDisks = "disks";
constexpr const char* kHeads = "heads";
constexpr std::string_view kNew = ".new-";
constexpr std::string_view kOld = ".old-";
constexpr std::uint64_t kMostHeads = 16_MiB;
constexpr std::uint64_t kMostManifest = 16_MiB;
constexpr std::uint64_t kMostState = 256_MiB;  // far above what machines have

std::string environment(const char* name) {
  const char* const value = std::getenv(name);
  return value == nullptr ? "" : value;
}

std::string usual_folder() {
  if (const std::string said = environment("ORRERY_SNAPSHOTS"); !said.empty()) return said;
  std::string data = environment("XDG_DATA_HOME");
  if (data.empty()) data = environment("HOME") + "/.local/share";
  return data + "/orrery/snapshots";
}

bool is_reserved(const std::string& name) {
  return name == kDisks || name == kHeads;
}

store::Digest digest_of(ByteSpan bytes) {
  return store::Hasher().digest(bytes);
}

// As PART says, with its content.
Result<std::vector<std::byte>> read_part(const std::string& path, const Part& part) {
  ORRERY_TRY(auto bytes, read_file(path, kMostState));
  if (bytes.size() != part.bytes || digest_of(bytes) != part.digest) {
    return fail(path + ": damaged: it is not as it was written");
  }
  return bytes;
}

Result<> fill_in(Part& part, ByteSpan bytes, const std::string& path) {
  const Part found{bytes.size(), digest_of(bytes)};
  if (part.bytes != 0 && part != found) {
    return fail(path + ": the original is damaged: it is not as it was written");
  }
  part = found;
  return {};
}

std::uint64_t nanoseconds_since_1970() {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  return static_cast<std::uint64_t>(
      std::chrono::duration_cast<std::chrono::nanoseconds>(now).count());
}

// Folders that nobody has locked any more.
void remove_left(const std::string& library) {
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(library, error)) {
    const std::string name = entry.path().filename();
    if (!name.starts_with(kNew) && !name.starts_with(kOld)) continue;
    const FileDescriptor folder(::open(entry.path().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (folder && ::flock(folder.get(), LOCK_EX | LOCK_NB) == 0) remove_folder(entry.path());
  }
}

}  // namespace

Library::Library(const std::string& folder)
    : folder_(
          std::filesystem::absolute(folder.empty() ? usual_folder() : folder).lexically_normal()) {
  while (folder_.size() > 1 && folder_.back() == '/') folder_.pop_back();
}

std::string Library::path_of(const std::string& name, const std::string& file) const {
  return folder_ + '/' + name + '/' + file;
}

std::string Library::disk_path(const std::string& file) const {
  return path_of(kDisks, file);
}

Result<std::vector<std::string>> Library::names() const {
  std::vector<std::string> names;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(folder_, error)) {
    const std::string name = entry.path().filename();
    if (store::check_name(name) && !is_reserved(name)) names.push_back(name);
  }
  if (error && error != std::errc::no_such_file_or_directory) {
    return fail(Error::from_errno(folder_, error.value()));
  }
  std::sort(names.begin(), names.end());
  return names;
}

Result<Manifest> Library::read(const std::string& name) const {
  ORRERY_CHECK(store::check_name(name));
  ORRERY_CHECK(store::load_hasher());
  const std::string path = path_of(name, kManifest);
  if (::access(path.c_str(), F_OK) != 0) {
    return fail(
        format("there is no snapshot \"{}\" in {}; see `orrery snapshot list`", name, folder_));
  }
  ORRERY_TRY(const auto bytes, read_file(path, kMostManifest));
  auto manifest = parse_manifest({reinterpret_cast<const char*>(bytes.data()), bytes.size()});
  if (!manifest) return fail(manifest.error().context(path));
  manifest->name = name;  // a folder that was renamed is called so now
  const auto opened = open_memory(*manifest);
  if (!opened) return fail(opened.error());
  return manifest;
}

Result<std::vector<std::byte>> Library::read_state(const Manifest& manifest) const {
  return read_part(path_of(manifest.name, kState), manifest.state);
}

Result<FileDescriptor> Library::open_memory(const Manifest& manifest) const {
  const std::string path = path_of(manifest.name, kMemory);
  FileDescriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file) return fail_errno(path + ": cannot open");
  struct stat status {};
  if (::fstat(file.get(), &status) != 0) return fail_errno(path);
  if (!S_ISREG(status.st_mode) ||
      static_cast<std::uint64_t>(status.st_size) != manifest.memory().value()) {
    return fail(format("{}: damaged: it has {} bytes, not {}", path, status.st_size,
                       manifest.memory().value()));
  }
  return file;
}

Result<> Library::verify(const std::string& name) const {
  ORRERY_TRY(const Manifest manifest, read(name));
  ORRERY_CHECK(read_state(manifest));
  ORRERY_TRY(const auto expected, read_part(path_of(name, kSums), manifest.sums));
  ORRERY_TRY(const FileDescriptor memory, open_memory(manifest));
  const std::string path = path_of(name, kMemory);
  auto found = sum_pieces(memory.get(), manifest.memory().value());
  if (!found) return fail(found.error().context(path));
  const auto [one, other] =
      std::mismatch(found->begin(), found->end(), expected.begin(), expected.end());
  if (one == found->end() && other == expected.end()) return {};
  const auto piece = static_cast<std::uint64_t>(one - found->begin()) / sizeof(store::Digest);
  return fail(format("{}: damaged: the MiB at {} is not as it was written", path, piece * kPiece));
}

Result<FileDescriptor> Library::lock(Use use) const {
  FileDescriptor folder(::open(folder_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!folder) return fail_errno(folder_ + ": cannot open");
  const int kind = use == Use::kShared ? LOCK_SH : LOCK_EX | LOCK_NB;
  while (::flock(folder.get(), kind) != 0) {
    if (errno == EINTR) continue;
    if (errno != EWOULDBLOCK) return fail_errno(folder_ + ": cannot lock");
    return fail(folder_ +
                ": in use: a snapshot is being made or removed there, or a VM is just starting "
                "from one; try again when it is done");
  }
  return folder;
}

// A line is written at once, and so is there whole or not at all.
Result<> Library::note_head(const std::string& file, const std::string& head) const {
  const std::string path = path_of(kHeads, file);
  const FileDescriptor list(
      ::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, S_IRUSR | S_IWUSR));
  if (!list) return fail_errno(path + ": cannot be written");
  const std::string line = head + '\n';
  if (::write(list.get(), line.data(), line.size()) != static_cast<ssize_t>(line.size())) {
    return fail_errno(path + ": cannot be written");
  }
  ORRERY_CHECK(sync_file(list.get(), path));
  return sync_folder(path_of(kHeads, ""));
}

Result<std::vector<std::string>> Library::heads(const std::string& file) const {
  const std::string path = path_of(kHeads, file);
  std::vector<std::string> heads;
  if (::access(path.c_str(), F_OK) != 0) return heads;
  ORRERY_TRY(const auto bytes, read_file(path, kMostHeads));
  std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    heads.emplace_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  std::sort(heads.begin(), heads.end());
  heads.erase(std::unique(heads.begin(), heads.end()), heads.end());
  return heads;
}

// Whatever remains of it has a name that no snapshot has.
Result<> Library::remove(const std::string& name) const {
  ORRERY_CHECK(store::check_name(name));
  const std::string folder = path_of(name, "");
  if (is_reserved(name) || ::access(folder.c_str(), F_OK) != 0) {
    return fail(
        format("there is no snapshot \"{}\" in {}; see `orrery snapshot list`", name, folder_));
  }
  remove_left(folder_);
  const std::string old = format("{}/{}{}", folder_, kOld, name);
  if (::rename(folder.c_str(), old.c_str()) != 0) return fail_errno(folder + ": cannot be removed");
  ORRERY_CHECK(sync_folder(folder_));
  remove_folder(old);
  return {};
}

Result<> Library::remove_disk(const std::string& file) const {
  const std::string path = disk_path(file);
  if (::unlink(path.c_str()) != 0) return fail_errno(path + ": cannot be removed");
  ::unlink(path_of(kHeads, file).c_str());
  return sync_folder(disk_path(""));
}

Place find(const std::string& name_or_folder, const std::string& library) {
  if (name_or_folder.find('/') == std::string::npos) return {Library(library), name_or_folder};
  const Library whole(name_or_folder);
  const std::filesystem::path path(whole.folder());
  return {Library(path.parent_path()), path.filename()};
}

Result<NewSnapshot> NewSnapshot::begin(const Library& library, const std::string& name) {
  ORRERY_CHECK(store::check_name(name));
  ORRERY_CHECK(store::load_hasher());
  if (is_reserved(name)) return fail(format("\"{}\" is no snapshot's name; choose another", name));
  ORRERY_CHECK(make_folders(library.disk_path("")));
  ORRERY_CHECK(make_folders(library.path_of(kHeads, "")));
  if (::access(library.path_of(name, "").c_str(), F_OK) == 0) {
    return fail(
        format("there is a snapshot \"{}\" already; choose another name, or delete it", name));
  }
  NewSnapshot made(library, name);
  ORRERY_TRY(made.shared_, library.lock(Library::Use::kShared));
  // One at a time, as a folder is there before it is locked.
  const std::string disks = library.disk_path("");
  const FileDescriptor makers(::open(disks.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!makers || ::flock(makers.get(), LOCK_EX) != 0) return fail_errno(disks);
  remove_left(library.folder());
  std::string folder = format("{}/{}{}-XXXXXX", library.folder(), kNew, name);
  if (::mkdtemp(folder.data()) == nullptr) return fail_errno(folder + ": cannot be made");
  made.folder_ = folder;
  made.lock_ = FileDescriptor(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!made.lock_ || ::flock(made.lock_.get(), LOCK_EX) != 0) return fail_errno(folder);
  ORRERY_TRY(made.memory_, create_file(made.scratch(kMemory)));
  ORRERY_TRY(made.state_, create_file(made.scratch(kState)));
  return made;
}

NewSnapshot::~NewSnapshot() {
  if (lock_) remove_folder(folder_);
}

std::string NewSnapshot::new_disk() const {
  std::uint64_t number = 0;
  while (::getrandom(&number, sizeof number, 0) != sizeof number) {
  }
  return format("{}-{:016x}.qcow2", name_, number);
}

Result<> NewSnapshot::change_disk(const std::string& disk, const std::string& file,
                                  const std::string& overlay) const {
  const std::string kept = library_.disk_path(file);
  if (::link(disk.c_str(), kept.c_str()) != 0) {
    const std::string doing = format("{}: cannot be kept as {}", disk, kept);
    const Error error = Error::from_errno(doing);
    if (errno != EXDEV) return fail(error);
    return fail(error.message() + "; name a library on the file system of the disk with --library");
  }
  ORRERY_CHECK(library_.note_head(file, disk));
  ORRERY_CHECK(sync_folder(library_.disk_path("")));
  if (::rename(overlay.c_str(), disk.c_str()) != 0) {
    const Error error = Error::from_errno(disk + ": cannot be replaced");
    ::unlink(kept.c_str());
    return fail(error);
  }
  return sync_folder(std::filesystem::path(disk).parent_path());
}

Result<> NewSnapshot::keep_disk(const std::string& disk, const std::string& file) const {
  const std::string kept = library_.disk_path(file);
  if (::rename(disk.c_str(), kept.c_str()) != 0) return fail_errno(kept + ": cannot get its name");
  return sync_folder(library_.disk_path(""));
}

Result<Manifest> NewSnapshot::commit(Manifest manifest) {
  manifest.name = name_;
  if (manifest.created == 0) manifest.created = nanoseconds_since_1970();
  ORRERY_TRY(const auto state, read_file(scratch(kState), kMostState));
  ORRERY_CHECK(fill_in(manifest.state, state, scratch(kState)));
  auto sums = sum_pieces(memory(), manifest.memory().value());
  if (!sums) return fail(sums.error().context(scratch(kMemory)));
  ORRERY_CHECK(fill_in(manifest.sums, *sums, scratch(kMemory)));
  ORRERY_CHECK(write_file(scratch(kSums), *sums));
  ORRERY_CHECK(sync_file(memory_.get(), scratch(kMemory)));
  ORRERY_CHECK(sync_file(state_.get(), scratch(kState)));
  const std::string text = encode_manifest(manifest);
  ORRERY_CHECK(write_file(scratch(kManifest), as_bytes(text.data(), text.size())));
  ORRERY_CHECK(sync_folder(folder_));
  if (::rename(folder_.c_str(), library_.path_of(name_, "").c_str()) != 0) {
    return fail_errno(format("snapshot \"{}\" cannot get its name", name_));
  }
  lock_.reset();
  ORRERY_CHECK(sync_folder(library_.folder()));
  return manifest;
}

}  // namespace orrery::snapshot
