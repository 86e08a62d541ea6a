#include "store/pack/pack_builder.hpp"

#include "base/format.hpp"
#include "store/pack/pack_reader.hpp"

namespace orrery::store {

PackBuilder::~PackBuilder() {
  for (Pending& each : pending_) each.ready.wait();
  for (auto& each : syncs_) each.wait();
}

Result<Place> PackBuilder::append(ByteSpan segment, const Digest& digest) {
  if (open_ && group_.size() + segment.size() > kGroupBytes) {
    const bool full = packs_.back().table.length() >= kPackBytes;
    ORRERY_CHECK(seal_group(full));
  }
  if (!open_) ORRERY_CHECK(begin_pack());
  PackTable& table = packs_.back().table;
  const Place place{static_cast<std::uint32_t>(packs_.size() - 1), table.segments()};
  table.digests.push_back(digest);
  table.starts.push_back(table.length() + segment.size());
  group_.insert(group_.end(), segment.begin(), segment.end());
  ++group_segments_;
  return place;
}

Result<> PackBuilder::begin_pack() {
  Pack pack;
  pack.name = format("{}.{}", prefix_, packs_.size());
  ORRERY_TRY(pack.file, files_.create(pack.name));
  ORRERY_CHECK(pack.file->append(pack_header()));
  pack.table.starts.push_back(0);
  packs_.push_back(std::move(pack));
  stored_bytes_ += kPackHeader;
  open_ = true;
  return {};
}

Result<> PackBuilder::seal_group(bool closes) {
  Pending pending;
  pending.pack = packs_.size() - 1;
  pending.length = static_cast<std::uint32_t>(group_.size());
  pending.segments = group_segments_;
  pending.closes = closes;
  pending.ready = workers_.run([bytes = std::move(group_), level = level_] {
    Ready ready{.compressed = compress(bytes, level)};
    ready.check = Hasher().digest(ready.compressed.bytes).first_word();
    return ready;
  });
  pending_.push_back(std::move(pending));
  group_ = {};
  group_.reserve(kGroupBytes);
  group_segments_ = 0;
  if (closes) open_ = false;
  // Enough that no worker waits, and little in memory.
  while (pending_.size() > 4 * workers_.size()) ORRERY_CHECK(write_front());
  return {};
}

Result<> PackBuilder::write_front() {
  Pending pending = std::move(pending_.front());
  pending_.pop_front();
  const Ready ready = pending.ready.get();
  Pack& pack = packs_[pending.pack];
  ORRERY_CHECK(pack.file->append(ready.compressed.bytes));
  const auto& groups = pack.table.groups;
  Group group;
  group.file_offset =
      groups.empty() ? kPackHeader : groups.back().file_offset + groups.back().stored;
  group.start = groups.empty() ? 0 : groups.back().start + groups.back().length;
  group.first_segment = groups.empty() ? 0 : groups.back().first_segment + groups.back().segments;
  group.stored = static_cast<std::uint32_t>(ready.compressed.bytes.size());
  group.length = pending.length;
  group.segments = pending.segments;
  group.method = ready.compressed.method;
  group.check = ready.check;
  pack.table.groups.push_back(group);
  stored_bytes_ += group.stored;
  return pending.closes ? close(pack) : Result<>{};
}

Result<> PackBuilder::close(Pack& pack) {
  const std::vector<std::byte> end = encode_table(pack.table);
  ORRERY_CHECK(pack.file->append(end));
  stored_bytes_ += end.size();
  // While the next one is written.
  syncs_.push_back(workers_.run([file = pack.file.get()] { return file->sync(); }));
  return {};
}

Result<> PackBuilder::finish() {
  if (open_) ORRERY_CHECK(seal_group(true));
  while (!pending_.empty()) ORRERY_CHECK(write_front());
  Result<> result;
  for (auto& each : syncs_) {
    const Result<> synced = each.get();
    if (!synced) result = synced;
  }
  syncs_.clear();
  return result;
}

Result<> PackBuilder::publish() {
  for (const Pack& pack : packs_) {
    const std::string name = pack_name(pack.table.id);
    // Somebody else may have packed the very same, and others may hold locks on that file.
    ORRERY_TRY(const auto there, files_.open(name));
    if (!there) ORRERY_CHECK(files_.rename(pack.name, name));
  }
  // Also for packs of others, which they may have named and not synced yet.
  return files_.sync_folder(kPacks);
}

}  // namespace orrery::store
