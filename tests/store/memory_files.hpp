// A store's folder in memory, which remembers what has not been synced: a test cuts the power and
// gets one of the folders that may be left.
#pragma once

#include <algorithm>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "base/format.hpp"
#include "store/files.hpp"

namespace orrery::testing {

using store::FileLock;
using store::Files;
using store::NewFile;
using store::StoredFile;

// What a file is besides its names.
struct MemoryNode {
  std::vector<std::byte> content;
  std::size_t durable = 0;  // so many bytes at least are left by a power cut
  int shared = 0;
  bool exclusive = false;
  int names = 0;
};
using MemoryNodes = std::map<std::string, std::shared_ptr<MemoryNode>>;

// A change of names that a power cut may undo; from the same folder they may be undone in any
// order.
struct NameChange {
  std::string removed;  // empty: none
  std::string added;    // empty: none
  std::shared_ptr<MemoryNode> node;
};

struct MemoryFolder {
  std::recursive_mutex mutex;
  MemoryNodes names;
  MemoryNodes durable;
  std::vector<NameChange> pending;
  std::uint64_t operations = 0;
  // After so many operations every call that changes something fails.
  std::uint64_t fails_after = UINT64_MAX;

  Result<> change() {
    if (operations++ >= fails_after) return fail("power is off");
    return {};
  }

  static std::string parent(const std::string& name) {
    const auto slash = name.rfind('/');
    return slash == std::string::npos ? std::string() : name.substr(0, slash);
  }

  // Each page (4 KiB) of what was appended since the last sync is there or reads as zeroes, or the
  // file is shorter.
  static std::shared_ptr<MemoryNode> cut(const MemoryNode& node, std::mt19937_64& random) {
    auto left = std::make_shared<MemoryNode>();
    left->content = node.content;
    if (node.durable < node.content.size()) {
      const std::size_t more = node.content.size() - node.durable;
      left->content.resize(node.durable + random() % (more + 1));
      for (std::size_t at = node.durable; at < left->content.size(); at += 4096) {
        if (random() % 3 != 0) continue;
        const std::size_t length = std::min<std::size_t>(4096, left->content.size() - at);
        std::fill_n(left->content.begin() + static_cast<std::ptrdiff_t>(at), length, std::byte{0});
      }
    }
    left->durable = left->content.size();
    return left;
  }

  std::shared_ptr<MemoryFolder> cut_power(std::mt19937_64& random) {
    const std::lock_guard lock(mutex);
    MemoryNodes left = durable;
    const unsigned odds = static_cast<unsigned>(random() % 5);  // of 4: none to all
    for (const NameChange& each : pending) {
      if (random() % 4 >= odds) continue;
      if (!each.removed.empty()) left.erase(each.removed);
      if (!each.added.empty()) left[each.added] = each.node;
    }
    auto folder = std::make_shared<MemoryFolder>();
    for (const auto& [name, node] : left) {
      auto copy = cut(*node, random);
      copy->names = 1;
      folder->names[name] = copy;
    }
    folder->durable = folder->names;
    return folder;
  }
};

class MemoryStoredFile final : public StoredFile {
 public:
  MemoryStoredFile(std::shared_ptr<MemoryFolder> folder, std::shared_ptr<MemoryNode> node)
      : folder_(std::move(folder)), node_(std::move(node)), size_(node_->content.size()) {}
  std::uint64_t size() const override { return size_; }
  Result<> read(std::uint64_t offset, MutableByteSpan to) const override {
    const std::lock_guard lock(folder_->mutex);
    if (offset > node_->content.size() || node_->content.size() - offset < to.size()) {
      return fail("ends before");
    }
    std::copy_n(node_->content.begin() + static_cast<std::ptrdiff_t>(offset), to.size(),
                to.begin());
    return {};
  }

 private:
  const std::shared_ptr<MemoryFolder> folder_;
  const std::shared_ptr<MemoryNode> node_;
  const std::uint64_t size_;
};

class MemoryNewFile final : public NewFile {
 public:
  MemoryNewFile(std::shared_ptr<MemoryFolder> folder, std::shared_ptr<MemoryNode> node)
      : folder_(std::move(folder)), node_(std::move(node)) {}
  Result<> append(ByteSpan bytes) override {
    const std::lock_guard lock(folder_->mutex);
    ORRERY_CHECK(folder_->change());
    node_->content.insert(node_->content.end(), bytes.begin(), bytes.end());
    return {};
  }
  Result<> sync() override {
    const std::lock_guard lock(folder_->mutex);
    ORRERY_CHECK(folder_->change());
    node_->durable = node_->content.size();
    return {};
  }

