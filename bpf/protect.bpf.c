/* protect.bpf.c - the agent's own protection, where the configuration asks for it (self_protection).
 *
 *   task_kill, file_send_sigiotask   signals to the agent, but for 0, SIGHUP, SIGCHLD and SIGCONT
 *   perf_event_alloc                 events that end the process which they watch (sigtrap)
 *   ptrace_access_check              attaching to the agent, and to init: who can make init act can stop the agent;
 *                                    process_madvise on the agent
 *   task_setrlimit, task_setscheduler, _setnice, _setioprio, _movememory   limits, priority, CPUs and memory of the agent
 *   bpf_map, bpf_prog, bpf           a descriptor of one of its programs or links, or to write to one of its maps
 *
 * Its files and its cgroup: protect_files.bpf.c. Who may, and what is told: lib/protect.bpf.h.
 *
 * Fail direction: allow.
 */
#include "lib/protect.bpf.h"

char LICENSE[] __weak SEC("license") = "GPL";

#define SIGHUP 1
#define SIGCHLD 17
#define SIGCONT 18
#define PTRACE_MODE_ATTACH 2u
#define NR_process_madvise 440

/* Ids of the agent's maps, programs and links: SLUICE_OWN_*. */
struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(map_flags, BPF_F_NO_PREALLOC);
  __uint(max_entries, 1 << 16);
  __type(key, __u64);
  __type(value, __u32);
} SLUICE_MAP(own_objects);

SEC("lsm/task_kill")
int BPF_PROG(protect_task_kill, struct task_struct *target, struct kernel_siginfo *info, int signal,
             const struct cred *cred, int ret) {
  if (ret || !is_agent(target->tgid)) return ret;
  if (signal == 0 || signal == SIGHUP || signal == SIGCHLD || signal == SIGCONT || may_all()) return 0;
  if (current_process() != INIT) return refuse(SLUICE_ATTEMPT_SIGNAL, signal);
  tell_attempt(SLUICE_ATTEMPT_SIGNAL, signal, 1, 0);
  return 0;
}

/* A file's owner (F_SETOWN) gets a signal of anybody's choice (F_SETSIG), from whoever uses the file. */
SEC("lsm/file_send_sigiotask")
int BPF_PROG(protect_sigio, struct task_struct *target, struct fown_struct *owner, int signal, int ret) {
  if (ret || !is_agent(target->tgid)) return ret;
  return refuse(SLUICE_ATTEMPT_SIGIO, signal);
}

/* Who may send signals needs no right to trace for these. What a child inherits goes with its exec. */
SEC("lsm/perf_event_alloc")
int BPF_PROG(protect_perf_event, struct perf_event *event, int ret) {
  struct task_struct *target = BPF_CORE_READ(event, hw.target);
  __u32 process = target ? BPF_CORE_READ(target, tgid) : 0;

  if (ret || !is_agent(process) || event->parent || process == current_process()) return ret;
  if (!BPF_CORE_READ_BITFIELD_PROBED(event, attr.sigtrap) || is_trusted()) return 0;
  return refuse(SLUICE_ATTEMPT_PERF, process);
}

/* It takes the right to read a process, and takes its pages away. Of 32-bit callers the number is the same. */
SLUICE_INLINE int is_process_madvise(void) {
  __u64 number = ((struct pt_regs *)bpf_task_pt_regs(bpf_get_current_task_btf()))->orig_ax;

  return (number & ~(__u64)X32_BIT) == NR_process_madvise;
}

SEC("lsm/ptrace_access_check")
int BPF_PROG(protect_ptrace, struct task_struct *child, unsigned int mode, int ret) {
  __u32 process = child->tgid;

  if (ret || (process != INIT && !is_agent(process)) || process == current_process() || may_all()) return ret;
  if (mode & PTRACE_MODE_ATTACH) return refuse(SLUICE_ATTEMPT_PTRACE, process);
  if (process == INIT || !is_process_madvise()) return 0;
  return refuse(SLUICE_ATTEMPT_SCHEDULING, 0);
}

SEC("lsm/task_setrlimit")
int BPF_PROG(protect_setrlimit, struct task_struct *task, unsigned int resource, struct rlimit *limit,
             int ret) {
  if (ret || !is_agent(task->tgid) || is_trusted()) return ret;
  return refuse(SLUICE_ATTEMPT_LIMIT, resource);
}

SLUICE_INLINE int guard_scheduling(const struct task_struct *task) {
  if (!is_agent(task->tgid) || is_trusted()) return 0;
  return refuse(SLUICE_ATTEMPT_SCHEDULING, 0);
}

SEC("lsm/task_setscheduler")
int BPF_PROG(protect_setscheduler, struct task_struct *task, int ret) {
  return ret ? ret : guard_scheduling(task);
}

SEC("lsm/task_setnice")
int BPF_PROG(protect_setnice, struct task_struct *task, int nice, int ret) {
  return ret ? ret : guard_scheduling(task);
}

SEC("lsm/task_setioprio")
int BPF_PROG(protect_setioprio, struct task_struct *task, int priority, int ret) {
  return ret ? ret : guard_scheduling(task);
}

SEC("lsm/task_movememory")
int BPF_PROG(protect_movememory, struct task_struct *task, int ret) {
  return ret ? ret : guard_scheduling(task);
}

/* Every descriptor of a map or program comes by here, that of a new one too. 1: the agent's, and wanted by another. */
SLUICE_INLINE int is_taken(__u64 key) {
  __u32 one = 1;

  if (!control.agent_task) return 0;
  if (current_process() == handover.agent_pid) {
    if (!bpf_map_lookup_elem(&own_objects, &key)) bpf_map_update_elem(&own_objects, &key, &one, BPF_ANY);
    return 0;
  }
  return bpf_map_lookup_elem(&own_objects, &key) && !is_trusted();
}

/* Not to read with either: a program may write through such a descriptor, and before 6.5 it may freeze the map. */
SEC("lsm/bpf_map")
int BPF_PROG(protect_bpf_map, struct bpf_map *map, fmode_t mode, int ret) {
  if (ret || !is_taken(SLUICE_OWN_MAP | map->id)) return ret;
  return refuse(SLUICE_ATTEMPT_MAP, map->id);
}

SEC("lsm/bpf_prog")
int BPF_PROG(protect_bpf_prog, struct bpf_prog *program, int ret) {
  __u32 id = BPF_CORE_READ(program, aux, id);

  if (ret || !is_taken(SLUICE_OWN_PROGRAM | id)) return ret;
  return refuse(SLUICE_ATTEMPT_PROGRAM, id);
}

/* `attributes` is the kernel's copy. A pinned link's descriptor can neither detach nor change it. */
SEC("lsm/bpf")
int BPF_PROG(protect_bpf, int command, union bpf_attr *attributes) {
  __u32 id;

  if (command != BPF_LINK_GET_FD_BY_ID) return 0; /* as system_bpf() does */
  id = BPF_CORE_READ(attributes, link_id);
  if (current_process() == handover.agent_pid || !is_taken(SLUICE_OWN_LINK | id)) return 0;
  return refuse(SLUICE_ATTEMPT_LINK, id);
}
