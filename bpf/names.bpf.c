/* names.bpf.c - which files the paths of mitigations come to name: renames, links, and files that are gone.
 *
 *   inode_rename, inode_link   the caller may: a path of ours gets another file. path_rename and path_link
 *                              (file.bpf.c), which know the paths, come before the permissions
 *   inode_free_security        the last use of a file without a name ends
 *   names_of_files             iterator: the identities of the agent's open files, as rows of struct named_row
 *
 * Fail direction: lib/files.bpf.h.
 */
#include "lib/renames.bpf.h"

char LICENSE[] __weak SEC("license") = "GPL";

SEC("lsm/inode_rename")
int BPF_PROG(names_inode_rename, struct inode *old_directory, struct dentry *old_dentry,
             struct inode *new_directory, struct dentry *new_dentry, int ret) {
  if (ret) return ret;
  take_pending((__u64)old_dentry);
  return 0;
}

SEC("lsm/inode_link")
int BPF_PROG(names_inode_link, struct dentry *old_dentry, struct inode *directory, struct dentry *new_dentry,
             int ret) {
  if (ret) return ret;
  take_pending((__u64)old_dentry);
  return 0;
}

SEC("lsm/inode_free_security")
int BPF_PROG(names_inode_free, struct inode *inode) {
  struct sluice_file file;
  __u32 number;

  if (BPF_CORE_READ(inode, __i_nlink)) return 0;
  file_of(&file, inode);
  SLUICE_ROLLED
  for (number = 0; number < SLUICE_FILE_NAMES; number++) {
    file.number = number;
    if (bpf_map_delete_elem(&names_by_file, &file)) break;
  }
  return 0;
}

SEC("iter/task_file")
int names_of_files(struct bpf_iter__task_file *ctx) {
  struct file *file = ctx->file;
  struct {
    struct sluice_file file;
    __u64 descriptor;
  } row = {};

  if (!ctx->task || !file || BPF_CORE_READ(file, f_inode, i_sb, s_magic) == PROC_SUPER_MAGIC) return 0;
  file_of(&row.file, BPF_CORE_READ(file, f_inode));
  row.descriptor = ctx->fd;
  bpf_seq_write(ctx->meta->seq, &row, sizeof(row));
  return 0;
}
