// Why the panel does not do what it was asked: a kind, which becomes the status of an HTTP reply,
// and words for people.
#pragma once

#include <cstdint>
#include <expected>
#include <string>
#include <utility>

#include "base/error.hpp"

namespace orrery::cluster {

struct Refusal {
  enum class Kind : std::uint8_t {
    kInvalid,      // what is asked for makes no sense
    kUnknownUser,  // no token, or one that nobody has
    kNotAllowed,   // the user's role does not have this right
    kNotFound,
    kConflict,     // not in this state: exists already, is running, is stopped
    kChanged,      // it is not what the asker has seen (If-Match)
    kUnavailable,  // the database cannot be reached, or others are always faster
    kRaced,        // somebody was faster: to be decided anew (within the registry only)
  };

  Refusal(Kind why, std::string text) : kind(why), message(std::move(text)) {}
  // NOLINTNEXTLINE(google-explicit-constructor): so that ORRERY_TRY passes errors on
  Refusal(const Error& error) : kind(Kind::kUnavailable), message(error.message()) {}

  Kind kind;
  std::string message;
};

template <typename T = void>
using Outcome = std::expected<T, Refusal>;

inline std::unexpected<Refusal> refuse(Refusal::Kind kind, std::string message) {
  return std::unexpected(Refusal(kind, std::move(message)));
}

}  // namespace orrery::cluster
