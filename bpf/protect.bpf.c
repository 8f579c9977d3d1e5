/* protect.bpf.c - the agent's own protection, where the configuration asks for it (self_protection).
 *
 *   task_kill, file_send_sigiotask   signals to the agent, but for 0, SIGHUP, SIGCHLD and SIGCONT
 *   perf_event_open                  events that end the process which they watch (sigtrap)
 *   ptrace_access_check              attaching to the agent, and to init: who can make init act can stop the agent
 *   task_setrlimit, task_setscheduler, _setnice, _setioprio, _movememory   limits, priority, CPUs and memory of the agent
 *   bpf_map, bpf_prog, bpf           a descriptor of one of its programs or links, or to write to one of its maps
 *   inode_unlink, _rmdir, _rename, sb_umount   its pins, and the file system of its pins
 *   file_open                        writing to its cgroup's files, to what could stop a cgroup above it, to its files in
 *                                    /proc, and to the switch that turns all programs off
 *   capable, with cgroup_procs_write_start and _finish, and path_chmod   moving the agent to another cgroup
 *
 * The agent may do all of it. Init may, too, but for tracing, freezing and moving: systemd has to start and stop it; signals
 * of init's are told. An attempt is refused with EPERM, counted, and told at most once a second and kind. When the agent
 * ends, nothing of this holds any more.
 *
 * Fail direction: allow.
 */
#include "lib/emit.bpf.h"

char LICENSE[] __weak SEC("license") = "GPL";

#define SIGHUP 1
#define SIGCHLD 17
#define SIGCONT 18
#define CAP_DAC_OVERRIDE 1
#define PTRACE_MODE_ATTACH 2u
#define PROC_SUPER_MAGIC 0x9fa0
#define BPF_FS_MAGIC 0xcafe4a11u
#define CGROUP2_MAGIC 0x63677270u
#define CGROUP_DEPTH 32
#define PIN_DEPTH 4
#define INIT 1
#define SECOND_NS 1000000000ull
#define WORD(a, b, c, d, e, f, g, h)                                                       \
  ((__u64)(a) | (__u64)(b) << 8 | (__u64)(c) << 16 | (__u64)(d) << 24 | (__u64)(e) << 32 | \
   (__u64)(f) << 40 | (__u64)(g) << 48 | (__u64)(h) << 56)

/* Ids of the agent's maps, programs and links: SLUICE_OWN_*. */
struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(map_flags, BPF_F_NO_PREALLOC);
  __uint(max_entries, 1 << 16);
  __type(key, __u64);
  __type(value, __u32);
} SLUICE_MAP(own_objects);

/* When an attempt of each kind was told. */
struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(max_entries, SLUICE_ATTEMPTS);
  __type(key, __u32);
  __type(value, __u64);
} SLUICE_MAP(attempt_told);

SLUICE_INLINE __u32 current_process(void) { return bpf_get_current_pid_tgid() >> 32; }

SLUICE_INLINE int is_agent(__u32 process) { return control.agent_task && process == handover.agent_pid; }

/* Without an agent there is nothing to protect. */
SLUICE_INLINE int may_all(void) {
  __u32 process = current_process();

  if (!control.agent_task || process == handover.agent_pid || !process) return 1;
  return (bpf_get_current_task_btf()->flags & PF_KTHREAD) != 0;
}

SLUICE_INLINE int is_trusted(void) { return current_process() == INIT || may_all(); }

SLUICE_INLINE int may_tell(__u32 attempt) {
  __u64 now = bpf_ktime_get_boot_ns();
  __u64 *told = bpf_map_lookup_elem(&attempt_told, &attempt);
  __u64 before;

  if (!told) return 0;
  before = *told;
  if (before && now - before < SECOND_NS) return 0;
  return __sync_val_compare_and_swap(told, before, now) == before;
}

