/* file.bpf.c - the file family: opens, creations, removals.
 *
 *   file_open          open, openat, openat2, creat, open_by_handle_at; other calls (execve, ...) have no
 *                      type
 *   file_path_mknod    mknod, mknodat, the bind of a UNIX socket (without a type); and a creating open, which it only
 *                      stops where file_open's rules deny it, so that no empty file remains: the open itself is
 *                      file_open's event
 *   file_path_*        what changes names, sizes, modes and owners
 *   file_inode_setxattr, file_inode_removexattr   know no mount: see mount_with()
 *
 * Fail direction: allow (lib/decide.bpf.h). An error that another LSM program decided on is passed on unseen.
 */
#include "lib/event.bpf.h"
#include "lib/renames.bpf.h"

char LICENSE[] __weak SEC("license") = "GPL";

#define RENAME_EXCHANGE 2

/* A stacked file system (overlayfs) opens the file below its own: through a backing file, a borrowed path,
 * or, when it copies a file up, with its own credentials on a private clone of a mount, which belongs to no
 * namespace. Users reach none of these. */
SLUICE_INLINE int is_below_a_stack(struct task_struct *task, struct file *file) {
  if (is_backing(file->f_mode)) return 1;
  if (file->f_inode != file->f_path.dentry->d_inode) return 1;
  return task->cred != task->real_cred && is_private_clone(mount_of(file->f_path.mnt));
}

/* Likewise where the mount is not told: an operation with other credentials than the task's on a file system that has
 * such a clone. The kernel's threads and io_uring act with other credentials for users as well, and are judged. */
SLUICE_INLINE int changes_below_a_stack(struct task_struct *task, struct dentry *dentry) {
  if (task->cred == task->real_cred || (task->flags & (PF_KTHREAD | PF_IO_WORKER))) return 0;
  if (bpf_core_field_exists(task->io_uring) && task->io_uring) return 0;
  return has_private_clone(dentry->d_sb);
}

SLUICE_INLINE __u64 open_flags(const struct file *file) {
  __u32 word = file->f_flags, mode = file->f_mode;
  __u64 flags = word;

  if (mode & FMODE_READ) flags |= SLUICE_FLAG_READ;
  if ((mode & FMODE_WRITE) || (word & O_TRUNC)) flags |= SLUICE_FLAG_WRITE;
  if (word & FMODE_EXEC) flags |= SLUICE_FLAG_EXEC;
  if ((file->f_inode->i_mode & S_IFMT) == S_IFDIR) flags |= SLUICE_FLAG_DIRECTORY;
  if (mode & FMODE_CREATED) {
    flags |= SLUICE_FLAG_CREATED;
    if (file->f_inode->i_mode & S_IXUGO) flags |= SLUICE_FLAG_EXEC;
  }
  return flags;
}

/* What a record has of them: O_* and the kind of open. */
#define OPEN_BITS \
  (0xffffffffull | SLUICE_FLAG_READ | SLUICE_FLAG_WRITE | SLUICE_FLAG_EXEC | SLUICE_FLAG_CREATED)

/* -1: dropped; otherwise a positive errno or 0. */
SLUICE_INLINE int judge_open(struct scratch *s, const struct sluice_hook_config *config,
                             struct task_struct *task, struct file *file) {
  struct inode *inode = file->f_inode;
  __u64 inode_address = config->file_strings ? (__u64)BPF_CORE_READ(file, f_inode) : 0;
  __u64 flags = open_flags(file) | given_bit(s, config, task);
  __u64 standing = match_cheap(s, config, task, flags);

  match_file_of(s, config, SLUICE_STR_PATH, inode_address, standing);
  standing = match_ends(s, config, task, file->f_path.mnt, file->f_path.dentry, standing);
  if (!match_early(s, config, standing, PATH_LOOKUPS)) return -1;
  path_of_file(s, task, file, SLUICE_STR_PATH);
  if (config->used & PATH_LOOKUPS) {
    standing = match_path_text(s->index, standing);
    note_file(s, config, task, inode_address);
    if (!standing || !sluice_match_finish(&s->match, config)) return -1;
  }
  s->numbers[0] = flags & OPEN_BITS;
  s->numbers[1] = inode->i_mode;
  s->numbers[2] = inode->i_ino;
  s->numbers[3] = user_device_of(inode);
  s->numbers[4] = s->numbers[5] = 0;
  return conclude(s, config, task, 0, judge(s, config, task));
}

