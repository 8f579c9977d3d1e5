/* lib/stdio.bpf.h - what a task's standard descriptors lead to: proc.stdin.type and its kin, at exec.
 *
 * Read from the table of descriptors at the check, before those that close on exec are closed. A thread that shares the
 * table (fork unshares it) could change one until the exec is done: a file without a reference is only looked at, never kept.
 */
#pragma once

#include "task.bpf.h"

#define STDIO_BITS (7ull << (SLUICE_LOOKUP_INT + SLUICE_INT_ARG))

static __noinline __s64 descriptor_kind(struct task_struct *task, __u32 number) {
  struct fdtable *table = BPF_CORE_READ(task, files, fdt);
  struct file **files = BPF_CORE_READ(table, fd);
  struct socket *socket;
  struct file *file = 0;
  __u32 kind;

  if (!table || number >= BPF_CORE_READ(table, max_fds)) return SLUICE_ABSENT_INT;
  bpf_probe_read_kernel(&file, sizeof(file), files + number);
  if (!file) return SLUICE_ABSENT_INT;
  kind = BPF_CORE_READ(file, f_inode, i_mode) & S_IFMT;
  if (kind == S_IFREG || kind == S_IFCHR || kind == S_IFBLK) return SLUICE_STDIO_FILE;
  if (kind == S_IFDIR) return SLUICE_STDIO_DIRECTORY;
  if (kind == S_IFIFO) return SLUICE_STDIO_PIPE;
  if (kind != S_IFSOCK) return SLUICE_ABSENT_INT;
  socket = BPF_CORE_READ(file, private_data);
  return BPF_CORE_READ(socket, sk, __sk_common.skc_family);
}

SLUICE_INLINE void fill_stdio(__s64 *numbers, struct task_struct *task) {
  numbers[0] = descriptor_kind(task, 0);
  numbers[1] = descriptor_kind(task, 1);
  numbers[2] = descriptor_kind(task, 2);
}
