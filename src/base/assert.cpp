#include "base/assert.hpp"

#include <cstdio>
#include <cstdlib>

namespace orrery {

void assertion_failed(const char* expression, const char* file, int line) {
  std::fprintf(stderr, "orrery: internal error at %s:%d: %s is false; please report this\n", file,
               line, expression);
  std::abort();
}

}  // namespace orrery
