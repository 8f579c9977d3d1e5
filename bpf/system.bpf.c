/* system.bpf.c - the system family: mounts, roots, what the kernel loads, other processes, credentials, the
 * clock.
 *
 * Numbers of a call's registers (ptrace's request) are by value: no other thread can change them.
 *
 * Fail direction: allow (lib/decide.bpf.h).
 */
#include "lib/disk.bpf.h"
#include "lib/event.bpf.h"

char LICENSE[] __weak SEC("license") = "GPL";

#define MS_MGC_MSK 0xffff0000ul
#define MS_MGC_VAL 0xc0ed0000ul
#define ESRCH 3
#define CLONE_FLAGS 0xffffffffu
#define NR_ptrace 101
#define NR_ptrace_compat 26

#define SYSTEM_EVENT(which) \
  { .hook = which, .numbers = NO_NUMBERS }

SEC("lsm/sb_mount")
int BPF_PROG(system_sb_mount, const char *device, const struct path *path, const char *type,
             unsigned long flags, void *data, int ret) {
  struct hook_event e = ENTRY_EVENT(SLUICE_HOOK_SB_MOUNT, path, path->dentry);

  if (ret) return ret;
  if ((flags & MS_MGC_MSK) == MS_MGC_VAL) flags &= ~MS_MGC_MSK;
  e.flags = (__u32)flags;
  e.target_text = (__u64)device;
  e.text = (__u64)type;
  return decided(&e);
}

SEC("lsm/sb_kern_mount")
int BPF_PROG(system_sb_kern_mount, struct super_block *sb, int ret) {
  struct hook_event e = SYSTEM_EVENT(SLUICE_HOOK_SB_KERN_MOUNT);

  if (ret) return ret;
  describe_device(&e, sb);
  e.target_text = (__u64)sb + bpf_core_field_offset(struct super_block, s_id);
  e.text = (__u64)BPF_CORE_READ(sb, s_type, name);
  return decided(&e);
}

SEC("lsm/move_mount")
int BPF_PROG(system_move_mount, const struct path *from, const struct path *to, int ret) {
  struct hook_event e = ENTRY_EVENT(SLUICE_HOOK_MOVE_MOUNT, from, from->dentry);

  if (ret) return ret;
  e.target_mnt = (__u64)to->mnt;
  e.target_dentry = (__u64)to->dentry;
  e.text = (__u64)BPF_CORE_READ(from, mnt, mnt_sb, s_type, name);
  return decided(&e);
}

SEC("lsm/sb_umount")
int BPF_PROG(system_sb_umount, struct vfsmount *mnt, int flags, int ret) {
  struct hook_event e = SYSTEM_EVENT(SLUICE_HOOK_SB_UMOUNT);

  if (ret) return ret;
  e.flags = (__u32)flags;
  e.mnt = (__u64)mnt;
  e.dentry = (__u64)mnt->mnt_root;
  return decided(&e);
}

/* The new root, and where the old one goes. */
SEC("lsm/sb_pivotroot")
int BPF_PROG(system_sb_pivotroot, const struct path *old_path, const struct path *new_path, int ret) {
  struct hook_event e = ENTRY_EVENT(SLUICE_HOOK_SB_PIVOTROOT, new_path, new_path->dentry);

  if (ret) return ret;
  e.target_mnt = (__u64)old_path->mnt;
  e.target_dentry = (__u64)old_path->dentry;
  return decided(&e);
}

SEC("lsm/path_chroot")
int BPF_PROG(system_path_chroot, const struct path *path, int ret) {
  struct hook_event e = ENTRY_EVENT(SLUICE_HOOK_PATH_CHROOT, path, path->dentry);

  if (ret) return ret;
  return decided(&e);
}

SEC("lsm/kernel_read_file")
int BPF_PROG(system_kernel_read_file, struct file *file, enum kernel_read_file_id id, bool contents,
             int ret) {
  struct hook_event e = SYSTEM_EVENT(SLUICE_HOOK_KERNEL_READ_FILE);

  if (ret) return ret;
  e.numbers[0] = id;
  e.options = EVENT_OPEN_FILE | EVENT_DIGEST;
  e.text = (__u64)BPF_CORE_READ(file, f_inode);
  e.mnt = (__u64)BPF_CORE_READ(file, f_path.mnt);
  e.dentry = (__u64)BPF_CORE_READ(file, f_path.dentry);
  return decided(&e);
}

SEC("lsm/kernel_load_data")
int BPF_PROG(system_kernel_load_data, enum kernel_load_data_id id, bool contents, int ret) {
  struct hook_event e = SYSTEM_EVENT(SLUICE_HOOK_KERNEL_LOAD_DATA);

  if (ret) return ret;
  e.numbers[0] = id;
  return decided(&e);
}

SEC("lsm/kernel_module_request")
int BPF_PROG(system_kernel_module_request, char *name, int ret) {
  struct hook_event e = SYSTEM_EVENT(SLUICE_HOOK_KERNEL_MODULE_REQUEST);

  if (ret) return ret;
  e.text = (__u64)name;
  return decided(&e);
}

/* Without what an earlier program returned, which 6.15's further argument moved: behind a refusal no program is called. */
SEC("lsm/bpf")
int BPF_PROG(system_bpf, int command) {
  struct hook_event e = SYSTEM_EVENT(SLUICE_HOOK_BPF);

  e.numbers[0] = command;
  return decided(&e);
}

