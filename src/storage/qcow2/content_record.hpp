// Where a qcow2 keeps the root digests of its content and of its backing file's: a header extension
// of ours (docs/formats/content-root.md). Private to storage/.
#pragma once

#include <optional>

#include "base/error.hpp"
#include "storage/qcow2/header.hpp"
#include "storage/qcow2/identity.hpp"
#include "store/digest.hpp"

namespace orrery::storage::qcow2 {

struct ContentRoots {
  // Good for the identifier that the image has now; a write draws another, so it cannot be stale.
  std::optional<store::Digest> own;
  std::optional<store::Digest> parent;  // of the content that Identities::parent is
};

// Fails where the extension is damaged. One of a later version says nothing to us.
Result<ContentRoots> read_content_roots(const Header& header, const Identities& identities);
// After the identities are in HEADER. An own root needs an own identifier. Fails where the first
// cluster has no room.
Result<> set_content_roots(Header& header, const Identities& identities, const ContentRoots& roots);

}  // namespace orrery::storage::qcow2
