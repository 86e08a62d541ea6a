#include "remote/packet/description.hpp"

#include <algorithm>
#include <bit>

#include <nlohmann/json.hpp>

#include "remote/packet/tree.hpp"

namespace orrery::remote {
namespace {

using Json = nlohmann::json;

// virtio 1.2, 2.6 and 4.1.5.1.3: more than any device has.
constexpr std::size_t kMostQueues = 1024;
constexpr std::uint16_t kLargestQueue = 32768;
constexpr std::size_t kMostConfig = 4096;

// Interrupt outputs and registers: more than any device has.
constexpr unsigned kMostLines = 64;
constexpr std::size_t kMostPosted = 256;

bool is_sound(const Description& description) {
  if (description.registers) {
    return description.registers->lines <= kMostLines &&
           description.registers->posted.size() <= kMostPosted;
  }
  const auto& sizes = description.queue_sizes;
  return !sizes.empty() && sizes.size() <= kMostQueues &&
         description.config.size() <= kMostConfig && std::ranges::all_of(sizes, [](auto size) {
           return std::has_single_bit(size) && size <= kLargestQueue;
         });
}

Json tree_of(const RegisterInterface& registers) {
  Json posted = Json::array();
  for (const auto& [region, offset] : registers.posted) posted.push_back({region, offset});
  return {{"lines", registers.lines}, {"posted", std::move(posted)}};
}

RegisterInterface registers_of(const Json& tree) {
  RegisterInterface registers{.lines = tree.at("lines").get<unsigned>(), .posted = {}};
  for (const Json& entry : tree.at("posted")) {
    registers.posted.push_back(
        {entry.at(0).get<std::uint16_t>(), entry.at(1).get<std::uint64_t>()});
  }
  return registers;
}

}  // namespace

std::vector<std::byte> encode(const Description& description) {
  Json tree = {{"device", description.device.value()}, {"model", description.model}};
  if (description.registers) {
    tree["registers"] = tree_of(*description.registers);
  } else {
    tree["type"] = description.type;
    tree["features"] = description.features;
    tree["queues"] = description.queue_sizes;
    tree["config"] = Json::binary(description.config);
  }
  const std::vector<std::uint8_t> bytes = Json::to_cbor(tree);
  const ByteSpan span = as_bytes(bytes.data(), bytes.size());
  return {span.begin(), span.end()};
}

Result<Description> decode_description(ByteSpan bytes) {
  // The library reports by exceptions; they end here.
  try {
    ORRERY_TRY(const Json tree, decode_tree(bytes, "the description of a device model"));
    Description description{.device = DeviceId(tree.at("device").get<std::uint64_t>()),
                            .model = tree.at("model").get<std::string>(),
                            .type = 0,
                            .features = 0,
                            .queue_sizes = {},
                            .config = {}};
    if (tree.contains("registers")) {
      description.registers = registers_of(tree["registers"]);
    } else {
      description.type = tree.at("type").get<std::uint32_t>();
      description.features = tree.at("features").get<std::uint64_t>();
      description.queue_sizes = tree.at("queues").get<std::vector<std::uint16_t>>();
      description.config = tree.at("config").get_binary();
    }
    if (is_sound(description)) return description;
  } catch (const Json::exception& error) {
    return fail(std::string("the description of a device model is damaged: ") + error.what());
  }
  return fail("the description of a device model makes no sense");
}

}  // namespace orrery::remote
