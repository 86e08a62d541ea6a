#include "store/remote/remote_files.hpp"

#include <algorithm>
#include <cstring>
#include <optional>

#include "base/format.hpp"
#include "store/pack/pack_reader.hpp"
#include "store/remote/access_record.hpp"
#include "store/store.hpp"

namespace orrery::store::remote {
namespace {

class BytesFile final : public StoredFile {
 public:
  explicit BytesFile(std::vector<std::byte> bytes) : bytes_(std::move(bytes)) {}
  std::uint64_t size() const override { return bytes_.size(); }
  Result<> read(std::uint64_t offset, MutableByteSpan to) const override {
    if (offset > bytes_.size() || to.size() > bytes_.size() - offset) return fail("ends before");
    std::copy_n(bytes_.begin() + static_cast<std::ptrdiff_t>(offset), to.size(), to.begin());
    return {};
  }

 private:
  const std::vector<std::byte> bytes_;
};

class SharedFile final : public StoredFile {
 public:
  explicit SharedFile(std::shared_ptr<const StoredFile> file) : file_(std::move(file)) {}
  std::uint64_t size() const override { return file_->size(); }
  Result<> read(std::uint64_t offset, MutableByteSpan to) const override {
    return file_->read(offset, to);
  }

 private:
  const std::shared_ptr<const StoredFile> file_;
};

// How the server names a manifest; empty where it has been damaged here.
std::string etag_of(ByteSpan manifest) {
  if (manifest.size() < sizeof(Digest)) return {};
  const Digest digest = Hasher().digest(manifest.first(manifest.size() - sizeof(Digest)));
  const ByteSpan said = manifest.last(sizeof(Digest));
  if (!std::equal(said.begin(), said.end(), digest.bytes.begin())) return {};
  return format("\"{}\"", to_hex(digest));
}

// 40 bytes for a segment: some 128 MiB of segments of one block each, several times.
constexpr std::uint64_t kMostTable = 64_MiB;

}  // namespace

Result<http::Answer> RemoteFiles::get(const Ask& ask) {
  auto answer = connection_.ask(ask);
  if (answer) return answer;
  return fail(
      format("{}: {}; is `orrery store serve` running there?", path_, answer.error().message()));
}

Result<std::unique_ptr<StoredFile>> RemoteFiles::open(const std::string& name) {
  if (name == kVersionFile) {
    constexpr std::string_view kVersion = "orrery store 1\n";  // the server has looked at its own
    const ByteSpan bytes = as_bytes(kVersion.data(), kVersion.size());
    return std::make_unique<BytesFile>(std::vector<std::byte>(bytes.begin(), bytes.end()));
  }
  const std::size_t slash = name.find('/');
  const std::string folder = name.substr(0, slash);
  const std::string rest = slash == std::string::npos ? "" : name.substr(slash + 1);
  if (folder == kImages) return open_manifest(rest);
  const auto id = parse_pack_name(rest);
  if (folder == kPacks && id) return open_pack(*id);
  return nullptr;
}

Result<std::unique_ptr<StoredFile>> RemoteFiles::open_manifest(const std::string& image) {
  auto here = cache_.read_image_file(key(image));
  Ask ask;
  ask.path = "/images/" + image;
  ask.most = kMostImageFile;
  if (here) ask.if_none_match = etag_of(*here);
  ORRERY_TRY(auto answer, get(ask));
  if (answer.status == 304 && here) return std::make_unique<BytesFile>(std::move(*here));
  if (answer.status == 404) {
    return fail(format("{}: has no image \"{}\"; it lists what it has at http{}/images", path_,
                       image, path_.substr(path_.find(':'))));
  }
  if (answer.status != 200) return fail(format("{}: answers {}", path_, answer.status));
  if (!etag_of(answer.body).empty()) cache_.write_image_file(key(image), answer.body);
  return std::make_unique<BytesFile>(std::move(answer.body));
}

Result<std::unique_ptr<StoredFile>> RemoteFiles::open_pack(const Digest& id) {
  auto& pack = packs_[id];
  if (!pack) {
    ORRERY_TRY(pack, cache_.pack(id));
  }
  const auto table = read_pack_table(*pack);
  if (!table || table->id != id) {
    ORRERY_TRY(const bool there, fetch_table(id, *pack));
    if (!there) return nullptr;
  }
  return std::make_unique<SharedFile>(pack);
}

Result<bool> RemoteFiles::fetch_table(const Digest& id, CachedPack& pack) {
  Ask ask;
  ask.path = format("/packs/{}/table", to_hex(id));
  ask.most = kMostTable;
  ORRERY_TRY(const auto answer, get(ask));
  if (answer.status == 404) return false;
  const auto wrong = [&](const std::string& what) {
    return fail(format("{}{}: {}; see what is damaged with `orrery store scrub` on the server",
                       path_, ask.path, what));
  };
  if (answer.status != 200) return wrong(format("answers {}", answer.status));
  const ByteSpan bytes = answer.body;
  if (bytes.size() < kPackFooter) return wrong("is too short");
  const ByteSpan end = bytes.last(kPackFooter);
  const auto offset = load_le<std::uint64_t>(end.data());
  constexpr std::uint64_t kMostPack = 1ull << 40;
  if (offset < kPackHeader || offset > kMostPack) return wrong("is damaged");
  const auto footer = parse_footer(end, offset + bytes.size());
  if (!footer) return wrong(footer.error().message());
  const auto table = parse_table(bytes.first(bytes.size() - kPackFooter), *footer);
  if (!table) return wrong(table.error().message());
  if (table->id != id) return wrong("is another pack's");
  pack.put_table(bytes, offset);
  return true;
}

Error RemoteFiles::only_read() const {
  return Error(path_ + ": a server's store is only read");
}

Result<std::vector<std::string>> RemoteFiles::list(const std::string& /*folder*/) {
  return fail(only_read());
}
Result<std::unique_ptr<NewFile>> RemoteFiles::create(const std::string& /*name*/) {
  return fail(only_read());
}
Result<> RemoteFiles::rename(const std::string& /*from*/, const std::string& /*to*/) {
  return fail(only_read());
}
Result<> RemoteFiles::remove(const std::string& /*name*/) {
  return fail(only_read());
}
Result<> RemoteFiles::make_folder(const std::string& /*name*/) {
  return fail(only_read());
}
Result<> RemoteFiles::sync_folder(const std::string& /*name*/) {
  return fail(only_read());
}
Result<std::unique_ptr<FileLock>> RemoteFiles::lock(const std::string& /*name*/, Lock /*kind*/,
                                                    Wait /*wait*/) {
  return fail(only_read());
}

}  // namespace orrery::store::remote