/* `file`: its name, or none. */
static __noinline int tell_attempt(__u32 attempt, __u64 detail, __u64 allowed, const void *file) {
  struct task_struct *task = bpf_get_current_task_btf();
  __u32 at = sizeof(struct sluice_record);
  struct scratch *s = scratch_claim();

  if (!s) return 0;
  fill_header(&s->record.header, SLUICE_RECORD_ATTEMPT, SLUICE_HOOK_IMAGE, task, task->real_parent);
  s->record.header.numbers[0] = attempt;
  s->record.header.numbers[1] = detail;
  s->record.header.numbers[2] = allowed;
  at = put_image((char *)&s->record, at, RECORD_LIMIT, state_of(task), 1);
  if (file) at = put_string((char *)&s->record, at, RECORD_LIMIT, SLUICE_ITEM_TEXT, file);
  at = put_cgroup((char *)&s->record, at, RECORD_LIMIT, task);
  if (at > sizeof(s->record)) at = sizeof(s->record);
  s->record.header.size = at;
  send_mitigation(&s->record, at);
  scratch_release(s);
  return 0;
}

/* Counts and tells. Returns what the hook returns. */
SLUICE_INLINE int refuse_file(__u32 attempt, __u64 detail, const void *file) {
  TOTAL(attempts, 1);
  if (may_tell(attempt)) tell_attempt(attempt, detail, 0, file);
  return -EPERM;
}

SLUICE_INLINE int refuse(__u32 attempt, __u64 detail) { return refuse_file(attempt, detail, 0); }

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

/* Who may send signals needs no right to trace for these. The process is named by number, in the caller's namespace. */
SEC("lsm/perf_event_open")
int BPF_PROG(protect_perf_event, struct perf_event_attr *attributes, int type, int ret) {
  struct task_struct *task = bpf_get_current_task_btf();
  struct pt_regs *regs = (struct pt_regs *)bpf_task_pt_regs(task);
  __u32 process;

  if (ret || !BPF_CORE_READ_BITFIELD_PROBED(attributes, sigtrap) || is_trusted()) return ret;
  process = task->thread_info.status & TS_COMPAT ? regs->cx : regs->si;
  if (!process || process == (__u32)task->tgid || process == (__u32)task->pid) return 0;
  return refuse(SLUICE_ATTEMPT_PERF, process);
}

