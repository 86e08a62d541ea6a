// The other end of a VM's control socket, for commands of `orrery`.
#pragma once

#include <string>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "base/error.hpp"
#include "base/files/file_descriptor.hpp"

namespace orrery::vmm::control {

class Client {
 public:
  // PATH: what the VM's --control names.
  static Result<Client> connect(const std::string& path);

  // Waits for the answer, however long the VM takes: its fields, or the error that it told. FILES
  // are open ones that the VM gets. One caller at a time.
  Result<nlohmann::json> ask(const nlohmann::json& request, const std::vector<int>& files = {});

 private:
  Client(std::string path, FileDescriptor socket)
      : path_(std::move(path)), socket_(std::move(socket)) {}
  Result<> send(const std::string& line, std::vector<int> files);
  Result<std::string> receive_line();

  std::string path_;
  FileDescriptor socket_;
  std::string received_;
};

}  // namespace orrery::vmm::control
