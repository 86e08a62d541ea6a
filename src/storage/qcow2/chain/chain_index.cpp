#include "storage/qcow2/chain/chain_index.hpp"

#include <algorithm>
#include <bit>

#include "base/bits.hpp"
#include "storage/qcow2/mapping.hpp"

namespace orrery::storage::qcow2 {
namespace {

// How a page's `where` says what a cluster is: a place in the file is a multiple of 512, and a
// compressed cluster's entry has kCompressedFlag.
constexpr std::uint64_t kZeroes = 1;
constexpr std::uint64_t kWrong = 2;

constexpr std::uint64_t kWindowEntries = 512;  // of an L1 table: 256 GiB with 64 KiB clusters

// Layers that are asked at the same time. With many the last ones may turn out not to be needed,
// with few there are many waits.
constexpr std::size_t kTogether = 64;

// Pages that are built together at most: an L2 table of the usual 64 KiB.
constexpr std::uint64_t kMostPagesTogether = 16;
// How many are, for each that was asked for before in their neighbourhood. Four: tables of which
// little is needed are not read whole, and where all is, three or four times do.
constexpr std::uint64_t kPagesForEach = 4;

unsigned smallest_unit(const Header& header) {
  return header.extended_l2() ? header.cluster_bits - 5 : header.cluster_bits;
}

unsigned reach_bits(const Header& header) {
  return 2 * header.cluster_bits - (header.extended_l2() ? 4 : 3);
}

}  // namespace

// What a layer's L2 table says of the pages of a batch.
struct ChainIndex::Piece {
  enum class State : std::uint8_t { kAbsent, kThere, kWrong };

