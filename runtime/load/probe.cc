#include "runtime/load/probe.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/capability.h>
#include <linux/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <fstream>

#include "runtime/load/kernel.h"

namespace sluice::load {
namespace {

constexpr int kOldestMajor = 6, kOldestMinor = 1;
constexpr const char* kBtf = "/sys/kernel/btf/vmlinux";
constexpr const char* kUserNamespace = "/proc/self/uid_map";
constexpr const char* kLsmList = "/sys/kernel/security/lsm";

uint64_t EffectiveCapabilities() {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    if (line.rfind("CapEff:", 0) == 0) return std::strtoull(line.c_str() + 7, nullptr, 16);
  }
  return geteuid() == 0 ? ~uint64_t{0} : 0;
}

// The first user namespace maps every number to itself.
bool InFirstUserNamespace() {
  std::ifstream map(kUserNamespace);
  uint64_t inside = 0, outside = 0, count = 0;
  return !(map >> inside >> outside >> count) || (inside == 0 && outside == 0 && count == UINT32_MAX);
}

// The kernel gives its first pid namespace this inode number (PROC_PID_INIT_INO).
bool InFirstPidNamespace() {
  constexpr ino_t kFirst = 0xeffffffc;
  struct stat status {};
  return stat("/proc/self/ns/pid", &status) != 0 || status.st_ino == kFirst;
}

std::optional<std::string> ReadAll(int file) {
  if (file < 0) return std::nullopt;
  char text[4096];
  const ssize_t bytes = read(file, text, sizeof text);
  const int error = errno;
  close(file);
  errno = error;
  if (bytes < 0) return std::nullopt;
  std::string list(text, static_cast<size_t>(bytes));
  while (!list.empty() && (list.back() == '\n' || list.back() == '\0')) list.pop_back();
  return list;
}

// Where securityfs is not mounted (containers, small guests): a mount that no path leads to and that ends
// with its descriptor, so that nothing on the host changes.
std::optional<std::string> ReadLsmListDetached() {
  const int context = static_cast<int>(syscall(SYS_fsopen, "securityfs", FSOPEN_CLOEXEC));
  if (context < 0) return std::nullopt;
  std::optional<std::string> list;
  if (syscall(SYS_fsconfig, context, FSCONFIG_CMD_CREATE, nullptr, nullptr, 0) == 0) {
    const int mount = static_cast<int>(syscall(SYS_fsmount, context, FSMOUNT_CLOEXEC, 0));
    if (mount >= 0) {
      list = ReadAll(openat(mount, "lsm", O_RDONLY | O_CLOEXEC));
      close(mount);
    }
  }
  close(context);
  return list;
}

bool Has(uint64_t capabilities, int capability) { return (capabilities >> capability & 1) != 0; }

bool ListHas(const std::string& list, const std::string& name) {
  return ("," + list + ",").find("," + name + ",") != std::string::npos;
}

source::Status JudgeLsmList(const HostFacts& facts) {
  if (!facts.lsm_list) {
    return absl::FailedPreconditionError(fmt::format(
        "the kernel's list of security modules cannot be read ({}): mount it with `mount -t securityfs "
        "securityfs /sys/kernel/security`",
        facts.lsm_error));
  }
  if (ListHas(*facts.lsm_list, "bpf")) return absl::OkStatus();
  const std::string wanted = facts.lsm_list->empty() ? "bpf" : *facts.lsm_list + ",bpf";
  return absl::FailedPreconditionError(fmt::format(
      "the kernel's LSM list is `{}`, without bpf, so that hooks would never be called: add `lsm={}` to the "
      "kernel command line (Debian: GRUB_CMDLINE_LINUX in /etc/default/grub, then update-grub) and reboot",
      *facts.lsm_list, wanted));
}

}  // namespace

HostFacts ReadHost() {
  HostFacts facts;
  utsname names{};
  if (uname(&names) == 0) facts.release = names.release;
  facts.capabilities = EffectiveCapabilities();
  facts.in_first_user_namespace = InFirstUserNamespace();
  facts.in_first_pid_namespace = InFirstPidNamespace();
  facts.has_btf = access(kBtf, R_OK) == 0;
  facts.lsm_list = ReadAll(open(kLsmList, O_RDONLY | O_CLOEXEC));
  if (!facts.lsm_list) {
    facts.lsm_error = fmt::format("{}: {}", kLsmList, std::strerror(errno));
    facts.lsm_list = ReadLsmListDetached();
  }
  return facts;
}

source::Status JudgeHost(const HostFacts& facts) {
  if (!Has(facts.capabilities, CAP_SYS_ADMIN)) {
    return absl::PermissionDeniedError(
        "loading programs into the kernel needs root (the capability "
        "SYS_ADMIN): run it as root, outside of an unprivileged container");
  }
  if (!facts.in_first_user_namespace) {
    return absl::PermissionDeniedError(
        "this is root in a user namespace, which the kernel does not let load programs: run it as the host's "
        "root, outside of rootless containers and `unshare --user`");
  }
  if (!facts.in_first_pid_namespace) {
    return absl::FailedPreconditionError(
        "this is a pid namespace of its own, in which /proc does not show the host's processes: "
        "run it outside of containers and `unshare --pid`, or in a container with the host's (docker run "
        "--pid=host)");
  }
  int major = 0, minor = 0;
  const bool numbered = std::sscanf(facts.release.c_str(), "%d.%d", &major, &minor) == 2;
  if (numbered && (major < kOldestMajor || (major == kOldestMajor && minor < kOldestMinor))) {
    return absl::FailedPreconditionError(fmt::format("the kernel is {}: it must be {}.{} or later",
                                                     facts.release, kOldestMajor, kOldestMinor));
  }
  if (!facts.has_btf) {
    return absl::FailedPreconditionError(
        fmt::format("the kernel does not describe its types ({} is missing): use one that was built with "
                    "CONFIG_DEBUG_INFO_BTF=y, as Debian's own are",
                    kBtf));
  }
  return JudgeLsmList(facts);
}

source::Status ProbeHost() { return JudgeHost(ReadHost()); }

}  // namespace sluice::load
