#include "base/log.hpp"

#include <atomic>
#include <chrono>
#include <memory>

#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/spdlog.h>

namespace orrery::log {
namespace {

// Relaxed on both sides: a line more or less around a change of level harms nobody.
std::atomic<Level> current_level{Level::kWarning};

spdlog::logger& logger() {
  static const std::shared_ptr<spdlog::logger> instance = [] {
    auto created = std::make_shared<spdlog::logger>(
        "orrery", std::make_shared<spdlog::sinks::stderr_color_sink_mt>());
    created->set_pattern("orrery: %^%l%$: %v");
    created->set_level(spdlog::level::debug);
    return created;
  }();
  return *instance;
}

spdlog::level::level_enum to_spdlog(Level level) {
  switch (level) {
    case Level::kDebug: return spdlog::level::debug;
    case Level::kInfo: return spdlog::level::info;
    case Level::kWarning: return spdlog::level::warn;
    case Level::kError: return spdlog::level::err;
  }
  return spdlog::level::err;
}

}  // namespace

void set_level(Level level) {
  current_level.store(level, std::memory_order_relaxed);
}

bool enabled(Level level) {
  return level >= current_level.load(std::memory_order_relaxed);
}

void write(Level level, std::string_view line) {
  logger().log(to_spdlog(level), "{}", line);
}

bool guest_may_log() {
  constexpr int kLinesPerSecond = 10;  // enough to see a pattern, 864k lines a day at worst
  static std::atomic<std::int64_t> second{0};
  static std::atomic<int> lines{0};
  const auto now = std::chrono::duration_cast<std::chrono::seconds>(
                       std::chrono::steady_clock::now().time_since_epoch())
                       .count();
  if (second.exchange(now, std::memory_order_relaxed) != now)
    lines.store(0, std::memory_order_relaxed);
  return lines.fetch_add(1, std::memory_order_relaxed) < kLinesPerSecond;
}

}  // namespace orrery::log
