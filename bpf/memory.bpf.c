/* memory.bpf.c - the memory family: executable mappings, and protections that change.
 *
 * The path is the mapped file's, as it was opened; memory without a file has none. The protection is what the pages get:
 * a process may have asked that whatever it can read can be executed (READ_IMPLIES_EXEC).
 *
 * Fail direction: allow (lib/decide.bpf.h).
 */
#include "lib/event.bpf.h"

char LICENSE[] __weak SEC("license") = "GPL";

#define PROT_EXEC 4ul
#define PROT_MASK 0xfful

/* Since 6.7. Before, f_path of a backing file was the path that was opened. */
struct backing_file___user_path {
  struct file file;
  struct path user_path;
} __attribute__((preserve_access_index));

/* What overlayfs maps is its own file's backing one, whose path lies in a layer. `file` may be NULL: later verifiers demand
 * that it is looked at, 6.1's does not believe it and drops the look, so that every read is a checked one. */
SLUICE_INLINE void put_file(struct hook_event *e, struct file *file) {
  struct backing_file___user_path *backing = (struct backing_file___user_path *)file;
  struct path path = {};

  e->options = EVENT_OPEN_FILE;
  if (!file) return;
  if (bpf_core_field_exists(backing->user_path) && is_backing(BPF_CORE_READ(file, f_mode)))
    bpf_core_read(&path, sizeof(path), &backing->user_path);
  else
    bpf_core_read(&path, sizeof(path), &file->f_path);
  e->mnt = (__u64)path.mnt;
  e->dentry = (__u64)path.dentry;
}

SEC("lsm/mmap_file")
int BPF_PROG(memory_mmap_file, struct file *file, unsigned long wanted, unsigned long protection,
             unsigned long flags, int ret) {
  struct hook_event e = {.hook = SLUICE_HOOK_MMAP_FILE, .numbers = NO_NUMBERS};

  if (ret) return ret;
  if (!(protection & PROT_EXEC)) return 0; /* no event */
  e.flags = (__u32)flags | (protection & PROT_MASK) << SLUICE_FLAG_PROT_SHIFT;
  put_file(&e, file);
  e.options |= EVENT_DIGEST;
  if (file) e.text = (__u64)BPF_CORE_READ(file, f_inode);
  return decided(&e);
}

SEC("lsm/file_mprotect")
int BPF_PROG(memory_file_mprotect, struct vm_area_struct *area, unsigned long wanted,
             unsigned long protection, int ret) {
  struct hook_event e = {.hook = SLUICE_HOOK_FILE_MPROTECT, .numbers = NO_NUMBERS};

  if (ret) return ret;
  e.flags = (protection & PROT_MASK) << SLUICE_FLAG_PROT_SHIFT;
  put_file(&e, BPF_CORE_READ(area, vm_file));
  return decided(&e);
}
