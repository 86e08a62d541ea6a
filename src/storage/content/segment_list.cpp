#include "storage/content/segment_list.hpp"

#include <algorithm>
#include <cstdio>
#include <string_view>

#include <fcntl.h>
#include <unistd.h>

#include "base/files/file_descriptor.hpp"
#include "base/files/mapped_file.hpp"
#include "base/format.hpp"

namespace orrery::storage {
namespace {

using namespace std::string_view_literals;

constexpr std::string_view kMagic = "ORSEGS1\0"sv;
constexpr std::uint32_t kVersion = 1;
constexpr std::uint64_t kMostSize = 1ull << 62;  // of a disk

// docs/formats/content-segments.md
namespace at {
constexpr std::size_t kVersion = 8;  // u32
constexpr std::size_t kSize = 16;    // u64
constexpr std::size_t kCount = 24;   // u64
constexpr std::size_t kEnd = 32;
}  // namespace at
constexpr std::size_t kEntry = 40;  // u64 index, 32 bytes digest

Error damaged(std::string_view what) {
  return Error(format("damaged: {}", what));
}

Result<> write_file(const std::string& path, ByteSpan bytes) {
  const FileDescriptor file(::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666));
  if (!file) return fail_errno("cannot be made");
  while (!bytes.empty()) {
    const ssize_t done = ::write(file.get(), bytes.data(), bytes.size());
    if (done < 0 && errno == EINTR) continue;
    if (done <= 0) return fail_errno("cannot be written");
    bytes = bytes.subspan(static_cast<std::size_t>(done));
  }
  if (::fsync(file.get()) != 0) return fail_errno("cannot be written");
  return {};
}

}  // namespace

const SegmentDigest* SegmentList::find(std::uint64_t index) const {
  const auto found =
      std::lower_bound(segments.begin(), segments.end(), index,
                       [](const SegmentDigest& each, std::uint64_t i) { return each.index < i; });
  return found != segments.end() && found->index == index ? &*found : nullptr;
}

store::Digest SegmentList::root() const {
  RootHasher hasher(size);
  for (const SegmentDigest& each : segments) hasher.add(each);
  return hasher.finish();
}

std::vector<std::byte> encode_segments(const SegmentList& list) {
  std::vector<std::byte> bytes(at::kEnd + list.segments.size() * kEntry);
  std::byte* to = bytes.data();
  std::copy_n(reinterpret_cast<const std::byte*>(kMagic.data()), kMagic.size(), to);
  store_le(to + at::kVersion, kVersion);
  store_le(to + at::kSize, list.size);
  store_le(to + at::kCount, static_cast<std::uint64_t>(list.segments.size()));
  to += at::kEnd;
  for (const SegmentDigest& each : list.segments) {
    store_le(to, each.index);
    std::copy(each.digest.bytes.begin(), each.digest.bytes.end(), to + 8);
    to += kEntry;
  }
  return bytes;
}

Result<SegmentList> parse_segments(ByteSpan bytes, const store::Digest& root) {
  const auto magic = reinterpret_cast<const std::byte*>(kMagic.data());
  if (bytes.size() < at::kEnd || !std::equal(magic, magic + kMagic.size(), bytes.begin())) {
    return fail(damaged("is no list of segments"));
  }
  const auto version = load_le<std::uint32_t>(&bytes[at::kVersion]);
  if (version != kVersion) {
    return fail(format("has version {}, and this Orrery knows {}", version, kVersion));
  }
  SegmentList list;
  list.size = load_le<std::uint64_t>(&bytes[at::kSize]);
  const auto count = load_le<std::uint64_t>(&bytes[at::kCount]);
  const std::uint64_t room = bytes.size() - at::kEnd;
  if (list.size > kMostSize || room % kEntry != 0 || count != room / kEntry) {
    return fail(damaged("its length is not what it says"));
  }
  list.segments.resize(count);
  const std::byte* from = &bytes[0] + at::kEnd;
  for (SegmentDigest& each : list.segments) {
    each.index = load_le<std::uint64_t>(from);
    std::copy_n(from + 8, each.digest.bytes.size(), each.digest.bytes.begin());
    if (&each != list.segments.data() && each.index <= (&each)[-1].index) {
      return fail(damaged("its segments are not in order"));
    }
    from += kEntry;
  }
  if (list.root() != root) {
    return fail("is of another content than what is recorded of the disk");
  }
  return list;
}

std::string segment_list_path(const std::string& image) {
  return image + ".segments";
}

Result<> write_segment_list(const std::string& image, const SegmentList& list) {
  const std::string path = segment_list_path(image);
  const std::string partial = path + ".partial";
  const Result<> written = write_file(partial, encode_segments(list));
  if (!written) {
    ::unlink(partial.c_str());
    return fail(written.error().context(partial));
  }
  if (std::rename(partial.c_str(), path.c_str()) != 0) {
    return fail_errno(path + ": cannot be named");
  }
  return {};
}

Result<SegmentList> read_segment_list(const std::string& image, const store::Digest& root) {
  const std::string path = segment_list_path(image);
  ORRERY_TRY(const auto file, MappedFile::open(path));
  auto list = parse_segments(file->bytes(), root);
  if (!list) return fail(list.error().context(path));
  return list;
}

}  // namespace orrery::storage