SEC("lsm/ptrace_access_check")
int BPF_PROG(protect_ptrace, struct task_struct *child, unsigned int mode, int ret) {
  __u32 process = child->tgid;

  if (ret || !(mode & PTRACE_MODE_ATTACH) || (process != INIT && !is_agent(process))) return ret;
  if (process == current_process() || may_all()) return 0;
  return refuse(SLUICE_ATTEMPT_PTRACE, process);
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
int BPF_PROG(protect_bpf, int command, union bpf_attr *attributes, unsigned int size, int ret) {
  __u32 id;

  if (ret || command != BPF_LINK_GET_FD_BY_ID) return ret;
  id = BPF_CORE_READ(attributes, link_id);
  if (current_process() == handover.agent_pid || !is_taken(SLUICE_OWN_LINK | id)) return 0;
  return refuse(SLUICE_ATTEMPT_LINK, id);
}

/* The folder of the pins, or below it. */
SLUICE_INLINE int guard_pin(struct dentry *dentry) {
  const unsigned char *name = BPF_CORE_READ(dentry, d_name.name);
  __u32 level;

  if (!control.pin_inode || BPF_CORE_READ(dentry, d_sb, s_dev) != control.pin_device) return 0;
  SLUICE_ROLLED
  for (level = 0; level < PIN_DEPTH; level++) {
    if (BPF_CORE_READ(dentry, d_inode, i_ino) == control.pin_inode)
      return is_trusted() ? 0 : refuse_file(SLUICE_ATTEMPT_PIN, 0, name);
    dentry = BPF_CORE_READ(dentry, d_parent);
  }
  return 0;
}

SEC("lsm/inode_unlink")
int BPF_PROG(protect_inode_unlink, struct inode *directory, struct dentry *dentry, int ret) {
  return ret ? ret : guard_pin(dentry);
}

SEC("lsm/inode_rmdir")
int BPF_PROG(protect_inode_rmdir, struct inode *directory, struct dentry *dentry, int ret) {
  return ret ? ret : guard_pin(dentry);
}

SEC("lsm/inode_rename")
int BPF_PROG(protect_inode_rename, struct inode *old_directory, struct dentry *old_dentry,
             struct inode *new_directory, struct dentry *new_dentry, int ret) {
  if (ret) return ret;
  if (guard_pin(old_dentry)) return -EPERM;
  return guard_pin(new_dentry); /* what is there goes */
}

SEC("lsm/sb_umount")
int BPF_PROG(protect_sb_umount, struct vfsmount *mnt, int flags, int ret) {
  if (ret || !control.pin_inode || mnt->mnt_sb->s_dev != control.pin_device || is_trusted()) return ret;
  return refuse(SLUICE_ATTEMPT_PIN, 0);
}

SLUICE_INLINE int is_named(const unsigned char *name, __u64 first, __u64 second) {
  __u64 words[3] = {};

  bpf_probe_read_kernel_str(words, sizeof(words), name);
  return words[0] == first && words[1] == second && !words[2];
}

/* Files that concern the tasks in a cgroup, or the cgroups below it, one by one: of no harm to the agent below. */
SLUICE_INLINE int is_for_others(const unsigned char *name) {
  const __u64 cgroup_p = WORD('c', 'g', 'r', 'o', 'u', 'p', '.', 'p');
  const __u64 cgroup_t = WORD('c', 'g', 'r', 'o', 'u', 'p', '.', 't');
  __u64 words[2] = {};

  bpf_probe_read_kernel_str(words, sizeof(words), name);
  if (words[0] == cgroup_p) return words[1] == WORD('r', 'o', 'c', 's', 0, 0, 0, 0);
  if (words[0] == cgroup_t) return words[1] == WORD('h', 'r', 'e', 'a', 'd', 's', 0, 0);
  return words[0] == WORD('c', 'g', 'r', 'o', 'u', 'p', '.', 's');
}

/* How far above the agent's cgroup the folder is, from 0 on; -1: it is not. */
SLUICE_INLINE int levels_above(__u64 folder, int *is_root) {
  struct task_struct *agent = (struct task_struct *)control.agent_task;
  struct kernfs_node *node = BPF_CORE_READ(agent, cgroups, dfl_cgrp, kn);
  __u32 level;

  SLUICE_ROLLED
  for (level = 0; level < CGROUP_DEPTH; level++) {
    struct kernfs_node *parent = BPF_CORE_READ(node, parent);

    *is_root = !parent;
    if (BPF_CORE_READ(node, id) == folder) return level;
    if (!parent) return -1;
    node = parent;
  }
  return -1;
}

/* systemd's helpers join the cgroup of their unit by themselves (ExecReload=). Joining does the agent no harm. */
SLUICE_INLINE int is_from_init(void) {
  return BPF_CORE_READ(bpf_get_current_task_btf(), real_parent, tgid) == INIT;
}

/* Files of the agent's cgroup, and of those above it but for the root's, which can be neither killed nor frozen. */
SLUICE_INLINE int guard_cgroup(const struct file *file) {
  const unsigned char *name = BPF_CORE_READ(file, f_path.dentry, d_name.name);
  int is_root = 0,
      level = levels_above(BPF_CORE_READ(file, f_path.dentry, d_parent, d_inode, i_ino), &is_root);

  if (level < 0 || is_root || (is_for_others(name) && (level || is_from_init()))) return 0;
  if (current_process() == INIT &&
      !is_named(name, WORD('c', 'g', 'r', 'o', 'u', 'p', '.', 'f'), WORD('r', 'e', 'e', 'z', 'e', 0, 0, 0)))
    return 0;
  return refuse_file(SLUICE_ATTEMPT_CGROUP, level, name);
}

/* The modes by which a move asks for a capability. */
SEC("lsm/path_chmod")
int BPF_PROG(protect_path_chmod, const struct path *path, umode_t mode, int ret) {
  const unsigned char *name;
  int is_root, level;

  if (ret || BPF_CORE_READ(path, dentry, d_sb, s_magic) != CGROUP2_MAGIC || is_trusted()) return ret;
  name = BPF_CORE_READ(path, dentry, d_name.name);
  if (!is_named(name, WORD('c', 'g', 'r', 'o', 'u', 'p', '.', 'p'), WORD('r', 'o', 'c', 's', 0, 0, 0, 0)))
    return 0;
  level = levels_above(BPF_CORE_READ(path, dentry, d_parent, d_inode, i_ino), &is_root);
  return level < 0 ? 0 : refuse_file(SLUICE_ATTEMPT_CGROUP, level, name);
}

/* The process whose file in /proc this is; 0: of none. */
SLUICE_INLINE __u32 process_of(const struct inode *inode) {
  const struct proc_inode *proc = (const void *)inode - bpf_core_field_offset(struct proc_inode, vfs_inode);
  struct pid *pid = BPF_CORE_READ(proc, pid);
  struct hlist_node *first = pid ? BPF_CORE_READ(pid, tasks[PIDTYPE_PID].first) : 0;
  struct task_struct *task;

  if (!first) return 0;
  task = (void *)first - bpf_core_field_offset(struct task_struct, pid_links);
  return BPF_CORE_READ(task, tgid);
}

SLUICE_INLINE int guard_proc(const struct file *file) {
  const unsigned char *name = BPF_CORE_READ(file, f_path.dentry, d_name.name);

  if (is_trusted()) return 0;
  if (is_agent(process_of(BPF_CORE_READ(file, f_inode)))) return refuse_file(SLUICE_ATTEMPT_PROC, 0, name);
  if (is_named(name, WORD('f', 't', 'r', 'a', 'c', 'e', '_', 'e'), WORD('n', 'a', 'b', 'l', 'e', 'd', 0, 0)))
    return refuse_file(SLUICE_ATTEMPT_TRACING, 0, name);
  return 0;
}

SEC("lsm/file_open")
int BPF_PROG(protect_file_open, struct file *file, int ret) {
  unsigned long magic;

  if (ret || !(file->f_mode & FMODE_WRITE)) return ret;
  magic = file->f_inode->i_sb->s_magic;
  if (magic == PROC_SUPER_MAGIC) return guard_proc(file);
  return magic == CGROUP2_MAGIC && !may_all() ? guard_cgroup(file) : 0;
}

/* One task at a time is between these two: they hold cgroup_mutex. In between the kernel asks whether the caller may write
 * the cgroup.procs of the cgroup that the old and the new one have in common; runtime/load/cgroup_guard.h sees to it that this
 * takes a capability, and there the move is refused. Hierarchies of version 1 do not ask; that is told. */
SEC("fexit/cgroup_procs_write_start")
int protect_move_begins(__u64 *ctx) {
  __u64 task = 0;

  control.mover = 0;
  if (bpf_get_func_ret(ctx, &task) || !task || may_all()) return 0;
  if (is_agent(BPF_CORE_READ((struct task_struct *)task, tgid))) control.mover = bpf_get_current_task();
  return 0;
}

SEC("lsm/capable")
int BPF_PROG(protect_move, const struct cred *cred, struct user_namespace *ns, int capability,
             unsigned int options, int ret) {
  if (ret || !control.mover || capability != CAP_DAC_OVERRIDE || control.mover != bpf_get_current_task())
    return ret;
  control.mover = 0;
  return refuse(SLUICE_ATTEMPT_MOVE, 0);
}

SEC("fexit/cgroup_procs_write_finish")
int protect_move_ends(__u64 *ctx) {
  if (control.mover && control.mover == bpf_get_current_task()) {
    control.mover = 0;
    tell_attempt(SLUICE_ATTEMPT_MOVE, 0, 1, 0);
  }
  return 0;
}