SLUICE_INLINE int decide_open(struct file *file) {
  struct task_struct *task = bpf_get_current_task_btf();
  __u32 slot = control.active & 1;
  const struct sluice_hook_config *config = active_config(slot, SLUICE_HOOK_FILE_OPEN);
  struct sluice_hook_stats *stats = stats_of(SLUICE_HOOK_FILE_OPEN);
  __u32 type, flags;
  struct scratch *s;
  int result;

  if (!config || !stats) return 0;
  if (is_below_a_stack(task, file)) {
    __sync_fetch_and_add(&stats->skipped, 1);
    return 0;
  }
  __sync_fetch_and_add(&stats->seen, 1);
  type = call_type(task, SLUICE_HOOK_FILE_OPEN, &flags);
  s = scratch_claim();
  if (!s) return hook_result(decide_blind(slot, SLUICE_HOOK_FILE_OPEN, type, flags, task));
  begin(s, slot, SLUICE_HOOK_FILE_OPEN, type, flags);
  result = judge_open(s, config, task, file);
  scratch_release(s);
  if (result < 0) {
    __sync_fetch_and_add(&stats->dropped, 1);
    return 0;
  }
  return hook_result(result);
}

/* Flags of a creating open, as far as the registers hold them by value; 0: not known (openat2, io_uring). */
SLUICE_INLINE __u64 creating_flags(struct task_struct *task, __u32 compat, __u32 mode) {
  struct pt_regs *regs = (struct pt_regs *)bpf_task_pt_regs(task);
  __u32 number = regs->orig_ax & ~X32_BIT;
  __u32 word;
  __u64 flags;

  if (number == (compat ? 5 : 2))
    word = compat ? regs->cx : regs->si;
  else if (number == (compat ? 295 : 257))
    word = regs->dx;
  else if (number == (compat ? 8 : 85))
    word = O_CREAT | O_WRONLY | O_TRUNC;
  else
    return 0;
  word &= ~O_CLOEXEC; /* the descriptor's, not the file's: file_open does not see it either */
  if (!compat) word |= O_LARGEFILE;
  flags = (__u64)word | SLUICE_FLAG_CREATED;
  if ((word & O_ACCMODE) == 0 || (word & O_ACCMODE) == 2) flags |= SLUICE_FLAG_READ;
  if ((word & O_ACCMODE) == 1 || (word & O_ACCMODE) == 2 || (word & O_TRUNC)) flags |= SLUICE_FLAG_WRITE;
  if (mode & S_IXUGO) flags |= SLUICE_FLAG_EXEC;
  return flags;
}

SLUICE_INLINE int judge_entry(struct scratch *s, const struct sluice_hook_config *config,
                              struct task_struct *task, const struct path *directory, struct dentry *dentry,
                              __u64 flags) {
  __u64 standing = match_early(s, config, match_cheap(s, config, task, flags), PATH_LOOKUPS);

  if (!standing) return 0;
  path_of_entry(s, directory, dentry);
  if (!(config->used & PATH_LOOKUPS)) return 1;
  standing = match_path_text(s->index, standing);
  return standing && sluice_match_finish(&s->match, config);
}

/* A creating open that file_open's rules will deny is denied before the file exists, as file_open's one
 * event. Its own function, for the stack that it takes. */
static __noinline int decide_creation(const struct path *directory, struct dentry *dentry, __u32 mode,
                                      __u32 slot) {
  const struct sluice_hook_config *config = active_config(slot, SLUICE_HOOK_FILE_OPEN);
  struct task_struct *task = bpf_get_current_task_btf();
  struct scratch *s;
  __u32 type, call_flags;
  __u64 flags;
  __u32 verdict = 0;
  int result = 0;

  if (!config || !(config->flags & SLUICE_HOOK_MITIGATES)) return 0;
  type = call_type(task, SLUICE_HOOK_FILE_OPEN, &call_flags);
  flags = creating_flags(task, call_flags & SLUICE_EVENT_COMPAT, mode);
  if (!flags) return 0;
  s = scratch_claim();
  if (!s) return 0; /* file_open decides it */
  begin(s, slot, SLUICE_HOOK_FILE_OPEN, type, call_flags);
  flags |= given_bit(s, config, task);
  if (judge_entry(s, config, task, directory, dentry, flags)) verdict = judge(s, config, task);
  if (verdict & (SLUICE_VERDICT_ERRNO | SLUICE_VERDICT_KILL)) {
    s->numbers[0] = flags & OPEN_BITS;
    s->numbers[1] = mode;
    s->numbers[2] = s->numbers[3] = s->numbers[4] = s->numbers[5] = 0;
    COUNT(SLUICE_HOOK_FILE_OPEN, seen, 1);
    result = conclude(s, config, task, 0, verdict);
  }
  scratch_release(s);
  return result;
}

