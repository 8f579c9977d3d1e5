// load/cgroup_guard.h - lets the kernel ask a hook when somebody moves the agent to another cgroup.
//
// Who may write `cgroup.procs` of the cgroup that the old and the new one have in common may move a process; no hook but
// one that every folder of every path comes by is asked. So these files, of the agent's cgroup and of those above it, are
// made read-only to their owner, root: then it takes CAP_DAC_OVERRIDE, which root's programs have, and bpf/protect.bpf.c is
// asked about that. Nothing else changes for them.
//
// Threads: owner thread. Ownership: the modes come back with the object's end; after a crash they stay, to no harm.
// Errors:  what cannot be made so is named by faults(): there a move is told but not refused.
#pragma once

#include <string>
#include <vector>

namespace sluice::load {

class CgroupGuard {
 public:
  CgroupGuard() = default;
  ~CgroupGuard() { Release(); }
  CgroupGuard(const CgroupGuard&) = delete;
  CgroupGuard& operator=(const CgroupGuard&) = delete;

  void Engage();
  void Release();
  const std::vector<std::string>& faults() const { return faults_; }  // of the last Engage()

 private:
  std::vector<std::string> files_, faults_;
};

// Where the unified hierarchy is mounted, its root at its root, by the text of a mountinfo; empty: nowhere.
std::string UnifiedMount(const std::string& mountinfo);
// `cgroup.procs` of the cgroup that the text of a /proc/PID/cgroup names below `mount`, and of those above it.
std::vector<std::string> ProcsFiles(const std::string& mount, const std::string& cgroups);

}  // namespace sluice::load
