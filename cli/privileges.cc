#include "cli/privileges.h"

#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cstdint>

namespace sluice::cli {
namespace {

constexpr int kKept[] = {
    CAP_SYS_ADMIN,        // BPF LSM on the kernels that we support; other processes' namespaces
    CAP_BPF,              // maps and programs
    CAP_PERFMON,          // tracepoints and iterators
    CAP_SYS_RESOURCE,     // locked memory
    CAP_SYS_PTRACE,       // /proc/PID/exe and environ of others
    CAP_DAC_READ_SEARCH,  // the same, and secrets that belong to others
};

uint64_t KeptBits() {
  uint64_t bits = 0;
  for (const int capability : kKept) bits |= uint64_t{1} << capability;
  return bits;
}

}  // namespace

// What cannot be dropped was not there.
void DropPrivileges() {
  const uint64_t kept = KeptBits();
  prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
  for (int capability = 0; prctl(PR_CAPBSET_READ, capability, 0, 0, 0) >= 0; ++capability) {
    if ((kept >> capability & 1) == 0) prctl(PR_CAPBSET_DROP, capability, 0, 0, 0);
  }
  prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
  __user_cap_header_struct header{.version = _LINUX_CAPABILITY_VERSION_3, .pid = 0};
  std::array<__user_cap_data_struct, _LINUX_CAPABILITY_U32S_3> sets{};
  if (syscall(SYS_capget, &header, sets.data()) != 0) return;
  for (size_t i = 0; i < sets.size(); ++i) {
    const auto mask = static_cast<uint32_t>(kept >> (32 * i));
    sets[i].effective &= mask, sets[i].permitted &= mask, sets[i].inheritable = 0;
  }
  syscall(SYS_capset, &header, sets.data());
}

}  // namespace sluice::cli
