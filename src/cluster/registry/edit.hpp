// One commit to the registry's database, as it is put together: records, what happened, who asked
// for it. Private to cluster/registry/.
#pragma once

#include <set>
#include <string>
#include <string_view>

#include "cluster/registry/registry.hpp"

namespace orrery::cluster {

class Edit {
 public:
  Edit(const Registry& registry, const Caller& caller) : registry_(registry), caller_(caller) {}

  // Only where it is still as it was read; a revision of 0 makes it.
  void save(const Stored<Vm>& vm);
  void save(const Stored<Platform>& platform);
  Transaction& transaction() { return transaction_; }

  // PLATFORM's agent is to be told.
  void concerns(const std::string& platform) { platforms_.insert(platform); }
  // For the log of events: SUBJECT ("vms/web-1") has done, or become, WHAT.
  void event(std::string_view kind, const std::string& subject, const std::string& what);
  // For the audit log: it was not done.
  void refused(const Refusal& refusal) { refusal_ = refusal.message; }
  // What a repeated request is told about.
  void made_vm(const std::string& name) { made_vm_ = name; }

  // Kind::kRaced: something has changed; nothing is done.
  Outcome<Revision> commit();

 private:
  std::string next_log_name();
  void add_audit();
  void add_repeat();

  const Registry& registry_;
  const Caller& caller_;
  Transaction transaction_;
  std::set<std::string> platforms_;
  std::string refusal_;
  std::string made_vm_;
};

}  // namespace orrery::cluster
