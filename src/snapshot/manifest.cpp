#include "snapshot/manifest.hpp"

#include <algorithm>
#include <charconv>
#include <stdexcept>

#include <nlohmann/json.hpp>

#include "base/bits.hpp"
#include "base/format.hpp"
#include "store/manifest.hpp"

namespace orrery::snapshot {
namespace {

using Json = nlohmann::json;

constexpr const char* kFormat = "orrery snapshot";
constexpr unsigned kVersion = 1;
constexpr std::uint64_t kMostMemory = std::uint64_t{64} << 40;
constexpr std::size_t kMostEntries = 4096;  // of each list; far above what a VM has

store::Digest parse_digest(const std::string& hex) {
  store::Digest digest;
  if (hex.size() != 2 * digest.bytes.size()) throw std::runtime_error("a digest has 64 digits");
  for (std::size_t i = 0; i < digest.bytes.size(); ++i) {
    unsigned value = 0;
    const char* const from = hex.data() + 2 * i;
    const auto [end, error] = std::from_chars(from, from + 2, value, 16);
    if (error != std::errc() || end != from + 2)
      throw std::runtime_error("a digest is hexadecimal");
    digest.bytes[i] = static_cast<std::byte>(value);
  }
  return digest;
}

Json to_json(const Part& part) {
  return {{"bytes", part.bytes}, {"sha256", store::to_hex(part.digest)}};
}
Part part_from(const Json& fields) {
  return {fields.at("bytes").get<std::uint64_t>(),
          parse_digest(fields.at("sha256").get<std::string>())};
}

// Of LIST, each by MAKE.
template <typename T, typename Make>
std::vector<T> list_from(const Json& list, Make make) {
  if (!list.is_array() || list.size() > kMostEntries)
    throw std::runtime_error("no list of entries");
  std::vector<T> entries;
  for (const Json& each : list) entries.push_back(make(each));
  return entries;
}

Disk disk_from(const Json& fields) {
  Disk disk{fields.at("file").get<std::string>(),     fields.at("path").get<std::string>(),
            fields.at("identity").get<std::string>(), fields.at("serial").get<std::string>(),
            fields.at("read_only").get<bool>(),       fields.at("kept").get<bool>()};
  const bool own = !disk.read_only && !disk.kept;
  if (own && (disk.path.empty() || disk.identity.empty())) {
    throw std::runtime_error("a written disk is neither kept nor known");
  }
  return disk;
}

// A file of the library has no path, so that no manifest leads elsewhere.
Result<> check_files(const std::vector<Disk>& disks) {
  for (const Disk& disk : disks) {
    if (!disk.kept) continue;
    if (disk.file.empty() || disk.file.find('/') != std::string::npos || disk.file[0] == '.') {
      return fail("damaged: a disk's file has a name that no disk has");
    }
  }
  return {};
}

void check_regions(const std::vector<Region>& regions) {
  GuestPhysical end(0);
  for (const Region& region : regions) {
    const std::uint64_t size = region.size.value();
    const bool sound = size != 0 && size <= kMostMemory && is_aligned(size, kPageSize) &&
                       is_aligned(region.start.value(), kPageSize) && region.start >= end &&
                       region.start.value() <= kMostMemory;
    if (!sound) throw std::runtime_error("the memory's regions are not in order");
    end = region.start + size;
  }
  if (end.value() > 2 * kMostMemory) throw std::runtime_error("more memory than a machine has");
}

Manifest manifest_from(const Json& fields) {
  Manifest manifest;
  manifest.name = fields.at("name").get<std::string>();
  manifest.parent = fields.at("parent").get<std::string>();
  manifest.created = fields.at("created").get<std::uint64_t>();
  manifest.hypervisor = fields.at("hypervisor").get<std::string>();
  manifest.options = list_from<Option>(fields.at("options"), [](const Json& each) {
    return Option{each.at(0).get<std::string>(), each.at(1).get<std::string>()};
  });
  manifest.regions = list_from<Region>(fields.at("regions"), [](const Json& each) {
    return Region{GuestPhysical(each.at("start").get<std::uint64_t>()),
                  Bytes(each.at("bytes").get<std::uint64_t>())};
  });
  manifest.disks = list_from<Disk>(fields.at("disks"), disk_from);
  manifest.state = part_from(fields.at("state"));
  manifest.sums = part_from(fields.at("sums"));
  check_regions(manifest.regions);
  return manifest;
}

// What is no UTF-8, such as in a file's name, becomes U+FFFD.
std::string write(const Json& fields, int indentation) {
  return fields.dump(indentation, ' ', false, Json::error_handler_t::replace);
}

// Of the text of all other fields, which the JSON library writes in one way only.
std::string digest_of(const Json& fields) {
  const std::string text = write(fields, -1);
  return store::to_hex(store::Hasher().digest(as_bytes(text.data(), text.size())));
}

}  // namespace

Bytes Manifest::memory() const {
  Bytes total;
  for (const Region& region : regions) total += region.size.value();
  return total;
}

bool Manifest::suspended() const {
  return std::ranges::any_of(disks, [](const Disk& disk) { return !disk.read_only && !disk.kept; });
}

Json to_json(const Manifest& manifest) {
  Json fields = {{"name", manifest.name},         {"parent", manifest.parent},
                 {"created", manifest.created},   {"hypervisor", manifest.hypervisor},
                 {"options", Json::array()},      {"regions", Json::array()},
                 {"disks", Json::array()},        {"state", to_json(manifest.state)},
                 {"sums", to_json(manifest.sums)}};
  for (const Option& option : manifest.options) {
    fields["options"].push_back(Json::array({option.name, option.value}));
  }
  for (const Region& region : manifest.regions) {
    fields["regions"].push_back({{"start", region.start.value()}, {"bytes", region.size.value()}});
  }
  for (const Disk& disk : manifest.disks) {
    fields["disks"].push_back({{"file", disk.file},
                               {"path", disk.path},
                               {"identity", disk.identity},
                               {"serial", disk.serial},
                               {"read_only", disk.read_only},
                               {"kept", disk.kept}});
  }
  return fields;
}

Result<Manifest> from_json(const Json& fields) {
  try {
    return manifest_from(fields);
  } catch (const std::exception& error) {
    return fail(error.what());
  }
}

std::string encode_manifest(const Manifest& manifest) {
  Json fields = to_json(manifest);
  fields["format"] = kFormat;
  fields["version"] = kVersion;
  fields["sha256"] = digest_of(fields);
  return write(fields, 2) + '\n';
}

Result<Manifest> parse_manifest(std::string_view text) {
  Json fields = Json::parse(text, nullptr, false);
  if (!fields.is_object() || fields.value("format", Json()) != kFormat) {
    return fail("it is damaged, or no manifest of a snapshot");
  }
  if (fields.value("version", Json()) != kVersion) {
    return fail(
        format("it is of version {}, and this program reads version {}; use the program "
               "that made it",
               fields.value("version", Json()).dump(), kVersion));
  }
  const Json digest = fields.value("sha256", Json());
  fields.erase("sha256");
  if (digest != digest_of(fields)) return fail("damaged: it is not as it was written");
  auto manifest = from_json(fields);
  if (!manifest) return fail(manifest.error().context("damaged"));
  ORRERY_CHECK(store::check_name(manifest->name));
  ORRERY_CHECK(check_files(manifest->disks));
  return manifest;
}

}  // namespace orrery::snapshot
