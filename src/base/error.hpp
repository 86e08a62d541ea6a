// Errors as values: every fallible function of Orrery returns a Result.
//
// An Error's message names what was being done, to what, and what to do about it, in words the user
// knows. Callers add their own context in front with `context()`, so the final text reads from the
// outside in:
// "--disk data.img: cannot open: No such file or directory; check the path".
#pragma once

#include <cerrno>
#include <expected>
#include <string>
#include <string_view>
#include <utility>

namespace orrery {

class [[nodiscard]] Error {
 public:
  explicit Error(std::string message) : message_(std::move(message)) {}

  // An error of the host's operating system: "DOING: strerror(code)".
  static Error from_errno(std::string_view doing, int code = errno);

  const std::string& message() const { return message_; }

  // The same error seen one level further out: "OUTER: message".
  Error context(std::string_view outer) const;

 private:
  std::string message_;
};

template <typename T = void>
using Result = std::expected<T, Error>;

// The error side of a Result: `return fail(format("disk {}: not a multiple of 512 bytes", path));`
inline std::unexpected<Error> fail(std::string message) {
  return std::unexpected(Error(std::move(message)));
}
inline std::unexpected<Error> fail(Error error) {
  return std::unexpected(std::move(error));
}
inline std::unexpected<Error> fail_errno(std::string_view doing, int code = errno) {
  return std::unexpected(Error::from_errno(doing, code));
}

}  // namespace orrery

// Evaluates a Result expression; on error returns it from the enclosing function.
//   ORRERY_TRY(auto file, open_file(path));   ORRERY_CHECK(file.resize(size));
#define ORRERY_TRY_CONCAT_(a, b) a##b
#define ORRERY_TRY_NAME_(a, b) ORRERY_TRY_CONCAT_(a, b)
#define ORRERY_TRY(declaration, expression) \
  ORRERY_TRY_IMPL_(ORRERY_TRY_NAME_(orrery_result_, __LINE__), declaration, expression)
#define ORRERY_TRY_IMPL_(name, declaration, expression)       \
  auto name = (expression);                                   \
  if (!name) return std::unexpected(std::move(name).error()); \
  declaration = std::move(name).value()
#define ORRERY_CHECK(expression)                                                    \
  do {                                                                              \
    auto orrery_checked = (expression);                                             \
    if (!orrery_checked) return std::unexpected(std::move(orrery_checked).error()); \
  } while (false)
