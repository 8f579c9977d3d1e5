/* lib/files.bpf.h - the files behind the paths of mitigations, so that a rule holds under every name.
 *
 * `file_names` holds the paths, `names_by_file` which file each of them names or has named. User space looks after both
 * (runtime/load/file_names.h); the programs add what they see happen, in the host's mount namespace alone: elsewhere
 * whoever may mount could make a path name any file. A file is forgotten when it is gone (names.bpf.c).
 *
 * Fail direction: without an entry a file is known by its path alone. What finds no room is counted, and added within a second.
 */
#pragma once

#include "path.bpf.h"
#include "stats.bpf.h"

#define PROC_SUPER_MAGIC 0x9fa0 /* its numbers are made up anew */

SLUICE_INLINE void file_of(struct sluice_file *file, const struct inode *inode) {
  file->inode = BPF_CORE_READ(inode, i_ino);
  file->device = BPF_CORE_READ(inode, i_sb, s_dev);
  file->generation = BPF_CORE_READ(inode, i_generation);
  file->number = 0;
  file->reserved = 0;
}

/* What the names of the file in scratch decide, before its path is asked. */
SLUICE_ONCE int match_file(__u32 index, __u32 string) {
  struct scratch *s = bpf_map_lookup_elem(&scratch_by_cpu, &index);
  const struct sluice_hook_config *config = s ? config_of(s->match.slot, s->match.hook) : 0;
  const __u32 lookup = SLUICE_LOOKUP_STRING + string * SLUICE_MODES + SLUICE_MODE_EXACT;
  struct sluice_file file;
  __u32 number;

  if (!s || !config || string >= SLUICE_STRINGS) return 0;
  file = s->file;
  SLUICE_ROLLED
  for (number = 0; number < SLUICE_FILE_NAMES; number++) {
    const struct sluice_noted_name *noted;
    const __u32 *entry;
    __u32 bytes;

    file.number = number;
    noted = bpf_map_lookup_elem(&names_by_file, &file);
    if (!noted) break;
    __builtin_memcpy(s->directory.value, noted->name.value, SLUICE_KEY_BYTES);
    bytes = noted->name.bytes;
    BOUND(bytes, SLUICE_KEY_BYTES - 1);
    s->directory.lookup = s->match.hook * SLUICE_LOOKUPS + lookup;
    entry = sluice_exact(&s->match, &s->directory.lookup, s->directory.value, bytes);
    sluice_add_name(&s->match, config, string, entry != 0, entry ? *entry : 0);
  }
  return 0;
}

SLUICE_INLINE int asks_file(const struct sluice_hook_config *config, __u32 string, __u64 standing) {
  const __u32 lookup = SLUICE_LOOKUP_STRING + string * SLUICE_MODES + SLUICE_MODE_EXACT;

  return (config->file_strings >> string & 1) && sluice_asked(config, lookup, standing);
}

SLUICE_INLINE void match_file_of(struct scratch *s, const struct sluice_hook_config *config, __u32 string,
                                 __u64 inode, __u64 standing) {
  if (!inode || !asks_file(config, string, standing)) return;
  file_of(&s->file, (const struct inode *)inode);
  match_file(s->index, string);
}

/* Whether the file was opened by way of a mount of somebody's own: in a user namespace anyone may mount, and give any file
 * any path. */
SLUICE_INLINE int is_self_mounted(const struct file *file) {
  const struct vfsmount *mnt = BPF_CORE_READ(file, f_path.mnt);
  const struct mount *mount = mount_of(mnt);
  const struct mnt_namespace *ns = BPF_CORE_READ(mount, mnt_ns);
  const struct user_namespace *owner = BPF_CORE_READ(ns, user_ns);

  return !owner || BPF_CORE_READ(owner, parent) != 0;
}

SLUICE_INLINE void note_executable(struct task_state *state, const struct file *file) {
  file_of(&state->executable, BPF_CORE_READ(file, f_inode));
  state->self_mounted = is_self_mounted(file);
}

/* The executable's names, before its path is asked. Its path does not count for an exclusion where anyone may have made it. */
SLUICE_INLINE void match_executable(struct scratch *s, const struct sluice_hook_config *config,
                                    const struct task_state *state, __u64 standing) {
  if (!state || !asks_file(config, SLUICE_STR_EXEPATH, standing)) return;
  if (state->self_mounted) sluice_doubt_path(&s->match, config, SLUICE_STR_EXEPATH);
  if (!state->executable.inode) return;
  s->file = state->executable;
  match_file(s->index, SLUICE_STR_EXEPATH);
}

SLUICE_INLINE __u64 inode_of(__u64 dentry) { return (__u64)BPF_CORE_READ((struct dentry *)dentry, d_inode); }

SLUICE_INLINE int in_host_mounts(struct task_struct *task) {
  return BPF_CORE_READ(task, nsproxy, mnt_ns, ns.inum) == control.host_mnt_ns;
}

/* A text as a name, in scratch. 0: it is none of ours. */
SLUICE_INLINE int take_name(struct scratch *s, const char *text, __u32 bytes) {
  if (bytes >= SLUICE_KEY_BYTES) return 0;
  BOUND(bytes, SLUICE_KEY_BYTES - 1);
  __builtin_memset(&s->noted, 0, sizeof(s->noted));
  bpf_probe_read_kernel(s->noted.name.value, bytes, text);
  s->noted.name.bytes = bytes;
  return bpf_map_lookup_elem(&file_names, &s->noted.name) != 0;
}

SLUICE_INLINE int same_name(const struct sluice_file_name *a, const struct sluice_file_name *b) {
  __u64 differs = a->bytes ^ b->bytes;
  __u32 i;

  for (i = 0; i < SLUICE_KEY_BYTES / 8; i++)
    differs |= SLUICE_LOAD64(a->value + 8 * i) ^ SLUICE_LOAD64(b->value + 8 * i);
  return !differs;
}

#define NS_PER_S 1000000000ull

/* The path in scratch names this file. What a path has named is bounded, for whoever may link or rename there makes such files
 * at will. */
SLUICE_ONCE int add_file_name(__u32 index, __u64 inode) {
  struct scratch *s = bpf_map_lookup_elem(&scratch_by_cpu, &index);
  struct sluice_file file;
  __u32 number, *files;

  if (!s || !inode) return 0;
  if (BPF_CORE_READ((const struct inode *)inode, i_sb, s_magic) == PROC_SUPER_MAGIC) return 0;
  file_of(&file, (const struct inode *)inode);
  s->noted.noted_s = bpf_ktime_get_boot_ns() / NS_PER_S;
  SLUICE_ROLLED
  for (number = 0; number < SLUICE_FILE_NAMES; number++) {
    struct sluice_noted_name *known;
    long error;

    file.number = number;
    known = bpf_map_lookup_elem(&names_by_file, &file);
    if (known) {
      if (!same_name(&known->name, &s->noted.name)) continue;
      known->noted_s = s->noted.noted_s;
      return 1;
    }
    files = bpf_map_lookup_elem(&file_names, &s->noted.name);
    if (!files) return 0;
    error = *files < SLUICE_PATH_FILES ? bpf_map_update_elem(&names_by_file, &file, &s->noted, BPF_NOEXIST)
                                       : -E2BIG;
    if (error == -EEXIST) continue;
    if (error)
      TOTAL(names_refused, 1);
    else
      __sync_fetch_and_add(files, 1);
    return !error;
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
