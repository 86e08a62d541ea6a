// Where a qcow2 keeps its identity and its parent's: a header extension of ours, which is good
// while an "autoclear" bit of ours is set (docs/formats/qcow2-identity.md). Private to storage/.
#pragma once

#include "base/bytes.hpp"
#include "base/error.hpp"
#include "storage/disk_identity.hpp"
#include "storage/qcow2/header.hpp"

namespace orrery::storage::qcow2 {

struct Identities {
  DiskIdentity own;     // kNone: none is kept, or another program has written since
  DiskIdentity parent;  // kNone: it was not recorded what the backing file was
};

// Fails where the extension is damaged. One of a later version says nothing to us.
Result<Identities> read_identities(const Header& header);
// Nothing is kept where the first cluster has no room. The parent's is recorded in version 2 too;
// an own one needs the bit that version 3 has.
void set_identities(Header& header, const Identities& identities);

// The bytes of an identity that say what the parent was; as they are, also where they are damaged.
inline constexpr std::size_t kParentRecordLength = 28;
void copy_parent_record(const Extension& identity, MutableByteSpan to);

}  // namespace orrery::storage::qcow2
