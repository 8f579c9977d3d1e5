/* lib/kernel.bpf.h - kernel types, helpers, and the constants that BTF does not carry. */
#pragma once

// clang-format off
#include "vmlinux.h" /* before all that use its types */
// clang-format on

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#include "../abi/event_abi.h"

#define EPERM 1
#define E2BIG 7
#define EEXIST 17
#define SIGKILL 9

#define PF_IO_WORKER 0x00000010u
#define PF_EXITING 0x00000004u
#define PF_KTHREAD 0x00200000u
#define TS_COMPAT 0x0002u
#define CLONE_THREAD 0x00010000ull

#define FMODE_READ 0x1u
#define FMODE_WRITE 0x2u
#define FMODE_CREATED 0x00100000u
#define FMODE_EXEC 0x20u /* also the bit in f_flags */

#define O_CREAT 00000100u
#define O_WRONLY 00000001u
#define O_TRUNC 00001000u
#define O_ACCMODE 00000003u
#define O_LARGEFILE 00100000u
#define O_CLOEXEC 02000000

#define MNT_INTERNAL 0x4000
#define MNT_NS_ANON_INO 0xEFFFFFF7u
#define DCACHE_MAY_BE_UNLINKED(dentry) (!(dentry)->d_hash.pprev)
#define S_IXUGO 00111
#define S_IFMT 0170000
#define S_IFSOCK 0140000
#define S_IFREG 0100000
#define S_IFBLK 0060000
#define S_IFDIR 0040000
#define S_IFCHR 0020000
#define S_IFIFO 0010000
#define PERMISSIONS 07777

#define NR_io_uring_enter 426u
#define NR_execveat 322u
#define NR_execveat_x32 545u
#define NR_execveat_compat 358u
#define X32_BIT 0x40000000u

/* The compiler must not remember a bound that the verifier forgets. */
#define BOUND(value, mask)          \
  ({                                \
    asm volatile("" : "+r"(value)); \
    (value) &= (mask);              \
  })

/* Of a cgroup's folder. */
struct kernfs_node___since_6_15 {
  struct kernfs_node *__parent;
} __attribute__((preserve_access_index));

static __always_inline struct kernfs_node *parent_of(const struct kernfs_node *node) {
  const struct kernfs_node___since_6_15 *since = (const void *)node;

  return bpf_core_field_exists(since->__parent) ? BPF_CORE_READ(since, __parent)
                                                : BPF_CORE_READ(node, parent);
}

/* A file below that of a stacked file system. The bit moved in 6.14, which also named what a dentry keeps of short names; before
 * 6.5 it was unused. */
union shortname_store___since_6_14 {
  char string[1];
};
struct dentry___since_6_14 {
  union shortname_store___since_6_14 d_shortname;
} __attribute__((preserve_access_index));

static __always_inline int is_backing(__u32 mode) {
  const struct dentry___since_6_14 *dentry = 0;

  return (mode & (bpf_core_field_exists(dentry->d_shortname) ? 1u << 24 : 1u << 25)) != 0;
}
