// Saved state from one list of fields per device, used in both directions.
//
//   struct Registers {
//     std::uint8_t mask = 0xff;
//     std::array<Channel, 3> channels;                 // Channel has fields() too
//     template <typename Archive, typename Self>
//     static void fields(Archive& archive, Self& self) {
//       archive("mask", self.mask);
//       archive("channels", self.channels);
//     }
//     bool valid() const { return ...; }               // optional: what types do not say
//   };
//   State save() const { return save_fields("pic8259", 1, registers_); }
//   Result<> restore(const State& s) { return restore_fields("pic8259", 1, s, registers_); }
//
// Field types: bool, integers, enums, StrongIntegers, std::optional, std::array, std::vector,
// std::deque, std::string, and structs with fields(). Reading checks presence, type and range,
// never throws, and changes nothing unless everything is right.
#pragma once

#include <array>
#include <concepts>
#include <cstdint>
#include <deque>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include "base/error.hpp"
#include "base/format.hpp"
#include "base/types.hpp"
#include "device/device.hpp"

namespace orrery::device {

// Bounds what a saved list may hold, so that a hostile state can not take all memory: more than any
// device queues.
inline constexpr std::size_t kMaximumStateList = 65536;

// Lists the fields of a type that is not a device's own (specialized beside the use of it).
template <typename T>
struct FieldsOf;

namespace detail {

struct AnyArchive {
  template <typename T>
  void operator()(const char*, T&) {}
};
template <typename T>
concept OwnFields = requires(AnyArchive& archive, T& value) { T::fields(archive, value); };
template <typename T>
concept ForeignFields =
    requires(AnyArchive& archive, T& value) { FieldsOf<T>::fields(archive, value); };
template <typename T>
concept HasFields = OwnFields<T> || ForeignFields<T>;

template <HasFields T, typename Archive, typename Self>
void list_fields(Archive& archive, Self& self) {
  if constexpr (OwnFields<T>) {
    T::fields(archive, self);
  } else {
    FieldsOf<T>::fields(archive, self);
  }
}

template <typename T>
concept HasValid = requires(const T& value) {
  { value.valid() } -> std::same_as<bool>;
};
template <typename T>
inline constexpr bool kIsStrong = false;
template <typename Tag, typename R>
inline constexpr bool kIsStrong<StrongInteger<Tag, R>> = true;
template <typename T>
inline constexpr bool kIsOptional = false;
template <typename T>
inline constexpr bool kIsOptional<std::optional<T>> = true;
template <typename T>
inline constexpr bool kIsArray = false;
template <typename T, std::size_t N>
inline constexpr bool kIsArray<std::array<T, N>> = true;
template <typename T>
concept IsList = requires(T& list) { list.emplace_back(); } && !std::same_as<T, std::string>;

}  // namespace detail

class FieldWriter {
 public:
  template <typename T>
  void operator()(const char* name, const T& value) {
    tree_[name] = encode(value);
  }
  State take() { return std::move(tree_); }

  template <typename T>
  static State encode(const T& value) {
    if constexpr (detail::HasFields<T>) {
      FieldWriter inner;
      detail::list_fields<T>(inner, value);
      return inner.take();
    } else if constexpr (std::is_enum_v<T>) {
      return static_cast<std::underlying_type_t<T>>(value);
    } else if constexpr (detail::kIsStrong<T>) {
      return value.value();
    } else if constexpr (detail::kIsOptional<T>) {
      return value ? encode(*value) : State(nullptr);
    } else if constexpr (detail::kIsArray<T> || detail::IsList<T>) {
      State list = State::array();
      for (const auto& element : value) list.push_back(encode(element));
      return list;
    } else {
      return value;
    }
  }

 private:
  State tree_ = State::object();
};

class FieldReader {
 public:
  explicit FieldReader(const State& tree) : tree_(tree) {}

