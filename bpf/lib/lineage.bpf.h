/* lib/lineage.bpf.h - what a task's storage says: its image, and the images its ancestors had when they
 * forked.
 *
 * A fork hands the storage on: a thread gets a copy; a process's first ancestor is the forker's image, its
 * others the forker's ancestors. An exec replaces the image, never the ancestors. Values of a slot count only
 * while the tag beside them is the generation loaded there; otherwise, or without storage, lineage is
 * unknown.
 */
#pragma once

#include "decide.bpf.h"

#define OVERLAYFS_MAGIC 0x794c7630

SLUICE_INLINE struct task_state *state_made(struct task_struct *task) {
  struct task_state *state = bpf_task_storage_get(&task_by_storage, task, 0, BPF_LOCAL_STORAGE_GET_F_CREATE);

  if (!state) TOTAL(no_storage, 1);
  return state;
}

SLUICE_INLINE void inherit_slot(struct sluice_task *child, const struct sluice_task *parent, __u32 slot) {
  __u32 generation = parent->ancestors_generation[slot];
  __u32 i;

  if (parent->self_generation[slot] != generation) generation = 0;
  child->ancestors[slot][0] = parent->ancestors[slot][0] | parent->self[slot];
  child->ancestors[slot][1] = parent->self[slot];
  for (i = 2; i < SLUICE_LINEAGE_LEVELS; i++) child->ancestors[slot][i] = parent->ancestors[slot][i - 1];
  child->ancestors_generation[slot] = generation;
}

/* Without memory the child has no storage: unknown. */
SLUICE_INLINE void inherit(struct task_struct *child_task, int thread) {
  const struct task_state *parent = state_of(bpf_get_current_task_btf());
  struct task_state *child;

  if (!parent) return;
  child = state_made(child_task);
  if (!child) return;
  __builtin_memcpy(child, parent, sizeof(*child));
  child->reached = 0;
  child->blind_exec = 0;
  if (thread) return;
  inherit_slot(&child->task, &parent->task, 0);
  inherit_slot(&child->task, &parent->task, 1);
}

/* SLUICE_IMAGE_* of an executable. A memfd is unlinked as well. */
SLUICE_INLINE __u32 image_flags_of(struct file *file) {
  struct dentry *dentry = file->f_path.dentry;
  struct inode *inode = file->f_inode;
  char name[8] = {};
  __u32 flags = 0;
  void *upper = 0;

  if (inode->i_nlink == 0 || is_unlinked(dentry)) flags |= SLUICE_IMAGE_DELETED;
  if (flags && (file->f_path.mnt->mnt_flags & MNT_INTERNAL)) {
    bpf_probe_read_kernel(name, 6, dentry->d_name.name);
    if (*(__u32 *)name == 0x666d656d && *(__u16 *)(name + 4) == 0x3a64)
      flags |= SLUICE_IMAGE_MEMFD; /* memfd: */
  }
  if (inode->i_sb->s_magic ==
      OVERLAYFS_MAGIC) { /* the upper dentry is behind the inode in struct ovl_inode */
    bpf_probe_read_kernel(&upper, sizeof(upper), (char *)inode + bpf_core_type_size(struct inode));
    if (upper) flags |= SLUICE_IMAGE_UPPER;
  }
  return flags;
}

/* The name and the path that `begin_image` left in scratch, as the task's image. */
SLUICE_INLINE void store_image(struct scratch *s, struct sluice_image *image, __u32 flags) {
  struct sluice_match *m = &s->match;
  __u32 state = m->state[SLUICE_STR_EXEPATH], bytes = m->bytes[SLUICE_STR_EXEPATH], tail;

  __builtin_memcpy(image->name, s->name.value, SLUICE_NAME_BYTES);
  __builtin_memset(image->exepath, 0, sizeof(image->exepath));
  __builtin_memset(image->tail, 0, sizeof(image->tail));
  image->flags = flags;
  image->exepath_bytes = bytes;
  if (state != SLUICE_TEXT_PRESENT) {
    image->flags |= SLUICE_IMAGE_EXE_UNKNOWN;
    return;
  }
  BOUND(bytes, SLUICE_PATH_BYTES - 1);
  sluice_reverse(&s->suffix, s->record.path.value + bytes, SLUICE_SUFFIX_BYTES);
  tail = bytes;
  SLUICE_OPAQUE(tail);
  if (tail > SLUICE_IMAGE_TAIL) tail = SLUICE_IMAGE_TAIL;
  bpf_probe_read_kernel(image->tail, tail, s->suffix.value);
  SLUICE_OPAQUE(bytes);
  if (bytes > SLUICE_IMAGE_HEAD - 1) bytes = SLUICE_IMAGE_HEAD - 1;
  bpf_probe_read_kernel(image->exepath, bytes, s->record.path.value);
}

/* The image conditions that hold for the new image, in one generation. An unknown path leaves them unknown.
 */
SLUICE_INLINE void judge_image(struct scratch *s, struct sluice_task *task, __u32 slot) {
  struct sluice_match *m = &s->match;
  const struct sluice_hook_config *config;
  __u32 generation = control.generation[slot];
  __u64 standing;

  task->self_generation[slot] = 0;
  begin(s, slot, SLUICE_HOOK_IMAGE, 0, 0);
  config = config_of(slot, SLUICE_HOOK_IMAGE);
  if (!config || !generation) return;
  task->self[slot] = 0;
  standing = sluice_match_begin(m, config);
  if (standing) standing = match_name_text(s->index, standing);
  if (standing) standing = match_exec_path(s->index, standing);
  if (standing && sluice_match_finish(m, config)) {
    if (m->undecided[0]) return;
    task->self[slot] = m->set[0];
  }
  task->self_generation[slot] = generation;
}
