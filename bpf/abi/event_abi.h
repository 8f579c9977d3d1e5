/* abi/event_abi.h - the records that the kernel sends, shared by the BPF programs and ring/.
 *
 * A record is a fixed header and then items: {tag, flags, length} and that many bytes, each item padded to 8.
 * All numbers are in host order. Two ring buffers carry the same format: `events` and, for denials and kills,
 * `mitigations`; the reader merges them by time.
 *
 * Worked example: `cat /etc/shadow` that matched clause 3 of file_open in generation 7:
 *   header {kind EVENT, hook FILE_OPEN, type openat, generation 7, set {3}, numbers[0] = O_RDONLY, ...}
 *   item   {NAME, 0, 3} "cat"     item {EXEPATH, 0, 12} "/usr/bin/cat"     item {PATH, 0, 11} "/etc/shadow"
 */
#pragma once

#include "filter_abi.h"

enum sluice_record_kind {
  SLUICE_RECORD_EVENT = 1, /* a hook's decision; at bprm_check_security only when it denied */
  SLUICE_RECORD_EXEC =
      2, /* a new image (for the tree, always) and, when `set` is not empty, the exec event */
  SLUICE_RECORD_FORK = 3,    /* a new process (threads are not sent): pid and start are the child's */
  SLUICE_RECORD_EXIT = 4,    /* the last thread is gone */
  SLUICE_RECORD_ATTEMPT = 5, /* enum sluice_attempt, on the agent; NAME and EXEPATH: who */
};

#define SLUICE_EVENT_DENIED 1u /* an error was returned */
#define SLUICE_EVENT_KILLED 2u
#define SLUICE_EVENT_AUDITED 4u /* would have been denied or killed */
#define SLUICE_EVENT_UNDECIDED \
  8u /* user space judges the whole condition: of ITEM_UNDECIDED's clauses, or of all */
#define SLUICE_EVENT_NO_TYPE 16u /* reached by a call that is not of the hook's types */
#define SLUICE_EVENT_COMPAT 32u  /* a 32-bit call */
#define SLUICE_EVENT_IO_URING 64u
#define SLUICE_EVENT_NO_LINEAGE 128u
#define SLUICE_EVENT_RESULT 256u /* `result` is known */
#define SLUICE_EVENT_GIVEN \
  512u /* failed before the hook, or an exec anywhere: the path is the one given, made absolute; other operands are absent */

#define SLUICE_EVENT_AGAIN \
  1024u /* of the operation whose event at this hook came just before, on this thread */

/* Up to `flags` it never changes: a later agent counts what an earlier one had not read. */
struct sluice_record {
  __u32 size; /* of the whole record */
  __u16 kind;
  __u16 hook;     /* enum sluice_hook */
  __u64 time_ns;  /* since boot */
  __u64 sequence; /* per CPU, counts lost records too */
  __u32 cpu;
  __u32 generation; /* of the rule set that judged it; 0 for tree records without a decision */
  __u32 flags;
  __u16 type;        /* event type id (check/events.def), 0 none */
  __u16 errno_value; /* of a denial */
  __u32 pid, tid;    /* in the initial pid namespace */
  __u32 parent_pid;
  __u32 session_pid; /* session leader's pid */
  __u64 start_ns;    /* of the process (thread group leader), since boot */
  __u64 parent_start_ns;
  __u32 uid, gid, loginuid, audit_session;
  __u32 vpid, pgid, tty, reserved; /* tty: device number or 0 */
  __u64 unknown;                   /* bit per lookup that was unknown */
  __u64 cgroup_id;
  __u32 mnt_ns, pid_ns; /* inode numbers */
  __u64 cap_permitted, cap_effective, cap_inheritable;
  __u64 numbers[1 + SLUICE_ARGS]; /* flags word, then the hook's own (check/operands.def). file_open: mode,
                                     inode, device; exec: image flags instead of the flags word */
  __s64 result;                   /* of the call, with EVENT_RESULT; negative: the error */
  __u64 set[SLUICE_WORDS];        /* surviving clauses; exec: the union over its rounds */
};

enum sluice_item_tag {
  SLUICE_ITEM_NAME = 1,       /* proc.name */
  SLUICE_ITEM_EXEPATH = 2,    /* proc.exepath; at exec the path of the file that runs (the last round) */
  SLUICE_ITEM_PATH = 3,       /* fd.name, fs.path.name */
  SLUICE_ITEM_FILENAME = 4,   /* exec: the file asked for, as given; open: likewise, with HOOK_NEEDS_GIVEN */
  SLUICE_ITEM_ROUND_SET = 5,  /* exec: 128 bytes, surviving clauses of the round whose path follows */
  SLUICE_ITEM_ROUND_PATH = 6, /* exec: script, then interpreter */
  SLUICE_ITEM_ARGS = 7,       /* argv, each with its NUL */
  SLUICE_ITEM_ENV = 8,        /* environment, likewise, with SLUICE_HOOK_NEEDS_ENV; CWD likewise */
  SLUICE_ITEM_CWD = 9,
  SLUICE_ITEM_CGROUP = 10, /* last components of the cgroup in the unified hierarchy, the leaf first, each
                              with its NUL */
  SLUICE_ITEM_COMM = 11,   /* comm as the kernel has it, when it differs from the name */
  SLUICE_ITEM_TARGET = 12, /* SLUICE_STR_TARGET */
  SLUICE_ITEM_TEXT = 13,   /* SLUICE_STR_TEXT */
  SLUICE_ITEM_LOCAL = 14,  /* 16 bytes, as enum sluice_end says */
  SLUICE_ITEM_REMOTE = 15,
  SLUICE_ITEM_UNDECIDED = 16,  /* SLUICE_WORDS words: the clauses of the set that were undecided */
  SLUICE_ITEM_ROUND_TEXT = 18, /* exec: SLUICE_STR_TEXT of the round whose path came before */
  SLUICE_ITEM_AUDITED = 17,    /* likewise: those that were audited, where others refused */
};
#define SLUICE_ITEM_TRUNCATED 1u /* bytes beyond the stated limit are missing: unknown, not absent */
#define SLUICE_ITEM_UNKNOWN 2u   /* could not be had; length 0 */

struct sluice_item {
  __u16 tag;
  __u16 flags;
  __u32 length;
};

#define SLUICE_ARGS_BYTES 8192 /* limit of ARGS in a record */
#define SLUICE_ENV_BYTES 16384 /* limit of ENV in a record */
#define SLUICE_ROUNDS 6        /* file, interpreter, its interpreter, ...; the kernel's own limit is 5 */

SLUICE_ASSERT(sizeof(struct sluice_item) == 8, "item");
SLUICE_ASSERT(sizeof(struct sluice_record) == 336, "record header");