  template <typename T>
  void operator()(const char* name, T& value) {
    if (!wrong_.empty()) return;
    const auto found = tree_.is_object() ? tree_.find(name) : tree_.end();
    if (found == tree_.end() || !decode(*found, value)) wrong_ = name;
  }
  // Name of the first field that is missing or out of range; empty: all is right.
  const std::string& wrong() const { return wrong_; }

  template <typename T>
  static bool decode(const State& tree, T& value) {
    if constexpr (detail::HasFields<T>) {
      FieldReader inner(tree);
      detail::list_fields<T>(inner, value);
      if constexpr (detail::HasValid<T>) return inner.wrong().empty() && value.valid();
      return inner.wrong().empty();
    } else if constexpr (std::same_as<T, bool>) {
      if (!tree.is_boolean()) return false;
      value = tree.get<bool>();
      return true;
    } else if constexpr (std::integral<T>) {
      return decode_integer(tree, value);
    } else if constexpr (std::is_enum_v<T>) {
      std::underlying_type_t<T> raw{};
      if (!decode(tree, raw)) return false;
      value = static_cast<T>(raw);
      return true;
    } else if constexpr (detail::kIsStrong<T>) {
      typename T::Value raw{};
      if (!decode(tree, raw)) return false;
      value = T(raw);
      return true;
    } else if constexpr (detail::kIsOptional<T>) {
      value.reset();
      return tree.is_null() || decode(tree, value.emplace());
    } else if constexpr (detail::kIsArray<T>) {
      if (!tree.is_array() || tree.size() != value.size()) return false;
      for (std::size_t i = 0; i < value.size(); ++i) {
        if (!decode(tree[i], value[i])) return false;
      }
      return true;
    } else if constexpr (detail::IsList<T>) {
      if (!tree.is_array() || tree.size() > kMaximumStateList) return false;
      value.clear();
      for (const State& element : tree) {
        if (!decode(element, value.emplace_back())) return false;
      }
      return true;
    } else {
      static_assert(std::same_as<T, std::string>, "a field type that fields.hpp does not know");
      if (!tree.is_string()) return false;
      value = tree.get<std::string>();
      return true;
    }
  }

 private:
  template <std::integral T>
  static bool decode_integer(const State& tree, T& value) {
    if (tree.is_number_unsigned()) {
      const auto raw = tree.get<std::uint64_t>();
      if (!std::in_range<T>(raw)) return false;
      value = static_cast<T>(raw);
      return true;
    }
    if (!tree.is_number_integer()) return false;
    const auto raw = tree.get<std::int64_t>();
    if (!std::in_range<T>(raw)) return false;
    value = static_cast<T>(raw);
    return true;
  }

  const State& tree_;
  std::string wrong_;
};

template <detail::HasFields Registers>
State save_fields(std::string_view model, unsigned version, const Registers& registers) {
  State tree = FieldWriter::encode(registers);
  tree["model"] = model;
  tree["version"] = version;
  return tree;
}

template <detail::HasFields Registers>
Result<> restore_fields(std::string_view model, unsigned version, const State& state,
                        Registers& registers) {
  std::string saved_model;
  unsigned saved_version = 0;
  FieldReader head(state);
  head("model", saved_model);
  head("version", saved_version);
  if (!head.wrong().empty() || saved_model != model || saved_version != version) {
    return fail(
        format("saved state of {} version {}: not found; it was saved by another release "
               "or for another device",
               model, version));
  }
  Registers copy = registers;
  FieldReader reader(state);
  detail::list_fields<Registers>(reader, copy);
  if (!reader.wrong().empty()) {
    return fail(format("saved state of {}: field \"{}\" is missing or out of range", model,
                       reader.wrong()));
  }
  if constexpr (detail::HasValid<Registers>) {
    if (!copy.valid())
      return fail(format("saved state of {}: fields contradict each other", model));
  }
  registers = std::move(copy);
  return {};
}

}  // namespace orrery::device
