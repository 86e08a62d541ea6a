// An agent's folder for one VM, and what is in it:
//
//   record.json   LocalVm
//   lock          held by the VM's process as long as it lives: who can lock it knows that it ended
//   vm.toml       what `orrery run` is given
//   control, console   the VM's sockets
//   end.json      how the run ended (`orrery run --end`); empty until then
//   vmm.log       what the process said
//   console.log   what the first serial port printed
//   suspended/vm  the snapshot with which it ended, to go on from (`orrery snapshot create --end`)
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/error.hpp"
#include "base/files/file_descriptor.hpp"
#include "cluster/host/reconcile/local_vm.hpp"

namespace orrery::cluster::host {

class VmFolder {
 public:
  // Below STATE, an agent's folder.
  VmFolder(const std::string& state, const std::string& vm) : path_(state + "/vms/" + vm) {}

  std::string file(const char* name) const { return path_ + "/" + name; }

  Result<> write_record(const LocalVm& vm) const;
  // Takes away what an earlier run has left, but its logs.
  Result<> prepare() const;
  // The state with which it was suspended: a library, its one snapshot, whether that is whole.
  std::string state_library() const { return file("suspended"); }
  static constexpr const char* kStateName = "vm";
  bool has_state() const;
  void discard_state() const;
  // All of it, the console's log too.
  void remove() const;

  // Nothing: the VM's process lives, and has it.
  Result<std::optional<FileDescriptor>> try_lock() const;

  struct End {
    bool failed = true;
    std::string detail;
  };
  // Once the process has ended.
  End read_end() const;

  // The records that are there.
  static Result<std::vector<LocalVm>> read_all(const std::string& state);

 private:
  std::string path_;
};

// The whole of a small file.
Result<std::string> read_file(const std::string& path);
// As one, whoever is killed meanwhile; readable by its owner alone.
Result<> replace_file(const std::string& path, const std::string& text);

}  // namespace orrery::cluster::host
