#include "remote/packet/tree.hpp"

#include <string>

#include <nlohmann/json.hpp>

#include "base/format.hpp"

namespace orrery::remote {
namespace {

using Json = nlohmann::json;

// A device's state has less than ten.
constexpr unsigned kMostLevels = 32;

// Passes over a tree without making it, and stops where it is too deep: the library reads each
// level within the one above.
class Depth final : public nlohmann::json_sax<Json> {
 public:
  bool null() override { return true; }
  bool boolean(bool) override { return true; }
  bool number_integer(std::int64_t) override { return true; }
  bool number_unsigned(std::uint64_t) override { return true; }
  bool number_float(double, const std::string&) override { return true; }
  bool string(std::string&) override { return true; }
  bool binary(Json::binary_t&) override { return true; }
  bool key(std::string&) override { return true; }
  bool start_object(std::size_t) override { return ++level_ <= kMostLevels; }
  bool start_array(std::size_t) override { return ++level_ <= kMostLevels; }
  bool end_object() override { return leave(); }
  bool end_array() override { return leave(); }
  bool parse_error(std::size_t, const std::string&, const nlohmann::detail::exception&) override {
    return false;
  }

 private:
  bool leave() {
    --level_;
    return true;
  }

  unsigned level_ = 0;
};

}  // namespace

Result<Json> decode_tree(ByteSpan bytes, std::string_view what) {
  const auto* const begin = reinterpret_cast<const std::uint8_t*>(bytes.data());
  const auto* const end = begin + bytes.size();
  Depth depth;
  const bool sound = Json::sax_parse(begin, end, &depth, Json::input_format_t::cbor);
  Json tree = sound ? Json::from_cbor(begin, end, true, false) : Json(Json::value_t::discarded);
  if (tree.is_discarded()) return fail(format("{}: its CBOR is damaged", what));
  return tree;
}

}  // namespace orrery::remote