SLUICE_INLINE void put_process(struct hook_event *e, struct task_struct *other) {
  struct task_struct *task = bpf_get_current_task_btf();
  __u32 owner = BPF_CORE_READ(other, real_cred, euid.val);

  e->numbers[1] = BPF_CORE_READ(other, tgid);
  e->numbers[2] = owner;
  e->numbers[3] = owner != task->cred->euid.val;
  e->text = (__u64)other + bpf_core_field_offset(struct task_struct, comm);
}

/* The request of a ptrace(2); absent for other calls. */
SLUICE_INLINE __s64 ptrace_request(void) {
  struct task_struct *task = bpf_get_current_task_btf();
  struct pt_regs *regs = (struct pt_regs *)bpf_task_pt_regs(task);

  if (task->flags & (PF_IO_WORKER | PF_KTHREAD)) return SLUICE_ABSENT_INT;
  if (task->thread_info.status & TS_COMPAT)
    return regs->orig_ax == NR_ptrace_compat ? (__s64)(__u32)regs->bx : SLUICE_ABSENT_INT;
  if (number_of_x32((__u32)regs->orig_ax & ~X32_BIT) != NR_ptrace) return SLUICE_ABSENT_INT;
  return (__u32)regs->di;
}

SEC("lsm/ptrace_access_check")
int BPF_PROG(system_ptrace_access_check, struct task_struct *child, unsigned int mode, int ret) {
  struct hook_event e = SYSTEM_EVENT(SLUICE_HOOK_PTRACE_ACCESS_CHECK);

  if (ret) return ret;
  e.flags = mode;
  e.numbers[0] = ptrace_request();
  put_process(&e, child);
  return decided(&e);
}

SEC("lsm/ptrace_traceme")
int BPF_PROG(system_ptrace_traceme, struct task_struct *parent, int ret) {
  struct hook_event e = SYSTEM_EVENT(SLUICE_HOOK_PTRACE_TRACEME);

  if (ret) return ret;
  e.numbers[0] = ptrace_request();
  put_process(&e, parent);
  return decided(&e);
}

/* The kernel asks again, for ever, when it is told that the process is gone. */
SLUICE_INLINE int but_not_gone(int result) { return result == -ESRCH ? -EPERM : result; }

SEC("lsm/task_kill")
int BPF_PROG(system_task_kill, struct task_struct *target, struct kernel_siginfo *info, int signal,
             const struct cred *cred, int ret) {
  struct hook_event e = SYSTEM_EVENT(SLUICE_HOOK_TASK_KILL);

  if (ret) return ret;
  e.numbers[0] = signal;
  put_process(&e, target);
  return but_not_gone(decided(&e));
}

SEC("lsm/task_fix_setuid")
int BPF_PROG(system_task_fix_setuid, struct cred *next, const struct cred *old, int flags, int ret) {
  struct hook_event e = SYSTEM_EVENT(SLUICE_HOOK_TASK_FIX_SETUID);

  if (ret) return ret;
  e.numbers[0] = next->uid.val;
  e.numbers[1] = next->euid.val;
  e.numbers[2] = next->suid.val;
  return decided(&e);
}

SEC("lsm/task_fix_setgid")
int BPF_PROG(system_task_fix_setgid, struct cred *next, const struct cred *old, int flags, int ret) {
  struct hook_event e = SYSTEM_EVENT(SLUICE_HOOK_TASK_FIX_SETGID);

  if (ret) return ret;
  e.numbers[0] = next->gid.val;
  e.numbers[1] = next->egid.val;
  e.numbers[2] = next->sgid.val;
  return decided(&e);
}

SEC("lsm/capset")
int BPF_PROG(system_capset, struct cred *next, const struct cred *old, const kernel_cap_t *effective,
             const kernel_cap_t *inheritable, const kernel_cap_t *permitted, int ret) {
  struct hook_event e = SYSTEM_EVENT(SLUICE_HOOK_CAPSET);

  if (ret) return ret;
  bpf_probe_read_kernel(&e.numbers[0], 8, inheritable);
  bpf_probe_read_kernel(&e.numbers[1], 8, permitted);
  bpf_probe_read_kernel(&e.numbers[2], 8, effective);
  return decided(&e);
}

/* What the next hook does not see: the kernel's copy of the flags. */
SEC("fentry/kernel_clone")
int BPF_PROG(system_kernel_clone, struct kernel_clone_args *args) {
  struct task_state *state = state_of(bpf_get_current_task_btf());

  if (state) state->clone_flags = args->flags;
  return 0;
}

SEC("lsm/userns_create")
int BPF_PROG(system_userns_create, const struct cred *cred, int ret) {
  struct hook_event e = SYSTEM_EVENT(SLUICE_HOOK_USERNS_CREATE);
  struct task_struct *task = bpf_get_current_task_btf();
  struct task_state *state = state_of(task);

  if (ret) return ret;
  e.flags = unshare_flags(task);
  if (!e.flags && state) e.flags = state->clone_flags & CLONE_FLAGS;
  e.flags |= CLONE_NEWUSER;
  return decided(&e);
}

SEC("lsm/settime")
int BPF_PROG(system_settime, const struct timespec64 *time, const struct timezone *zone, int ret) {
  struct hook_event e = SYSTEM_EVENT(SLUICE_HOOK_SETTIME);

  if (ret) return ret;
  return decided(&e);
}

SEC("lsm/syslog")
int BPF_PROG(system_syslog, int type, int ret) {
  struct hook_event e = SYSTEM_EVENT(SLUICE_HOOK_SYSLOG);

  if (ret) return ret;
  e.numbers[0] = type;
  return decided(&e);
}
