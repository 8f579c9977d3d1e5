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

struct pending_names {
  struct pending_name of[2]; /* the second of an exchange, the other way round */
};

struct {
  __uint(type, BPF_MAP_TYPE_TASK_STORAGE);
  __uint(map_flags, BPF_F_NO_PREALLOC);
  __type(key, int);
  __type(value, struct pending_names);
} SLUICE_MAP(pending_by_task);

/* An entry's path is taken as the name in scratch. 0: it is none of ours. */
SLUICE_INLINE int take_entry_name(struct scratch *s, const struct path *directory, struct dentry *dentry) {
  __u32 bytes = 0;

  if (path_walk(s->record.path.value, directory->mnt, dentry, 0, &bytes) != SLUICE_TEXT_PRESENT) return 0;
  return take_name(s, s->record.path.value, bytes);
}

/* The name in scratch waits for the file. */
SLUICE_INLINE void wait_name(struct scratch *s, struct task_struct *task, __u32 which,
                             struct dentry *dentry) {
  struct pending_names *pending =
      bpf_task_storage_get(&pending_by_task, task, 0, BPF_LOCAL_STORAGE_GET_F_CREATE);

  if (!pending) return;
  bpf_probe_read_kernel(&pending->of[which].name, sizeof(pending->of[which].name), &s->noted.name);
  pending->of[which].dentry = (__u64)dentry;
}

/* `from` is about to be known as `to` as well, or instead; in an exchange `to` as `from` too. */
static __noinline __attribute__((unused)) int note_names(const struct path *from_directory,
                                                         struct dentry *from, const struct path *to_directory,
                                                         struct dentry *to, int exchange) {
  struct task_struct *task = bpf_get_current_task_btf();
  struct pending_names *pending;
  struct scratch *s;

  if (!control.names || !in_host_mounts(task)) return 0;
  s = scratch_claim();
  if (!s) return 0;
  pending = bpf_task_storage_get(&pending_by_task, task, 0, 0);
  if (pending) pending->of[0].dentry = pending->of[1].dentry = 0;
  if (take_entry_name(s, from_directory, from)) {
    add_file_name(s->index, inode_of((__u64)from));
    if (exchange) wait_name(s, task, 1, to);
  }
  if (take_entry_name(s, to_directory, to)) {
    add_file_name(s->index, inode_of((__u64)to));
    wait_name(s, task, 0, from);
  }
  scratch_release(s);
  return 0;
}

SLUICE_INLINE void take_pending(__u64 dentry) {
  struct pending_names *pending = bpf_task_storage_get(&pending_by_task, bpf_get_current_task_btf(), 0, 0);
  struct pending_name *of;
  struct scratch *s;

  if (!pending) return;
  of = pending->of[0].dentry == dentry ? &pending->of[0] : &pending->of[1];
  if (of->dentry != dentry) return;
  of->dentry = 0;
  s = scratch_claim();
  if (!s) return;
  bpf_probe_read_kernel(&s->noted.name, sizeof(s->noted.name), &of->name);
  add_file_name(s->index, inode_of(dentry));
  scratch_release(s);
}
