// Reading a device's saved state (device.hpp) without an exception leaving the device: for
// state.cpp files only, because the whole JSON library comes with it.
#pragma once

#include <exception>
#include <string_view>

#include <nlohmann/json.hpp>

#include "base/error.hpp"
#include "base/format.hpp"
#include "device/device.hpp"

namespace orrery::device {

// Runs READ, which takes fields out of STATE by `state.at("name").get<T>()`. A tree of another
// version, a missing field or one of another type becomes an Error that names MODEL. READ fills
// locals and commits them last, so that a refused tree changes nothing; it may return a Result<> of
// its own.
template <typename Read>
Result<> read_state(const State& state, std::string_view model, int version, Read read) {
  try {
    const int found = state.at("version").get<int>();
    if (found != version) {
      return fail(
          format("state of {}: version {}, but this program reads version {}; use the "
                 "program that saved it",
                 model, found, version));
    }
    if constexpr (std::is_void_v<decltype(read())>) {
      read();
      return {};
    } else {
      return read();
    }
  } catch (const std::exception& error) {
    return fail(format("state of {}: {}", model, error.what()));
  }
}

}  // namespace orrery::device
