#include "base/error.hpp"

#include <system_error>

namespace orrery {

Error Error::from_errno(std::string_view doing, int code) {
  return Error(std::string(doing) + ": " + std::generic_category().message(code));
}

Error Error::context(std::string_view outer) const {
  return Error(std::string(outer) + ": " + message_);
}

}  // namespace orrery
