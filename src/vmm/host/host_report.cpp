#include "vmm/host/host_report.hpp"

#include <array>
#include <fstream>
#include <sstream>

#include <cpuid.h>
#include <fcntl.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/files/file_descriptor.hpp"
#include "base/format.hpp"
#include "base/units.hpp"
#include "hypervisor/kvm/probe.hpp"
#include "network/user_network.hpp"
#include "storage/raw_disk.hpp"
#include "vmm/host/sandbox.hpp"

namespace orrery::vmm {
namespace {

using Grade = Finding::Grade;

std::string first_line_of(const char* path) {
  std::ifstream file(path);
  std::string line;
  std::getline(file, line);
  return line;
}

// The value of "Name:  value" in a file such as /proc/meminfo.
std::string field_of(const char* path, std::string_view name) {
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);) {
    const std::size_t colon = line.find(':');
    if (colon == std::string::npos || !line.starts_with(name)) continue;
    const std::size_t start = line.find_first_not_of(" \t", colon + 1);
    return start == std::string::npos ? "" : line.substr(start);
  }
  return "";
}

Finding processor() {
  cpu_set_t allowed;
  CPU_ZERO(&allowed);
  const int count = ::sched_getaffinity(0, sizeof allowed, &allowed) == 0 ? CPU_COUNT(&allowed) : 1;
  const char* level = "x86-64-v1";
  if (__builtin_cpu_supports("sse4.2") != 0 && __builtin_cpu_supports("popcnt") != 0) {
    level = "x86-64-v2";
  }
  if (__builtin_cpu_supports("avx2") != 0 && __builtin_cpu_supports("bmi2") != 0 &&
      __builtin_cpu_supports("fma") != 0) {
    level = "x86-64-v3";
  }
  return {"processor", Grade::kGood,
          format("{} usable, {}, {}", count, field_of("/proc/cpuinfo", "model name"), level), ""};
}

Finding kvm() {
  const auto probe = hypervisor::kvm::probe();
  constexpr const char* kInstead = "guests run on Orrery's own engine meanwhile";
  if (!probe) return {"kvm", Grade::kLimited, probe.error().message(), kInstead};
  const std::string speed = format("{:.1f} million instructions a second", probe->ring0_mips);
  if (probe->usable()) return {"kvm", Grade::kGood, "usable, " + speed, ""};
  return {"kvm", Grade::kLimited, "there, but emulated: " + speed,
          format("switch on nested virtualization (VT-x or SVM) for this host; {}", kInstead)};
}

Finding memory() {
  return {"memory", Grade::kGood,
          field_of("/proc/meminfo", "MemAvailable") + " available of " +
              field_of("/proc/meminfo", "MemTotal"),
          ""};
}

Finding io_uring() {
  const Result<> probe = storage::probe_io_uring();
  if (probe) return {"io_uring", Grade::kGood, "usable", ""};
  return {
      "io_uring", Grade::kLimited, probe.error().message() + "; disks use a thread, slower",
      "allow io_uring in the container's seccomp profile, or sysctl kernel.io_uring_disabled=0"};
}

Finding locked_memory() {
  rlimit limit{};
  ::getrlimit(RLIMIT_MEMLOCK, &limit);
  if (limit.rlim_cur == RLIM_INFINITY) {
    return {"locked memory", Grade::kGood, "no limit", ""};
  }
  // io_uring before Linux 5.12 charges its rings to this limit.
  constexpr rlim_t kEnough = 8_MiB;
  const std::string size = to_string(Bytes(limit.rlim_cur));
  if (limit.rlim_cur >= kEnough) return {"locked memory", Grade::kGood, "up to " + size, ""};
  return {"locked memory", Grade::kLimited, "only up to " + size,
          "raise it where io_uring fails on kernels before 5.12: ulimit -l 65536"};
}

Finding sandbox() {
  const Result<> probe = probe_sandbox();
  if (probe) return {"sandbox", Grade::kGood, "usable (seccomp)", ""};
  return {"sandbox", Grade::kLimited, probe.error().message(),
          "run on a kernel with it, or with --sandbox off"};
}

Finding tap() {
  const FileDescriptor device(::open("/dev/net/tun", O_RDWR | O_CLOEXEC));
  if (!device) {
    return {"tap", Grade::kMissing, Error::from_errno("/dev/net/tun").message(),
            "modprobe tun, and give yourself access to /dev/net/tun; --net user needs neither"};
  }
  if (::geteuid() == 0) return {"tap", Grade::kGood, "usable: may create interfaces", ""};
  return {"tap", Grade::kGood, "usable with interfaces that belong to you",
          "as root, once: ip tuntap add NAME mode tap user $USER vnet_hdr"};
}

Finding user_network() {
  const Result<std::string> version = network::user_network_version();
  if (!version) {
    return {"user network", Grade::kMissing, version.error().message(), "apt install libslirp0"};
  }
  return {"user network", Grade::kGood, "libslirp " + *version, ""};
}

Finding huge_pages() {
  constexpr const char* kPath = "/sys/kernel/mm/transparent_hugepage/enabled";
  const std::string state = first_line_of(kPath);
  if (state.find("[never]") == std::string::npos && !state.empty()) {
    return {"huge pages", Grade::kGood, "transparent: " + state, ""};
  }
  return {"huge pages", Grade::kLimited, state.empty() ? "no transparent ones" : state,
          format("guests run faster with them: echo madvise > {}", kPath)};
}

Finding terminal() {
  if (::isatty(STDIN_FILENO) == 0 || ::isatty(STDOUT_FILENO) == 0) {
    return {"terminal", Grade::kGood, "none: consoles pass bytes as they are, without escape keys",
            ""};
  }
  winsize size{};
  ::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size);
  const char* const name = ::getenv("TERM");
  return {"terminal", Grade::kGood,
          format("{}, {} columns, {} rows; Ctrl-A is the escape key", name == nullptr ? "?" : name,
                 size.ws_col, size.ws_row),
          ""};
}

constexpr std::array kExaminations{processor, memory,       kvm, io_uring,   locked_memory,
                                   sandbox,   user_network, tap, huge_pages, terminal};

}  // namespace

std::vector<Finding> examine_host() {
  std::vector<Finding> findings;
  for (const auto& examine : kExaminations) findings.push_back(examine());
  return findings;
}

}  // namespace orrery::vmm
