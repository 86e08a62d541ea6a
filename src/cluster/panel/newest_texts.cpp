#include "cluster/panel/newest_texts.hpp"

#include <utility>

namespace orrery::cluster {

void NewestTexts::put(const std::string& about, std::string text) {
  const auto older = texts_.find(about);
  if (older != texts_.end()) {
    used_ -= about.size() + older->second.size();
    texts_.erase(older);
  }
  const std::size_t size = about.size() + text.size();
  if (size > most_ - used_) return;
  used_ += size;
  texts_.emplace(about, std::move(text));
}

std::optional<std::string> NewestTexts::take() {
  if (texts_.empty()) return std::nullopt;
  auto next = texts_.upper_bound(last_);
  if (next == texts_.end()) next = texts_.begin();
  used_ -= next->first.size() + next->second.size();
  last_ = next->first;
  std::string text = std::move(next->second);
  texts_.erase(next);
  return text;
}

}  // namespace orrery::cluster
