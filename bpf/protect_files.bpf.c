/* protect_files.bpf.c - the agent's own protection, of what it has in file systems, and of its cgroup.
 *
 *   inode_unlink, _rmdir, _rename, sb_umount   its pins, and the file system of its pins
 *   file_open                        writing to its cgroup's files, to what could stop a cgroup above it, to its files in
 *                                    /proc, to the switch that turns all programs off, and to what takes pages of memory away
 *   cgroup_can_fork, with task_alloc   being born in its cgroup
 *   capable, with cgroup_procs_write_start and _finish, and path_chmod   moving the agent to another cgroup
 *
 * Fail direction: allow.
 */
#include "lib/protect.bpf.h"

char LICENSE[] __weak SEC("license") = "GPL";

#define CAP_DAC_OVERRIDE 1
#define PROC_SUPER_MAGIC 0x9fa0
#define CGROUP2_MAGIC 0x63677270u
#define SYSFS_MAGIC 0x62656572
#define CLONE_INTO_CGROUP 0x200000000ull
#define PIN_DEPTH 4

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

/* Files that concern the tasks in a cgroup, or the cgroups below it, one by one: of no harm to the agent below. */
SLUICE_INLINE int is_for_others(const unsigned char *name, int *joins) {
  const __u64 cgroup_p = WORD('c', 'g', 'r', 'o', 'u', 'p', '.', 'p');
  const __u64 cgroup_t = WORD('c', 'g', 'r', 'o', 'u', 'p', '.', 't');
  __u64 words[2] = {};

  bpf_probe_read_kernel_str(words, sizeof(words), name);
  *joins = (words[0] == cgroup_p && words[1] == WORD('r', 'o', 'c', 's', 0, 0, 0, 0)) ||
           (words[0] == cgroup_t && words[1] == WORD('h', 'r', 'e', 'a', 'd', 's', 0, 0));
  return *joins || words[0] == WORD('c', 'g', 'r', 'o', 'u', 'p', '.', 's');
}

SLUICE_INLINE struct cgroup *agents_cgroup(void) {
  struct task_struct *agent = (struct task_struct *)control.agent_task;

  return BPF_CORE_READ(agent, cgroups, dfl_cgrp);
}

SLUICE_INLINE struct cgroup *cgroup_of(const struct kernfs_node *folder) {
  return (struct cgroup *)BPF_CORE_READ(folder, priv);
}

/* How far above the agent's cgroup this one is, from 0 on; -1: it is not. */
SLUICE_INLINE int levels_above(const struct cgroup *cgroup, int *is_root) {
  const struct cgroup *own = agents_cgroup();
  int level = BPF_CORE_READ(cgroup, level);

  *is_root = !level;
  return cgroup && cgroup_at(own, level) == cgroup ? BPF_CORE_READ(own, level) - level : -1;
}

/* The agent's cgroup, or below it: where its limits and its share hold. The root has none. */
SLUICE_INLINE int is_within(const struct cgroup *cgroup) {
  const struct cgroup *own = agents_cgroup();
  int level = BPF_CORE_READ(own, level);

  return level > 0 && cgroup_at(cgroup, level) == own;
}

/* Tasks that init itself has forked: not the orphans that it was given. Their own children are not in it. */
struct {
  __uint(type, BPF_MAP_TYPE_TASK_STORAGE);
  __uint(map_flags, BPF_F_NO_PREALLOC);
  __type(key, int);
  __type(value, __u32);
} SLUICE_MAP(forked_by_init);

SEC("lsm/task_alloc")
int BPF_PROG(protect_task_alloc, struct task_struct *task, unsigned long clone_flags, int ret) {
  if (!ret && current_process() == INIT)
    bpf_task_storage_get(&forked_by_init, task, 0, BPF_LOCAL_STORAGE_GET_F_CREATE);
  return ret;
}

/* systemd's helpers join the cgroup of their unit by themselves (ExecReload=): before or after an exec, as its version goes. */
SLUICE_INLINE int may_join(void) {
  return is_own_act() || current_process() == INIT ||
         bpf_task_storage_get(&forked_by_init, bpf_get_current_task_btf(), 0, 0);
}

