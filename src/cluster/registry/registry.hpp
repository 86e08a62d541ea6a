// What the control panel knows, and the ways to change it: `vms()`, `platforms()` and `users()`
// have the operations, each of which is one commit to the database, made only where nothing that
// it was decided by has changed; else it is decided anew. Any number of panels may work on one
// database.
//
// Any thread; calls wait for the database.
#pragma once

#include <functional>
#include <memory>
#include <set>
#include <string>

#include "cluster/database/database.hpp"
#include "cluster/registry/platform.hpp"
#include "cluster/registry/refusal.hpp"
#include "cluster/registry/role.hpp"
#include "cluster/registry/vm.hpp"
#include "port/clock.hpp"
#include "port/entropy.hpp"

namespace orrery::cluster {

// A record with the revision in which it was read.
template <typename T>
struct Stored {
  T value;
  Revision revision;

  T* operator->() { return &value; }
  const T* operator->() const { return &value; }
};

// Who asks, and for what.
struct Caller {
  std::string name = {};  // a user's, a platform's, or "panel"
  Role role = Role::kViewer;
  std::string request = {};  // "POST /v1/vms": for the audit log; empty: the panel's own work
  // Idempotency-Key, and a digest of the whole request; empty: none. What is done with a key is
  // done once: see Registry::find_repeat().
  std::string repeat_key = {};
  std::string repeat_digest = {};
};

// What a request with an idempotency key has made, when it came before.
struct Repeat {
  std::string digest;  // of that request
  std::string vm;
};

class Registry {
 public:
  struct Surroundings {
    Database& database;
    port::Clock& clock;
    port::Entropy& entropy;
    // HOST:PORT by which other panels reach this one; empty: there are none.
    std::string panel = {};
  };
  // Told after a commit, on the thread that made it: platforms whose VMs should do something else,
  // or have come or gone.
  using Listener = std::function<void(const std::set<std::string>& platforms)>;

  explicit Registry(const Surroundings& surroundings) : surroundings_(surroundings) {}

  // Before any other thread uses it.
  void on_commit(Listener listener) { listener_ = std::move(listener); }

  const std::string& panel() const { return surroundings_.panel; }
  Database& database() const { return surroundings_.database; }
  std::int64_t now() const { return surroundings_.clock.wall().value(); }
  std::uint64_t random_number() const;
  // 128 random bits, in 32 hexadecimal digits: a secret, or a name that nobody else chooses.
  std::string random_text() const;

  Outcome<Stored<Vm>> vm(const std::string& name) const;
  Outcome<Stored<Platform>> platform(const std::string& name) const;

  // Nothing: the key is new. An error: it was used for another request.
  Outcome<std::optional<Repeat>> find_repeat(const Caller& caller) const;

  // For the audit log: what was asked for and not done.
  void record_refusal(const Caller& caller, const Refusal& refusal) const;

 private:
  friend class Edit;
  const Surroundings surroundings_;
  Listener listener_;
};

// A name of a VM, platform or user.
Outcome<> check_name(const std::string& name);

// SHA-256 of TEXT, in hexadecimal. A secret is kept as this only.
std::string digest_of(const std::string& text);

// Decides anew as long as somebody else was faster, within reason.
template <typename Decide>
auto decide(Decide decide_once) -> decltype(decide_once()) {
  // Each loss means that another commit was made; so many in a row are a fault.
  constexpr int kTries = 64;
  for (int i = 0; i < kTries; ++i) {
    auto done = decide_once();
    if (done || done.error().kind != Refusal::Kind::kRaced) return done;
  }
  return refuse(Refusal::Kind::kUnavailable, "others change the same all the time; try again");
}

}  // namespace orrery::cluster
