#include "store/manifest.hpp"

#include <algorithm>
#include <cstring>

#include "base/format.hpp"
#include "store/pack/compression.hpp"

namespace orrery::store {
namespace {

constexpr std::uint64_t kMagic = 0x31474D4952524F;  // "ORRIMG1\0"
constexpr std::uint32_t kVersion = 1;
constexpr std::size_t kDigestLength = sizeof(Digest);

// What is read before the lists; the layout of the page.
struct Fixed {
  std::uint64_t magic = kMagic;
  std::uint32_t version = kVersion;
  std::uint32_t packs = 0;
  std::uint64_t size = 0;
  std::uint64_t created = 0;
  std::uint64_t data = 0;
  std::uint64_t runs = 0;
  Digest content;
  std::uint32_t tags = 0;
  std::uint32_t method = 0;
  std::uint64_t runs_stored = 0;  // bytes
};
static_assert(sizeof(Fixed) == 96);

constexpr std::uint64_t kMostDisk = 1ull << 62;

Result<> check_fixed(const Fixed& fixed) {
  if (fixed.magic != kMagic) return fail("is no image of a store");
  if (fixed.version != kVersion) {
    return fail(format("version {} is not known here; a newer Orrery wrote it", fixed.version));
  }
  const bool sound = fixed.size <= kMostDisk && fixed.runs <= kMostManifest / sizeof(Run) &&
                     fixed.tags <= kMostTags &&
                     fixed.method <= static_cast<std::uint32_t>(Method::kZstd);
  return sound ? Result<>{} : fail("its header is damaged");
}

Result<> read_lists(ByteReader& reader, const Fixed& fixed, Manifest& manifest) {
  const auto cut_off = [] { return fail("its lists are damaged"); };
  if (reader.remaining() / kDigestLength < fixed.packs) return cut_off();
  manifest.packs.resize(fixed.packs);
  for (Digest& each : manifest.packs) each = *reader.read<Digest>();
  for (std::uint32_t i = 0; i < fixed.tags; ++i) {
    const auto length = reader.read<std::uint16_t>();
    const auto text = length ? reader.read_bytes(*length) : std::nullopt;
    if (!text) return cut_off();
    manifest.tags.emplace_back(reinterpret_cast<const char*>(text->data()), text->size());
    ORRERY_CHECK(check_name(manifest.tags.back()));
  }
  const auto stored = reader.read_bytes(fixed.runs_stored);
  if (!stored || reader.remaining() != 0) return cut_off();
  // zstd makes at most some 30,000 bytes of one: what claims more is not given the memory.
  if (fixed.runs > (fixed.runs_stored + 1) * 4096) return cut_off();
  manifest.runs.resize(fixed.runs);
  return decompress(*stored, static_cast<Method>(fixed.method),
                    std::as_writable_bytes(std::span(manifest.runs)));
}

Result<> check_runs(const Manifest& manifest) {
  for (const Run& run : manifest.runs) {
    const bool sound = run.count != 0 && (run.zeroes() ? run.first == 0 && run.count <= kMostDisk
                                                       : run.pack < manifest.packs.size() &&
                                                             run.count <= UINT32_MAX - run.first);
    if (!sound) return fail("its list of runs is damaged");
  }
  return {};
}

}  // namespace

void Manifest::append(Run run) {
  if (!runs.empty() && runs.back().pack == run.pack) {
    Run& last = runs.back();
    if (run.zeroes() || last.first + last.count == run.first) {
      last.count += run.count;
      return;
    }
  }
  runs.push_back(run);
}

Result<> check_name(const std::string& name) {
  constexpr std::string_view kSigns = "._+-@:";
  const auto letter = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
  };
  const bool sound = !name.empty() && name.size() <= kMostNameLength && letter(name[0]) &&
                     std::all_of(name.begin(), name.end(), [&](char c) {
                       return letter(c) || kSigns.find(c) != std::string_view::npos;
                     });
  if (sound) return {};
  return fail(
      format("\"{}\" is no name here: a name has letters, digits and \"{}\", begins with a "
             "letter or digit, and has {} at most",
             name, kSigns, kMostNameLength));
}

std::vector<std::byte> encode_manifest(const Manifest& manifest) {
  const Compressed runs = compress(std::as_bytes(std::span(manifest.runs)), kUsualLevel);
  Fixed fixed;
  fixed.packs = static_cast<std::uint32_t>(manifest.packs.size());
  fixed.size = manifest.size;
  fixed.created = manifest.created;
  fixed.data = manifest.data;
  fixed.runs = manifest.runs.size();
  fixed.content = manifest.content;
  fixed.tags = static_cast<std::uint32_t>(manifest.tags.size());
  fixed.method = static_cast<std::uint32_t>(runs.method);
  fixed.runs_stored = runs.bytes.size();
  ByteWriter writer;
  writer.write(fixed);
  for (const Digest& pack : manifest.packs) writer.write(pack);
  for (const std::string& tag : manifest.tags) {
    writer.write(static_cast<std::uint16_t>(tag.size()));
    writer.write_bytes(as_bytes(tag.data(), tag.size()));
  }
  writer.write_bytes(runs.bytes);
  std::vector<std::byte> bytes = writer.take();
  const Digest digest = Hasher().digest(bytes);
  bytes.insert(bytes.end(), digest.bytes.begin(), digest.bytes.end());
  return bytes;
}

Result<Manifest> parse_manifest(ByteSpan bytes) {
  if (bytes.size() < sizeof(Fixed) + kDigestLength) return fail("is too short: it was cut off");
  const ByteSpan body = bytes.first(bytes.size() - kDigestLength);
  ByteReader reader(body);
  const auto fixed = *reader.read<Fixed>();
  ORRERY_CHECK(check_fixed(fixed));
  const ByteSpan digest = bytes.last(kDigestLength);
  if (std::memcmp(Hasher().digest(body).bytes.data(), digest.data(), digest.size()) != 0) {
    return fail("is damaged: it has not the digest that it ends with");
  }
  Manifest manifest;
  manifest.size = fixed.size;
  manifest.created = fixed.created;
  manifest.data = fixed.data;
  manifest.content = fixed.content;
  ORRERY_CHECK(read_lists(reader, fixed, manifest));
  ORRERY_CHECK(check_runs(manifest));
  return manifest;
}

Digest digest_content(const std::vector<Run>& runs,
                      const std::function<const PackTable&(std::uint32_t)>& table_of) {
  Hasher hasher;
  const auto add = [&](std::uint64_t length, const Digest& digest) {
    hasher.update(as_bytes(&length, sizeof length));
    hasher.update(digest.bytes);
  };
  for (const Run& run : runs) {
    if (run.zeroes()) {
      add(run.count, Digest{});
      continue;
    }
    const PackTable& table = table_of(run.pack);
    for (std::uint64_t i = 0; i < run.count; ++i) {
      const auto segment = static_cast<std::uint32_t>(run.first + i);
      add(table.length_of(segment), table.digests[segment]);
    }
  }
  return hasher.finish();
}

}  // namespace orrery::store