 private:
  const std::shared_ptr<MemoryFolder> folder_;
  const std::shared_ptr<MemoryNode> node_;
};

class MemoryLock final : public FileLock {
 public:
  MemoryLock(std::shared_ptr<MemoryFolder> folder, std::shared_ptr<MemoryNode> node,
             Files::Lock kind)
      : folder_(std::move(folder)), node_(std::move(node)), kind_(kind) {}
  ~MemoryLock() override {
    const std::lock_guard lock(folder_->mutex);
    if (kind_ == Files::Lock::kShared) {
      --node_->shared;
    } else {
      node_->exclusive = false;
    }
  }
  MemoryLock(const MemoryLock&) = delete;
  MemoryLock& operator=(const MemoryLock&) = delete;
  bool linked() const override {
    const std::lock_guard lock(folder_->mutex);
    return node_->names != 0;
  }

 private:
  const std::shared_ptr<MemoryFolder> folder_;
  const std::shared_ptr<MemoryNode> node_;
  const Files::Lock kind_;
};

// One thread besides a writer's own: who would have to wait for a lock fails instead.
class MemoryFiles final : public Files {
 public:
  explicit MemoryFiles(std::shared_ptr<MemoryFolder> folder) : folder_(std::move(folder)) {}

  const std::string& path() const override { return path_; }

  Result<std::vector<std::string>> list(const std::string& name) override {
    const std::lock_guard lock(folder_->mutex);
    std::set<std::string> found;
    const std::string prefix = name.empty() ? "" : name + "/";
    for (const auto& [each, node] : folder_->names) {
      if (!each.starts_with(prefix)) continue;
      const std::string rest = each.substr(prefix.size());
      found.insert(rest.substr(0, rest.find('/')));
    }
    return std::vector<std::string>(found.begin(), found.end());
  }

  Result<std::unique_ptr<StoredFile>> open(const std::string& name) override {
    const std::lock_guard lock(folder_->mutex);
    const auto found = folder_->names.find(name);
    if (found == folder_->names.end()) return nullptr;
    return std::make_unique<MemoryStoredFile>(folder_, found->second);
  }

  Result<std::unique_ptr<NewFile>> create(const std::string& name) override {
    const std::lock_guard lock(folder_->mutex);
    ORRERY_CHECK(folder_->change());
    if (folder_->names.contains(name)) return fail(name + ": is there already");
    const auto node = std::make_shared<MemoryNode>();
    add(name, node);
    folder_->pending.push_back({.removed = {}, .added = name, .node = node});
    return std::make_unique<MemoryNewFile>(folder_, node);
  }

  Result<> rename(const std::string& from, const std::string& to) override {
    const std::lock_guard lock(folder_->mutex);
    ORRERY_CHECK(folder_->change());
    const auto found = folder_->names.find(from);
    if (found == folder_->names.end()) return fail(from + ": there is none");
    const auto node = found->second;
    take_away(from);
    add(to, node);
    folder_->pending.push_back({.removed = from, .added = to, .node = node});
    return {};
  }

  Result<> remove(const std::string& name) override {
    const std::lock_guard lock(folder_->mutex);
    ORRERY_CHECK(folder_->change());
    if (!folder_->names.contains(name)) return {};
    take_away(name);
    folder_->pending.push_back({.removed = name, .added = {}, .node = nullptr});
    return {};
  }

  Result<> make_folder(const std::string& /*name*/) override { return {}; }

  Result<> sync_folder(const std::string& name) override {
    const std::lock_guard lock(folder_->mutex);
    ORRERY_CHECK(folder_->change());
    std::erase_if(folder_->pending, [&](const NameChange& each) {
      const std::string& concerned = each.added.empty() ? each.removed : each.added;
      if (MemoryFolder::parent(concerned) != name) return false;
      if (!each.removed.empty()) folder_->durable.erase(each.removed);
      if (!each.added.empty()) folder_->durable[each.added] = each.node;
      return true;
    });
    return {};
  }

  Result<std::unique_ptr<FileLock>> lock(const std::string& name, Lock kind, Wait wait) override {
    const std::lock_guard lock(folder_->mutex);
    const auto found = folder_->names.find(name);
    if (found == folder_->names.end()) return nullptr;
    MemoryNode& node = *found->second;
    if (node.exclusive || (kind == Lock::kExclusive && node.shared != 0)) {
      if (wait == Wait::kYes) return fail(name + ": would be waited for without end");
      return nullptr;
    }
    if (kind == Lock::kShared) {
      ++node.shared;
    } else {
      node.exclusive = true;
    }
    return std::make_unique<MemoryLock>(folder_, found->second, kind);
  }

 private:
  void add(const std::string& name, const std::shared_ptr<MemoryNode>& node) {
    take_away(name);
    folder_->names[name] = node;
    ++node->names;
  }
  void take_away(const std::string& name) {
    const auto found = folder_->names.find(name);
    if (found == folder_->names.end()) return;
    --found->second->names;
    folder_->names.erase(found);
  }

  const std::shared_ptr<MemoryFolder> folder_;
  const std::string path_ = "store";
};

}  // namespace orrery::testing
