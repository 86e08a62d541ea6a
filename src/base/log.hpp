// Orrery's log, on standard error: `log::warning("disk {}: slow flush ({} ms)", path, ms);`
//
// Any thread may log. A guest can cause log lines only through `log::guest_error`, which limits
// itself to 10 lines a second per VM process so that a hostile guest cannot fill a disk.
#pragma once

#include <string_view>

#include "base/format.hpp"

namespace orrery::log {

enum class Level { kDebug, kInfo, kWarning, kError };

// Lines below this level are dropped. The default is kWarning; `--verbose` lowers it.
void set_level(Level level);
bool enabled(Level level);
void write(Level level, std::string_view line);
// True while the guest may still log in this second.
bool guest_may_log();

template <typename... Arguments>
void debug(fmt::format_string<Arguments...> text, Arguments&&... arguments) {
  if (enabled(Level::kDebug))
    write(Level::kDebug, fmt::format(text, std::forward<Arguments>(arguments)...));
}
template <typename... Arguments>
void info(fmt::format_string<Arguments...> text, Arguments&&... arguments) {
  if (enabled(Level::kInfo))
    write(Level::kInfo, fmt::format(text, std::forward<Arguments>(arguments)...));
}
template <typename... Arguments>
void warning(fmt::format_string<Arguments...> text, Arguments&&... arguments) {
  if (enabled(Level::kWarning)) {
    write(Level::kWarning, fmt::format(text, std::forward<Arguments>(arguments)...));
  }
}
template <typename... Arguments>
void error(fmt::format_string<Arguments...> text, Arguments&&... arguments) {
  write(Level::kError, fmt::format(text, std::forward<Arguments>(arguments)...));
}
// Something a guest did that no correct guest does; rate-limited.
template <typename... Arguments>
void guest_error(fmt::format_string<Arguments...> text, Arguments&&... arguments) {
  if (enabled(Level::kInfo) && guest_may_log()) {
    write(Level::kInfo, fmt::format(text, std::forward<Arguments>(arguments)...));
  }
}

}  // namespace orrery::log
