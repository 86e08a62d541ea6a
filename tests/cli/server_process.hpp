// A server of ours in a process of its own, for as long as a test needs it.
#pragma once

#include <array>
#include <csignal>
#include <string>

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

namespace orrery::cli {

class ServerProcess {
 public:
  // WORDS: the subcommand; the first line that it prints is its address, which begins with SCHEME.
  explicit ServerProcess(const std::string& arguments, const std::string& words = "disk export-nbd",
                         const std::string& scheme = "nbd") {
    std::array<int, 2> ends{};
    EXPECT_EQ(::pipe(ends.data()), 0);
    process_ = ::fork();
    if (process_ == 0) {
      ::dup2(ends[1], STDOUT_FILENO);
      ::close(ends[0]);
      ::close(ends[1]);
      const std::string command =
          std::string("exec ") + ORRERY_BINARY + " " + words + " " + arguments;
      ::execl("/bin/sh", "sh", "-c", command.c_str(), nullptr);
      ::_exit(127);
    }
    ::close(ends[1]);
    for (char c = 0; ::read(ends[0], &c, 1) == 1 && c != '\n';) uri_ += c;
    ::close(ends[0]);
    EXPECT_TRUE(uri_.starts_with(scheme)) << "it does not serve: " << uri_;
  }
  ServerProcess(const ServerProcess&) = delete;
  ServerProcess& operator=(const ServerProcess&) = delete;
  ~ServerProcess() {
    if (process_ > 0) stop(SIGKILL);
  }

  // As clients are told, in quotes for a shell.
  std::string uri() const { return "'" + uri_ + "'"; }
  const std::string& plain_uri() const { return uri_; }
  void signal(int number) const { ::kill(process_, number); }
  // The exit status, or minus the signal that ended it.
  int wait() {
    int status = 0;
    ::waitpid(process_, &status, 0);
    process_ = -1;
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
  }
  int stop(int number = SIGINT) {
    signal(number);
    return wait();
  }

 private:
  pid_t process_ = -1;
  std::string uri_;
};

}  // namespace orrery::cli
