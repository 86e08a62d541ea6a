#include "snapshot/stored.hpp"

#include <algorithm>

#include "base/format.hpp"
#include "snapshot/kept_disk.hpp"
#include "storage/request/run_task.hpp"
#include "storage/request/transfers.hpp"
#include "storage/store/add.hpp"
#include "store/segmenter.hpp"
#include "store/writer.hpp"

namespace orrery::snapshot {
namespace {

std::string memory_name(const std::string& name) {
  return name + ":memory";
}
std::string disk_name(const std::string& name, std::size_t number) {
  return format("{}:disk{}", name, number);
}

storage::DiskOptions to_read(const std::string& path) {
  storage::DiskOptions options;
  options.path = path;
  options.read_only = true;
  return options;
}

Result<std::string> identity_of(EventLoop& loop, const std::string& path) {
  ORRERY_TRY(const auto disk, storage::open_disk(loop, to_read(path)));
  ORRERY_TRY(const auto identity, storage::identity_of(*disk, path));
  return storage::describe(identity);
}

class Pushing {
 public:
  Pushing(EventLoop& loop, const Library& from, const Manifest& manifest, store::Store& store,
          const PushOptions& options, const storage::Progress& progress)
      : loop_(loop),
        from_(from),
        manifest_(manifest),
        store_(store),
        options_(options),
        progress_(progress) {}

  Result<> run();

 private:
  Result<> add(storage::DiskOptions source, const std::string& name);
  Result<Disk> add_disk(std::size_t number, const storage::DiskOptions& source);
  Result<> publish(const Bundle& bundle);

  EventLoop& loop_;
  const Library& from_;
  const Manifest& manifest_;
  store::Store& store_;
  const PushOptions& options_;
  const storage::Progress& progress_;
};

Result<> Pushing::run() {
  ORRERY_TRY(const auto there, store_.find_manifest(options_.name));
  if (there) return fail(store::already_there(store_, options_.name));
  ORRERY_CHECK(from_.verify(manifest_.name));
  Bundle bundle{manifest_, {}};
  ORRERY_TRY(bundle.state, from_.read_state(manifest_));
  bundle.manifest.name = options_.name;
  bundle.manifest.options = options_.options;
  storage::DiskOptions memory;
  memory.path = from_.path_of(manifest_.name, "memory");
  memory.format = storage::Format::kRaw;
  ORRERY_CHECK(add(memory, memory_name(options_.name)));
  auto read_only = options_.read_only.begin();
  for (std::size_t i = 0; i < manifest_.disks.size(); ++i) {
    const Disk& disk = manifest_.disks[i];
    storage::DiskOptions source;
    if (disk.kept) {
      ORRERY_TRY(source, find_kept_disk(loop_, from_, disk));
    } else {
      source = *read_only++;
      ORRERY_CHECK(check_may_leave(loop_, source, disk));
    }
    ORRERY_TRY(bundle.manifest.disks[i], add_disk(i, source));
    if (!disk.kept) ORRERY_CHECK(check_unchanged(loop_, source, disk));  // nor was it meanwhile
  }
  return publish(bundle);
}

// Of somebody who was cut off before, its parts may be there.
Result<> Pushing::add(storage::DiskOptions source, const std::string& name) {
  storage::AddOptions add;
  add.disk = std::move(source);
  add.name = name;
  add.tags = options_.tags;
  add.replace = true;
  ORRERY_CHECK(storage::add_to_store(loop_, store_, add, progress_));
  return {};
}

Result<Disk> Pushing::add_disk(std::size_t number, const storage::DiskOptions& source) {
  const std::string name = disk_name(options_.name, number);
  ORRERY_CHECK(add(source, name));
  ORRERY_TRY(const std::string identity,
             identity_of(loop_, format("store:{}/{}", store_.path(), name)));
  Disk there = manifest_.disks[number];
  there.file = name;
  there.path.clear();
  there.identity = identity;
  there.kept = true;
  return there;
}

Result<> Pushing::publish(const Bundle& bundle) {
  const std::vector<std::byte> bytes = encode_bundle(bundle);
  ORRERY_TRY(const auto writer, store::Writer::create(store_, {}));
  constexpr std::size_t kPieceLength = 2_MiB;  // a multiple of the store's blocks
  for (std::size_t at = 0; at < bytes.size(); at += kPieceLength) {
    const std::size_t length = std::min(kPieceLength, bytes.size() - at);
    store::Piece piece(length);
    std::copy_n(bytes.begin() + static_cast<std::ptrdiff_t>(at), length, piece.data().begin());
    ORRERY_CHECK(writer->add(std::move(piece)));
  }
  ORRERY_CHECK(writer->publish(options_.name, options_.tags, manifest_.created,
                               store::Writer::Existing::kRefuse));
  return {};
}

}  // namespace

Result<> push(EventLoop& loop, const Library& from, const Manifest& manifest, store::Store& store,
              const PushOptions& options, const storage::Progress& progress) {
  ORRERY_CHECK(store::check_name(disk_name(options.name, manifest.disks.size())));
  ORRERY_TRY(const auto lock, from.lock(Library::Use::kShared));
  return Pushing(loop, from, manifest, store, options, progress).run();
}

Result<Bundle> read_stored(EventLoop& loop, const std::string& path) {
  ORRERY_CHECK(store::load_hasher());
  ORRERY_TRY(const auto disk, storage::open_disk(loop, to_read(path)));
  const std::uint64_t size = disk->geometry().size.value();
  if (size > kMostBundle) return fail(path + ": is a disk, and no snapshot");
  std::vector<std::byte> bytes(size);
  ORRERY_CHECK(storage::run_task(loop, storage::read_all(*disk, 0, bytes)));
  auto bundle = parse_bundle(bytes);
  if (!bundle) return fail(bundle.error().context(path));
  const std::string place = path.substr(0, path.rfind('/') + 1);
  for (Disk& each : bundle->manifest.disks) {
    if (!each.kept) return fail(format("{}: damaged: its disk {} is elsewhere", path, each.file));
    each.file = place + each.file;
  }
  return bundle;
}

Result<storage::DiskOptions> find_stored_disk(EventLoop& loop, const Disk& disk) {
  ORRERY_TRY(const std::string identity, identity_of(loop, disk.file));
  if (identity != disk.identity) {
    return fail(
        format("{}: is not the disk that the snapshot was pushed with: its content is {}, "
               "and {} was expected; push it again",
               disk.file, identity, disk.identity));
  }
  storage::DiskOptions options = to_read(disk.file);
  options.serial = disk.serial;
  return options;
}

std::string memory_of_stored(const std::string& path) {
  return memory_name(path);
}

}  // namespace orrery::snapshot