SEC("lsm/file_open")
int BPF_PROG(file_open, struct file *file, int ret) {
  if (ret) return ret;
  return decide_open(file);
}

SLUICE_INLINE __u64 kind_flag(__u32 mode) {
  switch (mode & S_IFMT) {
    case S_IFCHR:
      return SLUICE_FLAG_IS_CHAR;
    case S_IFBLK:
      return SLUICE_FLAG_IS_BLOCK;
    case S_IFIFO:
      return SLUICE_FLAG_IS_FIFO;
    case S_IFSOCK:
      return SLUICE_FLAG_IS_SOCKET;
    default:
      return SLUICE_FLAG_IS_REGULAR; /* 0 stands for it too */
  }
}

/* Its own function, for the stack that it takes. */
static __noinline int decide_node(__u64 mnt, __u64 dentry, __u32 mode, __u32 device) {
  struct hook_event e = {.hook = SLUICE_HOOK_PATH_MKNOD, .numbers = NO_NUMBERS, .mnt = mnt, .dentry = dentry};

  e.flags = (mode & PERMISSIONS) | kind_flag(mode);
  e.numbers[0] = mode;
  e.numbers[2] = device;
  return decide_event(&e);
}

SEC("lsm/path_mknod")
int BPF_PROG(file_path_mknod, const struct path *directory, struct dentry *dentry, umode_t mode,
             unsigned int device, int ret) {
  if (ret) return ret;
  if (is_call_of(bpf_get_current_task_btf(), SLUICE_HOOK_FILE_OPEN))
    return hook_result(decide_creation(directory, dentry, mode, control.active & 1));
  return hook_result(decide_node((__u64)directory->mnt, (__u64)dentry, mode, device));
}

SEC("lsm/path_unlink")
int BPF_PROG(file_path_unlink, const struct path *directory, struct dentry *dentry, int ret) {
  struct hook_event e = ENTRY_EVENT(SLUICE_HOOK_PATH_UNLINK, directory, dentry);

  if (ret) return ret;
  return decided(&e);
}

SEC("lsm/path_rmdir")
int BPF_PROG(file_path_rmdir, const struct path *directory, struct dentry *dentry, int ret) {
  struct hook_event e = ENTRY_EVENT(SLUICE_HOOK_PATH_RMDIR, directory, dentry);

  if (ret) return ret;
  return decided(&e);
}

SEC("lsm/path_mkdir")
int BPF_PROG(file_path_mkdir, const struct path *directory, struct dentry *dentry, umode_t mode, int ret) {
  struct hook_event e = ENTRY_EVENT(SLUICE_HOOK_PATH_MKDIR, directory, dentry);

  if (ret) return ret;
  e.flags = mode & PERMISSIONS;
  return decided(&e);
}

/* An exchange moves both: it is judged the other way round as well. */
SEC("lsm/path_rename")
int BPF_PROG(file_path_rename, const struct path *old_directory, struct dentry *old_dentry,
             const struct path *new_directory, struct dentry *new_dentry, unsigned int flags, int ret) {
  struct hook_event e = ENTRY_EVENT(SLUICE_HOOK_PATH_RENAME, old_directory, old_dentry);
  int result;

  if (ret) return ret;
  note_names(old_directory, old_dentry, new_directory, new_dentry, flags & RENAME_EXCHANGE);
  e.flags = flags;
  e.target_mnt = (__u64)new_directory->mnt;
  e.target_dentry = (__u64)new_dentry;
  result = decide_event(&e);
  if (!result && (flags & RENAME_EXCHANGE)) {
    e.mnt = (__u64)new_directory->mnt;
    e.dentry = (__u64)new_dentry;
    e.target_mnt = (__u64)old_directory->mnt;
    e.target_dentry = (__u64)old_dentry;
    result = decide_event(&e);
  }
  return hook_result(result);
}