/* Files of the agent's cgroup, and of those above it but for the root's, which can be neither killed nor frozen. Below it:
 * joining. */
SLUICE_INLINE int guard_cgroup(const struct file *file) {
  const unsigned char *name = BPF_CORE_READ(file, f_path.dentry, d_name.name);
  const struct kernfs_node *node = (const void *)BPF_CORE_READ(file, f_inode, i_private);
  const struct cgroup *cgroup = cgroup_of(BPF_CORE_READ(node, parent));
  int is_root = 0, joins = 0, for_others = is_for_others(name, &joins);
  int level = levels_above(cgroup, &is_root);

  if (level < 0 ? !joins || !is_within(cgroup) : is_root) return 0;
  if (for_others && (level > 0 || may_join())) return 0;
  if (current_process() == INIT &&
      !is_named(name, WORD('c', 'g', 'r', 'o', 'u', 'p', '.', 'f'), WORD('r', 'e', 'e', 'z', 'e', 0, 0, 0)))
    return 0;
  return refuse_file(SLUICE_ATTEMPT_CGROUP, level, name);
}

/* CLONE_INTO_CGROUP asks no hook. The caller is killed before there is a child. */
SEC("fexit/cgroup_can_fork")
int protect_birth(__u64 *ctx) {
  const struct kernel_clone_args *args = (const void *)ctx[1];
  __u64 failed;

  if (!(BPF_CORE_READ(args, flags) & CLONE_INTO_CGROUP) || bpf_get_func_ret(ctx, &failed) || failed ||
      may_join() || !is_within(BPF_CORE_READ(args, cgrp)))
    return 0;
  bpf_send_signal(SIGKILL);
  refuse(SLUICE_ATTEMPT_BIRTH, 0);
  return 0;
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
  level = levels_above(cgroup_of((const void *)BPF_CORE_READ(path, dentry, d_parent, d_inode, i_private)),
                       &is_root);
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

/* hard_offline_page and soft_offline_page: whose page it is, is not asked; a process that loses one of its own dies. */
SLUICE_INLINE int guard_sysfs(const struct file *file) {
  const unsigned char *name = BPF_CORE_READ(file, f_path.dentry, d_name.name);
  __u64 words[3] = {};

  bpf_probe_read_kernel_str(words, sizeof(words), name);
  if (words[0] != WORD('h', 'a', 'r', 'd', '_', 'o', 'f', 'f') &&
      words[0] != WORD('s', 'o', 'f', 't', '_', 'o', 'f', 'f'))
    return 0;
  if (words[1] != WORD('l', 'i', 'n', 'e', '_', 'p', 'a', 'g') || words[2] != 'e' || is_trusted()) return 0;
  return refuse_file(SLUICE_ATTEMPT_MEMORY, 0, name);
}

SEC("lsm/file_open")
int BPF_PROG(protect_file_open, struct file *file, int ret) {
  unsigned long magic;

  if (ret || !(file->f_mode & FMODE_WRITE)) return ret;
  magic = file->f_inode->i_sb->s_magic;
  if (magic == PROC_SUPER_MAGIC) return guard_proc(file);
  if (magic == SYSFS_MAGIC) return guard_sysfs(file);
  return magic == CGROUP2_MAGIC && !is_own_act() ? guard_cgroup(file) : 0; /* kernel threads act for others */
}

/* One task at a time is between these two: they hold cgroup_mutex. In between the kernel asks whether the caller may write
 * the cgroup.procs of the cgroup that the old and the new one have in common; runtime/load/cgroup_guard.h sees to it that this
 * takes a capability, and there the move is refused. Hierarchies of version 1 do not ask; that is told. */
SEC("fexit/cgroup_procs_write_start")
int protect_move_begins(__u64 *ctx) {
  __u64 task = 0;

  control.mover = 0;
  if (bpf_get_func_ret(ctx, &task) || !task || is_own_act()) return 0;
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
