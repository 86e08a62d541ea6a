// Durability: how changed tables get into the file.
//
// One round at a time. A round takes the changed pages as they are when it begins, and then
//   1. a sync makes durable the data that they name, and the pages of the round before
//   2. one entry with all of them is written to the log; a sync. From here on they are safe
//   3. the header names the log, where it does not yet; a sync (a log that is named and has no
//      whole entry is damage, 2.3.3, so it is named last)
//   4. the pages are written to their places
// An entry is a sequence of its own, and stands in that half of the log where the entry before does
// not, which is whole until this one is. A round that finds nothing to write, and no request under
// way, takes the log's name out of the header: what a program leaves then needs no replay.
#include <algorithm>

#include "base/bits.hpp"
#include "base/log.hpp"
#include "storage/vhdx/guards.hpp"

namespace orrery::storage::vhdx {

struct Image::TablePages {
  std::set<std::uint64_t> bat;
  PageCache::Snapshot bitmaps;
  std::vector<std::vector<std::byte>> contents;  // of the table's pages
  std::vector<LogPage> pages;
};

// A round that begins from now on makes durable all that was written before; those that ask
// while one is under way share the next.
Task<Result<>> Image::flush() {
  if (access_ != Access::kWrite) co_return Result<>{};
  const std::uint64_t needed = begun_ + 1;
  while (ended_ < needed) {
    if (!broken_) co_return broken_;
    if (in_round_) {
      co_await round_ended_;
      continue;
    }
    in_round_ = true;
    ++begun_;
    round_result_ = co_await run_round();
    ended_ = begun_;
    in_round_ = false;
    const Result<> result = round_result_;
    round_ended_.notify_all();
    co_return result;
  }
  co_return round_result_;
}

// Until the next entry has room for so many pages more.
Task<Result<>> Image::reserve(std::size_t pages) {
  while (dirty_count() + logging_ + reserved_ + pages > log_capacity_) {
    if (dirty_count() + logging_ == 0) {
      co_await reservation_ended_;
      continue;
    }
    const Result<> flushed = co_await flush();
    if (!flushed) co_return flushed;
  }
  reserved_ += pages;
  co_return Result<>{};
}

Image::TablePages Image::take_dirty() {
  TablePages taken;
  taken.bat = bat_.take_dirty();
  taken.bitmaps = bitmaps_.take_dirty(PageKind::kMapping);
  taken.contents.reserve(taken.bat.size());
  for (const std::uint64_t page : taken.bat) {
    taken.contents.push_back(bat_.bytes_of_page(page));
    taken.pages.push_back({bat_.offset_of_page(page), taken.contents.back()});
  }
  for (std::size_t i = 0; i < taken.bitmaps.offsets.size(); ++i) {
    taken.pages.push_back({taken.bitmaps.offsets[i], taken.bitmaps.contents[i]});
  }
  return taken;
}

void Image::put_back(const TablePages& pages, const Result<>& result) {
  bitmaps_.written(pages.bitmaps, result);
  if (!result) bat_.mark_dirty(pages.bat);
}

Task<Result<>> Image::run_round() {
  const TablePages taken = take_dirty();
  const std::uint64_t file_end = stable_end_;
  logging_ = taken.pages.size();
  Result<> done = co_await sync();
  if (!taken.pages.empty()) {
    if (done) done = co_await log_and_apply(taken.pages, file_end);
    put_back(taken, done);
    logging_ = 0;
  } else if (done && log_active_ && in_flight_.empty()) {
    done = co_await empty_log();
  }
  if (done && !retired_.empty()) done = co_await release_retired();
  co_return done;
}

Task<Result<>> Image::sync() {
  const Result<> synced = co_await file_->sync();
  if (!synced) {
    // The host may have thrown away what it could not write, and says so only once.
    broken_ =
        fail(synced.error().context("cannot be made durable, and so is not written any more"));
    log::error("{}", broken_.error().message());
  }
  co_return synced;
}

// What the entry before changed is durable.
Task<Result<>> Image::log_and_apply(const std::vector<LogPage>& pages, std::uint64_t file_end) {
  const auto lock = co_await header_mutex_.lock();
  Header changed = current_.header;
  if (!log_active_) changed.log = log_guid_ = draw_guid();
  EntryPlace place;
  place.guid = log_guid_;
  place.sequence = ++log_sequence_;
  const std::uint64_t half = align_down(changed.log_length / 2, kLogSector);
  place.place = static_cast<std::uint32_t>(log_sequence_ % 2 * half);
  place.file_end = file_end;
  std::vector<std::byte> entry = make_entry(place, pages);
  Result<> done = co_await file_->write(changed.log_offset + place.place, vectors_of(entry));
  if (done) done = co_await sync();
  if (done && !log_active_) done = co_await write_header(changed);
  if (!done) co_return done;
  log_active_ = true;
  std::vector<std::vector<std::byte>> contents;
  contents.reserve(pages.size());
  std::vector<ImageFile::Write> writes;
  for (const LogPage& page : pages) {
    contents.emplace_back(page.bytes.begin(), page.bytes.end());
    writes.push_back({page.offset, vectors_of(contents.back())});
  }
  co_return co_await file_->write_all(std::move(writes));
}

// What its last entry changed is durable.
Task<Result<>> Image::empty_log() {
  const auto lock = co_await header_mutex_.lock();
  Header changed = current_.header;
  changed.log = {};
  const Result<> done = co_await write_header(changed);
  if (done) log_active_ = false;
  co_return done;
}

// A place that nothing durable names, and that no request from before reads or writes.
Task<Result<>> Image::release_retired() {
  const std::uint64_t oldest = in_flight_.empty() ? begun_ : in_flight_.begin()->first;
  while (!retired_.empty() && retired_.front().epoch < std::min(begun_, oldest)) {
    const Retired retired = retired_.front();
    retired_.pop_front();
    const Result<bool> punched = co_await file_->punch(retired.offset, retired.length);
    if (!punched) co_return fail(punched.error());
    space_.release(retired.offset, retired.length);
  }
  co_return Result<>{};
}

}  // namespace orrery::storage::vhdx
