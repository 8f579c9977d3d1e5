/* lib/files.bpf.h - the files behind the paths of mitigations, so that a rule holds under every name.
 *
 * `file_names` holds the paths, `names_by_file` which file each of them names or has named. User space looks after both
 * (runtime/load/file_names.h); the programs add what they see happen, in the host's mount namespace alone: elsewhere
 * whoever may mount could make a path name any file. A file is forgotten when it is gone (names.bpf.c).
 *
 * Fail direction: without an entry a file is known by its path alone. What finds no room is added within a second.
 */
#pragma once

#include "path.bpf.h"

#define PROC_SUPER_MAGIC 0x9fa0 /* its numbers are made up anew */

SLUICE_INLINE void file_of(struct sluice_file *file, const struct inode *inode) {
  file->inode = BPF_CORE_READ(inode, i_ino);
  file->device = BPF_CORE_READ(inode, i_sb, s_dev);
  file->generation = BPF_CORE_READ(inode, i_generation);
  file->number = 0;
  file->reserved = 0;
}

/* What the names of a file decide, before its path is asked. */
SLUICE_ONCE int match_file(__u32 index, __u32 string, __u64 inode) {
  struct scratch *s = bpf_map_lookup_elem(&scratch_by_cpu, &index);
  const struct sluice_hook_config *config = s ? config_of(s->match.slot, s->match.hook) : 0;
  const __u32 lookup = SLUICE_LOOKUP_STRING + string * SLUICE_MODES + SLUICE_MODE_EXACT;
  struct sluice_file file;
  __u32 number;

  if (!s || !config || !inode || string >= SLUICE_STRINGS) return 0;
  file_of(&file, (const struct inode *)inode);
  SLUICE_ROLLED
  for (number = 0; number < SLUICE_FILE_NAMES; number++) {
    const struct sluice_file_name *name;
    const __u32 *entry;
    __u32 bytes;

    file.number = number;
    name = bpf_map_lookup_elem(&names_by_file, &file);
    if (!name) break;
    __builtin_memcpy(s->directory.value, name->value, SLUICE_KEY_BYTES);
    bytes = name->bytes;
    BOUND(bytes, SLUICE_KEY_BYTES - 1);
    s->directory.lookup = s->match.hook * SLUICE_LOOKUPS + lookup;
    entry = sluice_exact(&s->match, &s->directory.lookup, s->directory.value, bytes);
    sluice_add_name(&s->match, config, string, entry != 0, entry ? *entry : 0);
  }
  return 0;
}

SLUICE_INLINE void match_file_of(struct scratch *s, const struct sluice_hook_config *config, __u32 string,
                                 __u64 inode, __u64 standing) {
  const __u32 lookup = SLUICE_LOOKUP_STRING + string * SLUICE_MODES + SLUICE_MODE_EXACT;

  if ((config->file_strings >> string & 1) && sluice_asked(config, lookup, standing))
    match_file(s->index, string, inode);
}

SLUICE_INLINE __u64 inode_of(__u64 dentry) { return (__u64)BPF_CORE_READ((struct dentry *)dentry, d_inode); }

SLUICE_INLINE __u64 executable_of(struct task_struct *task) {
  return (__u64)BPF_CORE_READ(task, mm, exe_file, f_inode);
}

SLUICE_INLINE int in_host_mounts(struct task_struct *task) {
  return BPF_CORE_READ(task, nsproxy, mnt_ns, ns.inum) == control.host_mnt_ns;
}

/* A text as a name, in scratch. 0: it is none of ours. */
SLUICE_INLINE int take_name(struct scratch *s, const char *text, __u32 bytes) {
  if (bytes >= SLUICE_KEY_BYTES) return 0;
  BOUND(bytes, SLUICE_KEY_BYTES - 1);
  __builtin_memset(&s->file_name, 0, sizeof(s->file_name));
  bpf_probe_read_kernel(s->file_name.value, bytes, text);
  s->file_name.bytes = bytes;
  return bpf_map_lookup_elem(&file_names, &s->file_name) != 0;
}

SLUICE_INLINE int same_name(const struct sluice_file_name *a, const struct sluice_file_name *b) {
  __u64 differs = a->bytes ^ b->bytes;
  __u32 i;

  for (i = 0; i < SLUICE_KEY_BYTES / 8; i++)
    differs |= SLUICE_LOAD64(a->value + 8 * i) ^ SLUICE_LOAD64(b->value + 8 * i);
  return !differs;
}

/* The name in scratch names this file. */
SLUICE_ONCE int add_file_name(__u32 index, __u64 inode) {
  struct scratch *s = bpf_map_lookup_elem(&scratch_by_cpu, &index);
  struct sluice_file file;
  __u32 number;

  if (!s || !inode) return 0;
  if (BPF_CORE_READ((const struct inode *)inode, i_sb, s_magic) == PROC_SUPER_MAGIC) return 0;
  file_of(&file, (const struct inode *)inode);
  SLUICE_ROLLED
  for (number = 0; number < SLUICE_FILE_NAMES; number++) {
    const struct sluice_file_name *known;

    file.number = number;
    known = bpf_map_lookup_elem(&names_by_file, &file);
    if (known) {
      if (same_name(known, &s->file_name)) return 1;
      continue;
    }
    if (bpf_map_update_elem(&names_by_file, &file, &s->file_name, BPF_NOEXIST) == 0) return 1;
  }
  return 0;
}

/* An exact entry was found: the path may be one of ours, and names the file that is there now. */
SLUICE_INLINE void note_file(struct scratch *s, const struct sluice_hook_config *config,
                             struct task_struct *task, __u64 inode) {
  const __u32 lookup = SLUICE_LOOKUP_STRING + SLUICE_STR_PATH * SLUICE_MODES + SLUICE_MODE_EXACT;

  if (!(config->file_strings >> SLUICE_STR_PATH & 1) || !(s->match.taken >> lookup & 1)) return;
  if (s->match.class_of[lookup] == config->lookups[lookup].other || !in_host_mounts(task)) return;
  if (s->match.state[SLUICE_STR_PATH] != SLUICE_TEXT_PRESENT) return;
  if (take_name(s, s->record.path.value, s->match.bytes[SLUICE_STR_PATH])) add_file_name(s->index, inode);
}
