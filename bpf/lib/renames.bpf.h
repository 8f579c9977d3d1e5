/* lib/renames.bpf.h - a path of a mitigation that gets another file, and a file of one that gets another name.
 *
 * At path_rename and path_link the paths are known, but not whether the caller may: the target's path waits with the task
 * until inode_rename or inode_link, which come behind the permissions and before the effect.
 */
#pragma once

#include "files.bpf.h"

struct pending_name {
  __u64 dentry; /* of the file that will have the name; 0: none waits */
  struct sluice_file_name name;
};

struct {
  __uint(type, BPF_MAP_TYPE_TASK_STORAGE);
  __uint(map_flags, BPF_F_NO_PREALLOC);
  __type(key, int);
  __type(value, struct pending_name);
} SLUICE_MAP(pending_by_task);

/* An entry's path is taken as the name in scratch. 0: it is none of ours. */
SLUICE_INLINE int take_entry_name(struct scratch *s, const struct path *directory, struct dentry *dentry) {
  __u32 bytes = 0;

  if (path_walk(s->record.path.value, directory->mnt, dentry, 0, &bytes) != SLUICE_TEXT_PRESENT) return 0;
  return take_name(s, s->record.path.value, bytes);
}

/* `from` is about to be known as `to` as well, or instead. */
static __noinline __attribute__((unused)) int note_names(const struct path *from_directory,
                                                         struct dentry *from, const struct path *to_directory,
                                                         struct dentry *to) {
  struct task_struct *task = bpf_get_current_task_btf();
  struct pending_name *pending;
  struct scratch *s;

  if (!control.names || !in_host_mounts(task)) return 0;
  s = scratch_claim();
  if (!s) return 0;
  if (take_entry_name(s, from_directory, from)) add_file_name(s->index, inode_of((__u64)from));
  pending = bpf_task_storage_get(&pending_by_task, task, 0, 0);
  if (pending) pending->dentry = 0;
  if (take_entry_name(s, to_directory, to)) {
    pending = bpf_task_storage_get(&pending_by_task, task, 0, BPF_LOCAL_STORAGE_GET_F_CREATE);
    if (pending) {
      bpf_probe_read_kernel(&pending->name, sizeof(pending->name), &s->file_name);
      pending->dentry = (__u64)from;
    }
  }
  scratch_release(s);
  return 0;
}

SLUICE_INLINE void take_pending(__u64 dentry) {
  struct pending_name *pending = bpf_task_storage_get(&pending_by_task, bpf_get_current_task_btf(), 0, 0);
  struct scratch *s;

  if (!pending || pending->dentry != dentry) return;
  pending->dentry = 0;
  s = scratch_claim();
  if (!s) return;
  bpf_probe_read_kernel(&s->file_name, sizeof(s->file_name), &pending->name);
  add_file_name(s->index, inode_of(dentry));
  scratch_release(s);
}
