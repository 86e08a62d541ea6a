// ORRERY_ASSERT checks Orrery's own invariants and stays on in release builds. It is never for
// anything a guest, a peer, a file or a user decides: those are Results.
#pragma once

namespace orrery {

[[noreturn]] void assertion_failed(const char* expression, const char* file, int line);

}  // namespace orrery

#define ORRERY_ASSERT(expression)      \
  ((expression) ? static_cast<void>(0) \
                : ::orrery::assertion_failed(#expression, __FILE__, __LINE__))
