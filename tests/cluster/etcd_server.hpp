// An etcd of the tests' own, on loopback, in a temporary folder; one for all tests of a process.
// It is Debian's package etcd-server.
#pragma once

#include <array>
#include <csignal>
#include <string>

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/format.hpp"
#include "base/sockets/listening_socket.hpp"
#include "cluster/database/etcd_database.hpp"
#include "support/temporary_folder.hpp"

namespace orrery::testing {

class EtcdServer {
 public:
  static constexpr const char* kProgram = "/usr/bin/etcd";
  static bool installed() { return ::access(kProgram, X_OK) == 0; }

  static EtcdServer& shared() {
    static EtcdServer server;
    return server;
  }

  // All keys of what comes back begin with NAME.
  Result<std::unique_ptr<cluster::Database>> open(const std::string& name) {
    Result<std::unique_ptr<cluster::EtcdDatabase>> opened = fail("not tried");
    // It takes a moment to elect itself.
    for (int i = 0; i < 600 && !opened; ++i) {
      opened = cluster::EtcdDatabase::open({.servers = address_, .name = name + "/"});
      if (!opened) ::usleep(50'000);
    }
    if (!opened) return fail(opened.error());
    return std::unique_ptr<cluster::Database>(std::move(*opened));
  }

 private:
  EtcdServer() {
    const std::string peer = "http://" + free_address();
    address_ = free_address();
    const std::string client = "http://" + address_;
    std::array<std::string, 13> words{kProgram,
                                      "--data-dir",
                                      folder_.path("etcd"),
                                      "--listen-client-urls",
                                      client,
                                      "--advertise-client-urls",
                                      client,
                                      "--listen-peer-urls",
                                      peer,
                                      "--initial-advertise-peer-urls",
                                      peer,
                                      "--initial-cluster",
                                      "default=" + peer};
    std::array<char*, words.size() + 1> arguments{};
    for (std::size_t i = 0; i < words.size(); ++i) arguments[i] = words[i].data();
    posix_spawn_file_actions_t actions;
    ::posix_spawn_file_actions_init(&actions);
    ::posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, folder_.path("log").c_str(),
                                       O_WRONLY | O_CREAT, 0600);
    EXPECT_EQ(::posix_spawn(&process_, kProgram, &actions, nullptr, arguments.data(), environ), 0);
    ::posix_spawn_file_actions_destroy(&actions);
  }
  ~EtcdServer() {
    ::kill(process_, SIGKILL);
    ::waitpid(process_, nullptr, 0);
  }

  static std::string free_address() {
    const auto socket = listen_tcp("127.0.0.1:0", 1).value();
    return tcp_address(socket.get())->text;
  }

  TemporaryFolder folder_;
  std::string address_;
  pid_t process_ = -1;
};

}  // namespace orrery::testing
