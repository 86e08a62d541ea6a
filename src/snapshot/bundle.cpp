#include "snapshot/bundle.hpp"

#include <algorithm>
#include <cstring>
#include <string_view>

#include "base/bits.hpp"

namespace orrery::snapshot {
namespace {

constexpr std::string_view kMagic = "ORRERY-SNAPSHOT1";
constexpr std::uint64_t kSector = 512;

namespace at {
constexpr std::size_t kManifestLength = 16;  // u64
constexpr std::size_t kStateLength = 24;     // u64
constexpr std::size_t kContent = kSector;
}  // namespace at

}  // namespace

std::vector<std::byte> encode_bundle(const Bundle& bundle) {
  Manifest manifest = bundle.manifest;
  manifest.state = {bundle.state.size(), store::Hasher().digest(bundle.state)};
  const std::string text = encode_manifest(manifest);
  std::vector<std::byte> bytes(align_up(at::kContent + text.size() + bundle.state.size(), kSector));
  std::memcpy(bytes.data(), kMagic.data(), kMagic.size());
  store_le(&bytes[at::kManifestLength], std::uint64_t{text.size()});
  store_le(&bytes[at::kStateLength], std::uint64_t{bundle.state.size()});
  std::memcpy(&bytes[at::kContent], text.data(), text.size());
  std::copy(bundle.state.begin(), bundle.state.end(), &bytes[at::kContent + text.size()]);
  return bytes;
}

Result<Bundle> parse_bundle(ByteSpan bytes) {
  if (bytes.size() < at::kContent || std::memcmp(bytes.data(), kMagic.data(), kMagic.size()) != 0) {
    return fail("it is no snapshot");
  }
  const auto manifest_length = load_le<std::uint64_t>(&bytes[at::kManifestLength]);
  const auto state_length = load_le<std::uint64_t>(&bytes[at::kStateLength]);
  const std::uint64_t room = bytes.size() - at::kContent;
  if (manifest_length > room || state_length > room - manifest_length) {
    return fail("damaged: it is shorter than it says");
  }
  const ByteSpan text = bytes.subspan(at::kContent, manifest_length);
  const ByteSpan state = bytes.subspan(at::kContent + manifest_length, state_length);
  Bundle bundle;
  ORRERY_TRY(bundle.manifest,
             parse_manifest({reinterpret_cast<const char*>(text.data()), text.size()}));
  if (bundle.manifest.state != Part{state.size(), store::Hasher().digest(state)}) {
    return fail("damaged: its state is not as it was written");
  }
  bundle.state.assign(state.begin(), state.end());
  return bundle;
}

}  // namespace orrery::snapshot
