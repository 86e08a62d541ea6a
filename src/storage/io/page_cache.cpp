#include "storage/io/page_cache.hpp"

#include <algorithm>

namespace orrery::storage {

Page* PageCache::find(std::uint64_t offset) {
  const auto found = pages_.find(page_of(offset));
  if (found == pages_.end()) return nullptr;
  Page* const page = found->second.get();
  if (by_use_.front() != page) by_use_.splice(by_use_.begin(), by_use_, page->use);
  return page;
}

Task<Result<Page*>> PageCache::get(std::uint64_t offset, PageKind kind) {
  const std::uint64_t at = page_of(offset);
  while (true) {
    if (Page* const page = find(at)) co_return page;
    if (loading_.contains(at)) {
      co_await loaded_;
      continue;
    }
    loading_.emplace(at, false);
    std::vector<std::byte> data(page_size_);
    const Result<> read = co_await file_.read(at, vectors_of(data));
    const bool dropped = loading_.extract(at).mapped();
    if (read && !dropped && !pages_.contains(at)) insert(at, kind, std::move(data));
    // All look again, this task too: another may have made the page leave already.
    loaded_.notify_all();
    if (!read) co_return fail(read.error());
  }
}

Page& PageCache::insert(std::uint64_t offset, PageKind kind, std::vector<std::byte> data) {
  auto page = std::make_unique<Page>();
  page->offset = offset;
  page->kind = kind;
  page->data = std::move(data);
  by_use_.push_front(page.get());
  page->use = by_use_.begin();
  Page& inserted = *page;
  pages_.emplace(offset, std::move(page));
  if (pages_.size() > most_pages_) evict();
  return inserted;
}

// The clean page that was not used for longest; looks at a few only, as dirty ones are written
// soon.
void PageCache::evict() {
  constexpr int kMostLooks = 16;
  int looks = 0;
  for (auto at = std::prev(by_use_.end()); at != by_use_.begin() && looks < kMostLooks; ++looks) {
    Page* const page = *at--;
    if (page->dirty || page->writing) continue;
    by_use_.erase(page->use);
    pages_.erase(page->offset);
    return;
  }
}

Page& PageCache::create(std::uint64_t offset, PageKind kind) {
  drop(offset, page_size_);
  return insert(offset, kind, std::vector<std::byte>(page_size_));
}

void PageCache::mark_dirty(Page& page) {
  if (page.dirty) return;
  page.dirty = true;
  dirty_[static_cast<std::size_t>(page.kind)].insert(page.offset);
}

void PageCache::drop(std::uint64_t offset, std::uint64_t length) {
  for (std::uint64_t at = page_of(offset); at < offset + length; at += page_size_) {
    const auto loading = loading_.find(at);
    if (loading != loading_.end()) loading->second = true;
    const auto found = pages_.find(at);
    if (found == pages_.end()) continue;
    dirty_[static_cast<std::size_t>(found->second->kind)].erase(at);
    by_use_.erase(found->second->use);
    pages_.erase(found);
  }
}

void PageCache::clear() {
  pages_.clear();
  by_use_.clear();
  for (std::set<std::uint64_t>& offsets : dirty_) offsets.clear();
}

PageCache::Snapshot PageCache::take_dirty(PageKind kind) {
  std::set<std::uint64_t>& dirty = dirty_[static_cast<std::size_t>(kind)];
  Snapshot snapshot;
  snapshot.offsets.assign(dirty.begin(), dirty.end());
  dirty.clear();
  snapshot.contents.reserve(snapshot.offsets.size());
  for (const std::uint64_t offset : snapshot.offsets) {
    Page& page = *pages_.at(offset);
    page.dirty = false;
    page.writing = true;
    snapshot.contents.push_back(page.data);
    auto& writes = snapshot.writes;
    const bool adjoins =
        !writes.empty() && writes.back().offset + length_of(writes.back().vectors) == offset;
    if (!adjoins) writes.push_back({offset, {}});
    std::vector<std::byte>& content = snapshot.contents.back();
    writes.back().vectors.push_back({content.data(), content.size()});
  }
  return snapshot;
}

void PageCache::written(const Snapshot& snapshot, const Result<>& result) {
  for (const std::uint64_t offset : snapshot.offsets) {
    const auto found = pages_.find(offset);
    if (found == pages_.end()) continue;
    found->second->writing = false;
    if (!result) mark_dirty(*found->second);
  }
}

}  // namespace orrery::storage
