#include "storage/qcow2/content_record.hpp"

#include <algorithm>

#include "base/format.hpp"
#include "storage/io/crc32c.hpp"

namespace orrery::storage::qcow2 {
namespace {

namespace at {
constexpr std::size_t kVersion = 0;     // u32
constexpr std::size_t kFlags = 4;       // u32
constexpr std::size_t kIdentifier = 8;  // 16 bytes: of the content that the own root is of
constexpr std::size_t kOwn = 24;        // 32 bytes
constexpr std::size_t kParent = 56;     // 32 bytes
constexpr std::size_t kCheck = 88;      // u32
constexpr std::size_t kEnd = 92;
}  // namespace at

constexpr std::uint32_t kVersion = 1;
constexpr std::uint32_t kHasOwn = 1u << 0;
constexpr std::uint32_t kHasParent = 1u << 1;

// Of a record and of what HEADER's identity says of the parent.
std::uint32_t check_of(ByteSpan record, const Header& header) {
  std::vector<std::byte> bytes(record.begin(), record.end());
  bytes.resize(at::kEnd + kParentRecordLength);
  if (const Extension* const identity = header.extension(kExtensionIdentity)) {
    copy_parent_record(*identity, MutableByteSpan(bytes).subspan(at::kEnd));
  }
  return crc32c(bytes, at::kCheck);
}

store::Digest digest_at(const std::byte* data) {
  store::Digest digest;
  std::copy_n(data, digest.bytes.size(), digest.bytes.begin());
  return digest;
}

}  // namespace

Result<ContentRoots> read_content_roots(const Header& header, const Identities& identities) {
  ContentRoots roots;
  const Extension* const found = header.extension(kExtensionContentRoots);
  if (found == nullptr) return roots;
  const std::byte* const data = found->data.data();
  const std::size_t length = found->data.size();
  const std::uint32_t version = length < 4 ? 0 : load_be<std::uint32_t>(data + at::kVersion);
  if (version > kVersion) return roots;
  if (version == 0 || length != at::kEnd) {
    return fail(format("damaged: its content roots have version {} and {} bytes", version, length));
  }
  if (load_be<std::uint32_t>(data + at::kCheck) != check_of(found->data, header)) {
    return fail(
        "damaged: what it recorded of its content and its backing file's does not fit its "
        "checksum; "
        "if both are as they should be, record it anew with `orrery disk seal`");
  }
  const auto flags = load_be<std::uint32_t>(data + at::kFlags);
  const bool current = identities.own.kind == DiskIdentity::Kind::kIdentifier &&
                       std::equal(identities.own.identifier.begin(),
                                  identities.own.identifier.end(), data + at::kIdentifier);
  if ((flags & kHasOwn) != 0 && current) roots.own = digest_at(data + at::kOwn);
  if ((flags & kHasParent) != 0 && identities.parent.kind != DiskIdentity::Kind::kNone) {
    roots.parent = digest_at(data + at::kParent);
  }
  return roots;
}

Result<> set_content_roots(Header& header, const Identities& identities,
                           const ContentRoots& roots) {
  std::vector<std::byte> bytes;
  if (roots.own || roots.parent) {
    bytes.resize(at::kEnd);
    std::byte* const data = bytes.data();
    store_be(data + at::kVersion, kVersion);
    store_be(data + at::kFlags, (roots.own ? kHasOwn : 0) | (roots.parent ? kHasParent : 0));
    std::copy(identities.own.identifier.begin(), identities.own.identifier.end(),
              data + at::kIdentifier);
    if (roots.own) std::copy_n(roots.own->bytes.begin(), 32, data + at::kOwn);
    if (roots.parent) std::copy_n(roots.parent->bytes.begin(), 32, data + at::kParent);
    store_be(data + at::kCheck, check_of(bytes, header));
  }
  header.set_extension(kExtensionContentRoots, std::move(bytes));
  const auto fits = write_header(header);
  return fits ? Result<>{} : fail(fits.error());
}

}  // namespace orrery::storage::qcow2
