#include "runtime/load/cgroup_guard.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <sstream>

namespace sluice::load {
namespace {

constexpr const char* kOutcome =
    "self_protection: a move of the agent to another cgroup is told, not refused";
constexpr mode_t kReadOnly = 0444, kUsual = 0644;

// The host's mounts, which the agent's own may differ from.
constexpr const char* kHostRoot = "/proc/1/root";
constexpr const char* kHostMounts = "/proc/1/mountinfo";

bool InHostCgroupNamespace() {
  struct stat own {
  }, host{};
  return stat("/proc/self/ns/cgroup", &own) != 0 || stat("/proc/1/ns/cgroup", &host) != 0 ||
         (own.st_ino == host.st_ino && own.st_dev == host.st_dev);
}

std::string Read(const char* path) {
  std::ostringstream text;
  text << std::ifstream(path).rdbuf();
  return text.str();
}

}  // namespace

std::string UnifiedMount(const std::string& mountinfo) {
  std::istringstream lines(mountinfo);
  for (std::string line; std::getline(lines, line);) {
    std::istringstream words(line);
    std::string number, parent, device, root, mount, word, type;
    words >> number >> parent >> device >> root >> mount;
    while (words >> word && word != "-") {
    }
    words >> type;
    if (type == "cgroup2" && root == "/") return mount;
  }
  return "";
}

std::vector<std::string> ProcsFiles(const std::string& mount, const std::string& cgroups) {
  std::istringstream lines(cgroups);
  for (std::string line; std::getline(lines, line);) {
    if (!line.starts_with("0::/") || line.starts_with("0::/..")) continue;
    std::string folder = line.substr(3);
    std::vector<std::string> files;
    for (; folder.size() > 1; folder.resize(folder.rfind('/')))
      files.push_back(mount + folder + "/cgroup.procs");
    files.push_back(mount + "/cgroup.procs");
    return files;
  }
  return {};
}

void CgroupGuard::Engage() {
  if (!files_.empty()) return;
  faults_.clear();
  if (!InHostCgroupNamespace()) {  // its own cgroup's place is hidden from it
    faults_.push_back(fmt::format(
        "{}: the agent is in a cgroup namespace of its own; start it in the host's (no `unshare -C`, "
        "`--cgroupns=host`)",
        kOutcome));
    return;
  }
  const std::string mount = UnifiedMount(Read(kHostMounts));
  std::vector<std::string> files;
  if (!mount.empty()) files = ProcsFiles(kHostRoot + mount, Read("/proc/self/cgroup"));
  if (files.empty()) faults_.push_back(fmt::format("{}: the agent is in no unified hierarchy", kOutcome));
  for (std::string& file : files) {
    if (chmod(file.c_str(), kReadOnly) == 0)
      files_.push_back(std::move(file));
    else
      faults_.push_back(
          fmt::format("{}: {} cannot be made read-only: {}", kOutcome, file, std::strerror(errno)));
  }
}

void CgroupGuard::Release() {
  for (const std::string& file : files_) chmod(file.c_str(), kUsual);
  files_.clear();
}

}  // namespace sluice::load