  std::uint16_t layer = 0;
  State state = State::kAbsent;
  std::vector<std::byte> entries;
};

ChainIndex::ChainIndex(const std::vector<Layer>& layers, std::uint64_t size, std::size_t most_pages)
    : layers_(layers), windows_(layers.size()) {
  cluster_bits_ = kMostClusterBits;
  unsigned reach = 64;
  std::uint64_t visible = size;
  for (const Layer& layer : layers) {
    cluster_bits_ = std::min(cluster_bits_, smallest_unit(layer.header));
    reach = std::min(reach, reach_bits(layer.header));
    visible = std::min(visible, layer.size());
    visible_.push_back(visible);
  }
  // Within one L2 table of each.
  page_bits_ = std::min(reach, cluster_bits_ + 9);
  needed_ = (size >> page_bits_) + 1;
  pages_.resize(std::min<std::uint64_t>(needed_, most_pages));
  // Each of them needs a place of its own.
  most_together_ = std::min({kMostPagesTogether, std::uint64_t{1} << (reach - page_bits_),
                             std::bit_floor<std::uint64_t>(pages_.size())});
}

// PAGE with neighbours, as they lie in a block of so many.
ChainIndex::Batch ChainIndex::choose_batch(std::uint64_t number) const {
  const std::uint64_t neighbourhood = align_down(number, most_together_);
  std::uint64_t there = 0;
  for (std::uint64_t i = 0; i < most_together_; ++i) there += has(neighbourhood + i) ? 1 : 0;
  const std::uint64_t wanted = std::bit_ceil(std::max<std::uint64_t>(there * kPagesForEach, 1));
  const std::uint64_t count = std::min(wanted, most_together_);
  Batch batch{.first = align_down(number, count), .pages = {}};
  batch.pages.resize(std::min(count, needed_ - batch.first));
  for (std::uint64_t i = 0; i < batch.pages.size(); ++i) {
    const std::uint64_t each = batch.first + i;
    if (has(each) || building_.contains(each)) continue;
    batch.pages[i] = std::make_unique<Page>();
    batch.pages[i]->number = each;
    batch.pages[i]->layer.fill(kNoLayer);
  }
  return batch;
}

Task<Result<const ChainIndex::Page*>> ChainIndex::get(std::uint64_t offset) {
  const std::uint64_t number = offset >> page_bits_;
  while (true) {
    if (const Page* const page = find(offset)) co_return page;
    if (building_.contains(number)) {
      co_await built_;
      continue;
    }
    Batch batch = choose_batch(number);
    for (const auto& page : batch.pages) {
      if (page != nullptr) building_.insert(page->number);
    }
    const Result<> done = co_await build(batch);
    for (auto& page : batch.pages) {
      if (page == nullptr) continue;
      building_.erase(page->number);
      if (done) slot_of(page->number) = std::move(page);
    }
    // All look again, this task too: another page may have taken the place.
    built_.notify_all();
    if (!done) co_return fail(done.error());
  }
}

Task<Result<>> ChainIndex::build(Batch& batch) {
  const auto unresolved = [&] {
    return std::any_of(batch.pages.begin(), batch.pages.end(),
                       [](const auto& page) { return page != nullptr && page->unresolved != 0; });
  };
  std::vector<Piece> pieces(std::min(kTogether, layers_.size()));
  for (std::size_t first = 0; first < layers_.size() && unresolved(); first += kTogether) {
    pieces.resize(std::min(kTogether, layers_.size() - first));
    std::vector<Task<Result<>>> tasks;
    for (std::size_t i = 0; i < pieces.size(); ++i) {
      pieces[i].layer = static_cast<std::uint16_t>(first + i);
      tasks.push_back(load(pieces[i], batch));
    }
    const Result<> done = co_await all_of(std::move(tasks));
    if (!done) co_return done;
    for (const Piece& piece : pieces) {
      for (std::size_t i = 0; i < batch.pages.size(); ++i) {
        if (batch.pages[i] != nullptr) resolve(*batch.pages[i], i, piece);
      }
    }
  }
  co_return Result<>{};
}

Task<Result<>> ChainIndex::load(Piece& piece, const Batch& batch) {
  const Layer& layer = layers_[piece.layer];
  const Header& header = layer.header;
  piece.state = Piece::State::kAbsent;
  const std::uint64_t offset = batch.first << page_bits_;
  const std::uint64_t index = offset / header.l2_reach();
  if (index >= header.l1_entries) co_return Result<>{};
  const Result<std::uint64_t> entry = co_await l1_entry(piece.layer, index);
  if (!entry) co_return fail(entry.error());
  const std::uint64_t table = *entry & kOffsetMask;
  if (table == 0) co_return Result<>{};
  if (!is_aligned(table, header.cluster_size()) || table >= layer.file->size()) {
    piece.state = Piece::State::kWrong;
    co_return Result<>{};
  }
  piece.state = Piece::State::kThere;
  const std::uint64_t length = batch.pages.size() << page_bits_;
  const std::uint64_t entries = std::max<std::uint64_t>(length >> header.cluster_bits, 1);
  piece.entries.resize(entries * header.l2_entry_size());
  const std::uint64_t at = (offset % header.l2_reach()) >> header.cluster_bits;
  co_return co_await layer.file->read(table + at * header.l2_entry_size(),
                                      vectors_of(piece.entries));
}

Task<Result<std::uint64_t>> ChainIndex::l1_entry(std::uint16_t layer, std::uint64_t index) {
  Window& window = windows_[layer];
  const std::uint64_t first = align_down(index, kWindowEntries);
  if (window.first != first || window.entries.empty()) {
    const Header& header = layers_[layer].header;
    std::vector<std::byte> bytes(std::min(kWindowEntries, header.l1_entries - first) * 8);
    const Result<> read =
        co_await layers_[layer].file->read(header.l1_offset + first * 8, vectors_of(bytes));
    if (!read) co_return fail(read.error());
    window.first = first;
    window.entries.resize(bytes.size() / 8);
    for (std::size_t i = 0; i < window.entries.size(); ++i) {
      window.entries[i] = load_be<std::uint64_t>(&bytes[i * 8]);
    }
  }
  co_return window.entries[index - first];
}

void ChainIndex::set(Page& page, std::size_t at, std::uint16_t layer, std::uint64_t where) {
  if (page.layer[at] != kNoLayer) return;
  page.layer[at] = layer;
  page.where[at] = where;
  --page.unresolved;
}

// PAGE: which is AT in its batch.
void ChainIndex::resolve(Page& page, std::size_t at, const Piece& piece) const {
  if (piece.state == Piece::State::kAbsent || page.unresolved == 0) return;
  if (piece.state == Piece::State::kWrong) {
    for (std::size_t i = 0; i < kPageClusters; ++i) set(page, i, piece.layer, kWrong);
    return;
  }
  const Header& header = layers_[piece.layer].header;
  const std::uint64_t step = std::min(header.cluster_size(), page_size());
  const std::uint64_t skipped = (at << page_bits_) >> header.cluster_bits;
  const std::byte* entry = &piece.entries[skipped * header.l2_entry_size()];
  for (std::uint64_t offset = 0; offset < page_size(); offset += step) {
    // Most layers hold little, so this is most of what is done.
    const bool empty = load_be<std::uint64_t>(entry) == 0 && !header.extended_l2();
    if (!empty) resolve_cluster(page, piece, entry, offset);
    entry += header.l2_entry_size();
  }
}

// The part of one of the layer's clusters that is in the page, from OFFSET within it on.
void ChainIndex::resolve_cluster(Page& page, const Piece& piece, const std::byte* at,
                                 std::uint64_t offset) const {
  using Kind = Mapping::Kind;
  const Header& header = layers_[piece.layer].header;
  const auto entry = load_be<std::uint64_t>(at);
  const std::uint64_t bitmap = header.extended_l2() ? load_be<std::uint64_t>(at + 8) : 0;
  const std::uint64_t host = entry & kOffsetMask;
  const bool wrong = (entry & kCompressedFlag) == 0 && !is_aligned(host, header.cluster_size());
  const std::uint64_t unit = 1ull << cluster_bits_;
  const std::uint64_t length = std::min(header.cluster_size(), page_size());
  std::uint64_t skip = ((page.number << page_bits_) + offset) % header.cluster_size();
  for (std::uint64_t end = offset + length; offset < end; offset += unit, skip += unit) {
    Kind kind = kind_of(entry, header.version);
    if (header.extended_l2() && kind != Kind::kCompressed) {
      kind = kind_of_subcluster(bitmap, static_cast<unsigned>(skip >> (header.cluster_bits - 5)));
    }
    const std::size_t index = offset >> cluster_bits_;
    if (wrong || (kind == Kind::kData && host == 0)) {
      set(page, index, piece.layer, kWrong);
    } else if (kind == Kind::kCompressed) {
      set(page, index, piece.layer, entry);
    } else if (kind != Kind::kUnallocated) {
      set(page, index, piece.layer, kind == Kind::kZero ? kZeroes : host + skip);
    }
  }
}

ChainIndex::Place ChainIndex::locate(const Page& page, std::uint64_t offset,
                                     std::uint64_t length) const {
  const std::uint64_t unit = 1ull << cluster_bits_;
  const std::uint64_t skip = offset % unit;
  std::size_t index = (offset & (page_size() - 1)) >> cluster_bits_;
  const std::uint64_t where = page.where[index];
  Place place{.layer = page.layer[index]};
  const bool moves = where > kWrong && (where & kCompressedFlag) == 0;
  const std::size_t end = page_size() >> cluster_bits_;
  std::uint64_t reach = unit - skip;
  std::uint64_t expected = where;
  for (++index; reach < length && index < end; ++index, reach += unit) {
    if (moves) expected += unit;
    if (page.layer[index] != place.layer || page.where[index] != expected) break;
  }
  place.length = std::min(reach, length);
  const std::uint64_t visible = place.layer == kNoLayer ? visible_.back() : visible_[place.layer];
  if (offset >= visible) {
    place.kind = Place::Kind::kZero;
    return place;
  }
  place.length = std::min(place.length, visible - offset);
  if (place.layer == kNoLayer) return place;
  if (where == kZeroes) {
    place.kind = Place::Kind::kZero;
  } else if (where == kWrong) {
    place.kind = Place::Kind::kDamaged;
  } else {
    place.kind = moves ? Place::Kind::kData : Place::Kind::kCompressed;
    place.where = moves ? where + skip : where;
  }
  return place;
}

}  // namespace orrery::storage::qcow2