/* Both names are in one mount: the call refuses others. */
SEC("lsm/path_link")
int BPF_PROG(file_path_link, struct dentry *old_dentry, const struct path *new_directory,
             struct dentry *new_dentry, int ret) {
  struct hook_event e = ENTRY_EVENT(SLUICE_HOOK_PATH_LINK, new_directory, old_dentry);

  if (ret) return ret;
  note_names(new_directory, old_dentry, new_directory, new_dentry, 0);
  e.target_mnt = (__u64)new_directory->mnt;
  e.target_dentry = (__u64)new_dentry;
  return decided(&e);
}

SEC("lsm/path_symlink")
int BPF_PROG(file_path_symlink, const struct path *directory, struct dentry *dentry, const char *old_name,
             int ret) {
  struct hook_event e = ENTRY_EVENT(SLUICE_HOOK_PATH_SYMLINK, directory, dentry);

  if (ret) return ret;
  e.target_text = (__u64)old_name;
  return decided(&e);
}

SEC("lsm/path_truncate")
int BPF_PROG(file_path_truncate, const struct path *path, int ret) {
  struct hook_event e = ENTRY_EVENT(SLUICE_HOOK_PATH_TRUNCATE, path, path->dentry);

  if (ret) return ret;
  return decided(&e);
}

/* Since 6.2 ftruncate and an open that truncates come here. */
SEC("lsm/file_truncate")
int BPF_PROG(file_file_truncate, struct file *file, int ret) {
  struct hook_event e = ENTRY_EVENT(SLUICE_HOOK_PATH_TRUNCATE, &file->f_path, file->f_path.dentry);

  if (ret) return ret;
  return decided(&e);
}

SEC("lsm/path_chmod")
int BPF_PROG(file_path_chmod, const struct path *path, umode_t mode, int ret) {
  struct hook_event e = ENTRY_EVENT(SLUICE_HOOK_PATH_CHMOD, path, path->dentry);

  if (ret) return ret;
  e.flags = mode & PERMISSIONS;
  return decided(&e);
}

/* Owners are 32 bits each, passed by value; -1: stays as it is. */
SEC("lsm/path_chown")
int BPF_PROG(file_path_chown, const struct path *path, __u64 uid, __u64 gid, int ret) {
  struct hook_event e = ENTRY_EVENT(SLUICE_HOOK_PATH_CHOWN, path, path->dentry);

  if (ret) return ret;
  e.numbers[0] = (__u32)uid;
  e.numbers[1] = (__u32)gid;
  return decided(&e);
}

SLUICE_INLINE int decide_attribute(__u32 hook, struct dentry *dentry, const char *name, __u32 flags) {
  struct hook_event e = {.hook = hook, .numbers = NO_NUMBERS, .dentry = (__u64)dentry};

  if (changes_below_a_stack(bpf_get_current_task_btf(), dentry)) {
    COUNT(hook, skipped, 1);
    return 0;
  }
  e.mnt = mount_with(dentry);
  e.flags = flags;
  e.text = (__u64)name;
  return decided(&e);
}

SEC("lsm/inode_setxattr")
int BPF_PROG(file_inode_setxattr, void *idmap, struct dentry *dentry, const char *name, const void *value,
             size_t size, int flags, int ret) {
  if (ret) return ret;
  return decide_attribute(SLUICE_HOOK_INODE_SETXATTR, dentry, name, flags);
}

/* Since 6.2 system.posix_acl_access and _default come here. */
SEC("lsm/inode_set_acl")
int BPF_PROG(file_inode_set_acl, void *idmap, struct dentry *dentry, const char *name, void *acl, int ret) {
  if (ret) return ret;
  return decide_attribute(SLUICE_HOOK_INODE_SETXATTR, dentry, name, 0);
}

SEC("lsm/inode_removexattr")
int BPF_PROG(file_inode_removexattr, void *idmap, struct dentry *dentry, const char *name, int ret) {
  if (ret) return ret;
  return decide_attribute(SLUICE_HOOK_INODE_REMOVEXATTR, dentry, name, 0);
}

/* Likewise since 6.2. */
SEC("lsm/inode_remove_acl")
int BPF_PROG(file_inode_remove_acl, void *idmap, struct dentry *dentry, const char *name, int ret) {
  if (ret) return ret;
  return decide_attribute(SLUICE_HOOK_INODE_REMOVEXATTR, dentry, name, 0);
}
