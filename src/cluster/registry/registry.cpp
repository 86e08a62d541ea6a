#include "cluster/registry/registry.hpp"

#include <array>

#include "base/format.hpp"
#include "base/log.hpp"
#include "cluster/registry/edit.hpp"
#include "cluster/registry/keys.hpp"
#include "store/digest.hpp"

namespace orrery::cluster {

using Kind = Refusal::Kind;

std::uint64_t Registry::random_number() const {
  std::array<std::byte, 8> bytes;
  surroundings_.entropy.fill(bytes);
  return load_le<std::uint64_t>(bytes.data());
}

std::string Registry::random_text() const {
  return format("{:016x}{:016x}", random_number(), random_number());
}

Outcome<Stored<Vm>> Registry::vm(const std::string& name) const {
  ORRERY_TRY(const auto record, database().get(keys::vm(name)));
  if (!record) return refuse(Kind::kNotFound, format("there is no virtual machine {}", name));
  return Stored<Vm>{vm_of(parse_object(record->value)), record->revision};
}

Outcome<Stored<Platform>> Registry::platform(const std::string& name) const {
  ORRERY_TRY(const auto record, database().get(keys::platform(name)));
  if (!record) return refuse(Kind::kNotFound, format("there is no platform {}", name));
  return Stored<Platform>{platform_of(parse_object(record->value)), record->revision};
}

Outcome<std::optional<Repeat>> Registry::find_repeat(const Caller& caller) const {
  if (caller.repeat_key.empty()) return std::nullopt;
  ORRERY_TRY(const auto record, database().get(keys::repeat(caller.name, caller.repeat_key)));
  if (!record) return std::nullopt;
  const Json json = parse_object(record->value);
  Repeat repeat{text_field(json, "digest"), text_field(json, "vm")};
  if (repeat.digest != caller.repeat_digest) {
    return refuse(Kind::kInvalid, "this Idempotency-Key was used for another request");
  }
  return repeat;
}

void Registry::record_refusal(const Caller& caller, const Refusal& refusal) const {
  Edit edit(*this, caller);
  edit.refused(refusal);
  const auto committed = edit.commit();
  if (!committed) log::warning("the audit log: {}", committed.error().message);
}

Outcome<> check_name(const std::string& name) {
  constexpr std::size_t kLongest = 63;
  constexpr std::string_view kAllowed = "abcdefghijklmnopqrstuvwxyz0123456789-.";
  const bool fits = !name.empty() && name.size() <= kLongest && name.front() != '-' &&
                    name.front() != '.' && name.find_first_not_of(kAllowed) == std::string::npos;
  if (fits) return {};
  return refuse(Kind::kInvalid,
                format("\"{}\" is no name: it has 1 to 63 small letters, digits, dashes and dots, "
                       "and begins with a letter or digit",
                       name.substr(0, kLongest + 1)));
}

std::string digest_of(const std::string& text) {
  store::Hasher hasher;
  return store::to_hex(hasher.digest(as_bytes(text.data(), text.size())));
}

}  // namespace orrery::cluster
