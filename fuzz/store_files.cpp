// Fuzzes what a store reads: an image's manifest, or a pack, whose bytes are the input's. Digests
// are made to fit, so that what is behind them is reached. Nothing may crash, hang or take more
// memory than the input justifies, and what is read back from an image that opens has to be
// readable or named as damaged.
//
//   byte 0   0: a manifest; else a pack, of which the bytes behind it are the file
#include <memory>

#include "base/assert.hpp"
#include "store/image.hpp"
#include "store/memory_files.hpp"
#include "store/scrub.hpp"

namespace orrery::fuzz {
namespace {

using store::Digest;
using store::Hasher;

std::shared_ptr<testing::MemoryNode> node_of(std::vector<std::byte> bytes) {
  auto node = std::make_shared<testing::MemoryNode>();
  node->content = std::move(bytes);
  node->durable = node->content.size();
  node->names = 1;
  return node;
}

std::vector<std::byte> with_digest(ByteSpan bytes) {
  std::vector<std::byte> whole(bytes.begin(), bytes.end());
  const Digest digest = Hasher().digest(bytes);
  whole.insert(whole.end(), digest.bytes.begin(), digest.bytes.end());
  return whole;
}

void read_manifest(ByteSpan input) {
  const auto manifest = store::parse_manifest(with_digest(input));
  if (!manifest) return;
  const auto again = store::parse_manifest(store::encode_manifest(*manifest));
  ORRERY_ASSERT(again && again->runs == manifest->runs && again->tags == manifest->tags &&
                again->packs == manifest->packs && again->size == manifest->size);
}

// The footer's digest is made that of the table.
void mend(std::vector<std::byte>& pack) {
  const std::size_t footer = pack.size() - store::kPackFooter;
  const auto table = load_le<std::uint64_t>(pack.data() + footer);
  if (table > footer) return;
  Hasher hasher;
  hasher.update(ByteSpan(pack).subspan(table, footer - table));
  hasher.update(ByteSpan(pack).subspan(footer, 16));
  const Digest id = hasher.finish();
  std::copy(id.bytes.begin(), id.bytes.end(),
            pack.begin() + static_cast<std::ptrdiff_t>(footer) + 16);
}

void read_pack(ByteSpan input) {
  if (input.size() < store::kPackHeader + store::kPackFooter) return;
  std::vector<std::byte> bytes(input.begin(), input.end());
  mend(bytes);
  const auto footer = store::parse_footer(ByteSpan(bytes).last(store::kPackFooter), bytes.size());
  if (!footer) return;
  auto folder = std::make_shared<testing::MemoryFolder>();
  const auto opened = store::Store::create(std::make_unique<testing::MemoryFiles>(folder)).value();
  folder->names[store::pack_name(footer->id)] = node_of(std::move(bytes));
  const auto pack = store::PackReader::open(opened->files(), footer->id);
  if (!pack) return;
  // An image of the whole pack, which may be made of anything.
  const store::PackTable& table = (*pack)->table();
  store::Manifest image;
  image.size = table.length();
  image.packs = {table.id};
  image.append({.pack = 0, .first = 0, .count = table.segments()});
  folder->names[store::image_name("image")] = node_of(store::encode_manifest(image));
  ORRERY_ASSERT(store::scrub(*opened, {}).has_value());
  const auto reader = store::Image::open(*opened, "image", {.cache_bytes = 1_MiB});
  if (!reader) return;
  std::vector<std::byte> content(std::min<std::uint64_t>(image.size, 4_MiB));
  (void)(*reader)->read(0, content);
}

}  // namespace
}  // namespace orrery::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace orrery;
  if (size < 2) return 0;
  const ByteSpan input = as_bytes(data + 1, size - 1);
  if (data[0] == 0) {
    fuzz::read_manifest(input);
  } else {
    fuzz::read_pack(input);
  }
  return 0;
}
