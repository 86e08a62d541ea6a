#include "storage/qcow2/identity.hpp"

#include <algorithm>

#include "base/format.hpp"

namespace orrery::storage::qcow2 {
namespace {

using Kind = DiskIdentity::Kind;

namespace at {
constexpr std::size_t kVersion = 0;      // u32
constexpr std::size_t kParentKind = 4;   // u32
constexpr std::size_t kIdentifier = 8;   // 16 bytes
constexpr std::size_t kChanged = 24;     // u64
constexpr std::size_t kParent = 32;      // 16 bytes; of a file: u64 size, u64 0
constexpr std::size_t kParentWhen = 48;  // u64
constexpr std::size_t kEnd = 56;
}  // namespace at

constexpr std::uint32_t kVersion = 1;

}  // namespace

Result<Identities> read_identities(const Header& header) {
  Identities identities;
  const Extension* const found = header.extension(kExtensionIdentity);
  if (found == nullptr) return identities;
  const std::byte* const data = found->data.data();
  const std::size_t length = found->data.size();
  const std::uint32_t version = length < 4 ? 0 : load_be<std::uint32_t>(data + at::kVersion);
  if (version > kVersion) return identities;
  if (version == 0 || length != at::kEnd) {
    return fail(format("damaged: its identity has version {} and {} bytes", version, length));
  }
  if ((header.autoclear & kIdentityKept) != 0) {
    identities.own.kind = Kind::kIdentifier;
    std::copy_n(data + at::kIdentifier, 16, identities.own.identifier.begin());
    identities.own.changed = load_be<std::uint64_t>(data + at::kChanged);
  }
  DiskIdentity& parent = identities.parent;
  const auto kind = load_be<std::uint32_t>(data + at::kParentKind);
  if (kind > static_cast<std::uint32_t>(Kind::kFile)) {
    return fail(format("damaged: its parent's identity is of kind {}", kind));
  }
  parent.kind = static_cast<Kind>(kind);
  if (parent.kind == Kind::kNone) return identities;
  parent.changed = load_be<std::uint64_t>(data + at::kParentWhen);
  if (parent.kind == Kind::kIdentifier) {
    std::copy_n(data + at::kParent, 16, parent.identifier.begin());
  } else {
    parent.file_size = load_be<std::uint64_t>(data + at::kParent);
  }
  return identities;
}

void copy_parent_record(const Extension& identity, MutableByteSpan to) {
  if (identity.data.size() != at::kEnd) return;
  const ByteSpan bytes(identity.data);
  std::copy_n(bytes.begin() + at::kParentKind, 4, to.begin());
  std::copy_n(bytes.begin() + at::kParent, at::kEnd - at::kParent, to.begin() + 4);
}

void set_identities(Header& header, const Identities& identities) {
  std::vector<std::byte> bytes(at::kEnd);
  std::byte* const data = bytes.data();
  store_be(data + at::kVersion, kVersion);
  store_be(data + at::kParentKind, static_cast<std::uint32_t>(identities.parent.kind));
  std::copy(identities.own.identifier.begin(), identities.own.identifier.end(),
            data + at::kIdentifier);
  store_be(data + at::kChanged, identities.own.changed);
  if (identities.parent.kind == Kind::kIdentifier) {
    std::copy(identities.parent.identifier.begin(), identities.parent.identifier.end(),
              data + at::kParent);
  } else {
    store_be(data + at::kParent, identities.parent.file_size);
  }
  store_be(data + at::kParentWhen, identities.parent.changed);
  header.set_extension(kExtensionIdentity, std::move(bytes));
  header.autoclear &= ~kIdentityKept;
  if (header.version >= 3 && identities.own.kind == Kind::kIdentifier) {
    header.autoclear |= kIdentityKept;
  }
  if (!write_header(header)) {
    header.set_extension(kExtensionIdentity, {});
    header.autoclear &= ~kIdentityKept;
  }
}

}  // namespace orrery::storage::qcow2
