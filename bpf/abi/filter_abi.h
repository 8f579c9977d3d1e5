/* abi/filter_abi.h - the tables that the kernel filter consults, shared by the BPF programs and the compiler.
 *
 * One hook, one event, one set of candidate clauses. A *clause* is one bit (0..1023) of its hook; it stands
 * for one distinct kernel condition. A *lookup* is one question about the event (the type, one integer, one
 * string in one mode, one generation of ancestors). Every lookup turns the event's value into a *class*, and
 * a class into the set of clauses that this value satisfies; a clause that says nothing about the lookup has
 * its bit in every set. The AND over the lookups in use is the surviving set. Empty: the event is dropped and
 * counted.
 *
 * Three classes stand apart for each lookup: `other` (present, but no entry), `absent` (no such value: a
 * positive test is false, its negation true) and `users`. `users` is not ANDed: when the value is unknown (a
 * path that cannot be built, lineage not filled yet) the set stays as it is and the clauses in `users` become
 * undecided: they go to user space, and a mitigation among them follows its on_unknown.
 *
 * Worked example, hook file_open, clauses 0 = (fd.name startswith /etc/), 1 = (user.uid = 0 and fd.name
 * startswith /etc/ssh/), 2 = (proc.name in (vi, nano)): lookup path/prefix: other {2}  absent {2}  users
 * {0,1}  "/etc/" {0,2}  "/etc/ssh/" {0,1,2}   (union over shorter) lookup uid:         [0,0] {0,1,2}, else
 * {0,2}   users {1} lookup name/exact:  other {0,1}  absent {0,1}  users {2}   "vi" {0,1,2}  "nano" {0,1,2}
 *
 * Everything here exists twice, once per generation slot (0 and 1); a swap is one store of the active slot.
 * Plain C, no pointers, no implicit padding; sizes are asserted at the end and from C++.
 */
#pragma once

#ifndef __bpf__
#include <linux/types.h>
#endif

#define SLUICE_SLOTS 2                                /* generations that may be loaded at once */
#define SLUICE_CLAUSES 1024                           /* per hook */
#define SLUICE_WORDS 16                               /* 64-bit words of a set */
#define SLUICE_BIT_MASKS 10                           /* flag tests per hook; 2^10 dense entries */
#define SLUICE_WORDS_OF_FLAGS 4                       /* enum sluice_flag_word */
#define SLUICE_INTS 13                                /* integer subjects */
#define SLUICE_ARGS 5                                 /* of those, numbers that only the hook knows */
#define SLUICE_ABSENT_INT (-0x7fffffffffffffffll - 1) /* no such number */
#define SLUICE_UNKNOWN_INT (-0x7fffffffffffffffll)    /* there is one, or none: it cannot be told */
#define SLUICE_ENDS 2                                 /* of a connection */
#define SLUICE_LINEAGE_LEVELS 9                       /* 0: any ancestor; 1..8: the parent, its parent, ... */
#define SLUICE_ATOMS \
  64 /* distinct image conditions behind lineage tests, or sets of texts behind `contains`, per rule set */
#define SLUICE_NAME_BYTES 16 /* proc.name with its NUL */
#define SLUICE_KEY_BYTES \
  256 /* exact key: the value with its NUL and zero padding; a longer one equals no entry */
#define SLUICE_SHORT_KEY_BYTES 64
#define SLUICE_PREFIX_BYTES \
  252                          /* of the value, its NUL included when it fits: "P\0" is the exact value P \
                                */
#define SLUICE_SUFFIX_BYTES 64 /* of the value, reversed */
#define SLUICE_PATH_BYTES 4096
#define SLUICE_END_WORDS 8          /* 64-bit words of the filters over both ends of a path */
#define SLUICE_MITIGATIONS 4096     /* rules that deny or kill, per rule set */
#define SLUICE_WATCHED_MODULES 4096 /* that were loaded and not freed */
#define SLUICE_CGROUP_SCOPES 32     /* distinct cgroups that scopes name, per rule set */
#define SLUICE_CGROUP_BYTES 256     /* of such a path; its names are at most SLUICE_CGROUP_DEPTH */
#define SLUICE_CGROUP_DEPTH 16

/* Decision points. Append only; the name is the LSM hook's. IMAGE is no hook of the kernel: its "clauses" are
 * the image conditions (atoms) behind lineage tests, matched against the new image at every exec. */
enum sluice_hook {
  SLUICE_HOOK_IMAGE = 0,
  SLUICE_HOOK_BPRM_CHECK = 1, /* bprm_check_security: execve, execveat; once per interpreter round */
  SLUICE_HOOK_FILE_OPEN = 2,  /* open, openat, openat2, creat, open_by_handle_at; other calls have no type */
  SLUICE_HOOK_PATH_MKNOD = 3, /* mknod, mknodat; also the creation inside an open (see file_open) */
  SLUICE_HOOK_PATH_UNLINK = 4,
  SLUICE_HOOK_PATH_RMDIR = 5,
  SLUICE_HOOK_PATH_MKDIR = 6,
  SLUICE_HOOK_PATH_RENAME = 7,
  SLUICE_HOOK_PATH_LINK = 8,
  SLUICE_HOOK_PATH_SYMLINK = 9,
  SLUICE_HOOK_PATH_TRUNCATE = 10, /* since 6.2 file_truncate as well */
  SLUICE_HOOK_PATH_CHMOD = 11,
  SLUICE_HOOK_PATH_CHOWN = 12,
  SLUICE_HOOK_INODE_SETXATTR = 13,
  SLUICE_HOOK_SOCKET_CREATE = 14,
  SLUICE_HOOK_SOCKET_BIND = 15,
  SLUICE_HOOK_SOCKET_CONNECT = 16,
  SLUICE_HOOK_SOCKET_LISTEN = 17,
  SLUICE_HOOK_SOCKET_ACCEPT = 18,
  SLUICE_HOOK_SOCKET_SENDMSG = 19,
  SLUICE_HOOK_MMAP_FILE = 20,
  SLUICE_HOOK_FILE_MPROTECT = 21,
  SLUICE_HOOK_SB_MOUNT = 22,
  SLUICE_HOOK_SB_KERN_MOUNT = 23,
  SLUICE_HOOK_MOVE_MOUNT = 24,
  SLUICE_HOOK_SB_UMOUNT = 25,
  SLUICE_HOOK_SB_PIVOTROOT = 26,
  SLUICE_HOOK_PATH_CHROOT = 27,
  SLUICE_HOOK_KERNEL_READ_FILE = 28,
  SLUICE_HOOK_KERNEL_LOAD_DATA = 29,
  SLUICE_HOOK_KERNEL_MODULE_REQUEST = 30,
  SLUICE_HOOK_BPF = 31,
  SLUICE_HOOK_PTRACE_ACCESS_CHECK = 32,
  SLUICE_HOOK_PTRACE_TRACEME = 33,
  SLUICE_HOOK_TASK_KILL = 34,
  SLUICE_HOOK_TASK_FIX_SETUID = 35,
  SLUICE_HOOK_TASK_FIX_SETGID = 36,
  SLUICE_HOOK_CAPSET = 37,
  SLUICE_HOOK_USERNS_CREATE = 38,
  SLUICE_HOOK_SETTIME = 39,
  SLUICE_HOOK_SYSLOG = 40,
  SLUICE_HOOK_SYS_EXIT =
      41, /* no LSM hook: calls that none covers, decided when they return (dup, setns, ...) */
  SLUICE_HOOK_BPRM_COMMITTED = 42, /* the new image is there: kills that ask its arguments or environment */
  SLUICE_HOOK_MODULE_HIDDEN =
      43, /* no LSM hook: the load of a module, which user space judges when the module hides itself */
  SLUICE_HOOK_INODE_REMOVEXATTR = 44, /* since 6.2 inode_remove_acl as well */
  SLUICE_HOOKS = 45,
};

/* Programs that belong to no decision point, in the mask of hooks to attach. */
#define SLUICE_POINT_NAMES (1ull << 63)   /* which names the files of mitigations get */
#define SLUICE_POINT_PROTECT (1ull << 62) /* the agent's own protection */

/* What protect.bpf.c refuses: numbers[0] of a SLUICE_RECORD_ATTEMPT; numbers[1] in brackets; numbers[2]: it was not refused.
 * Item TEXT: the file's name. */
enum sluice_attempt {
  SLUICE_ATTEMPT_SIGNAL = 1,     /* to the agent (number) */
  SLUICE_ATTEMPT_SIGIO = 2,      /* likewise, through a file that it was made the owner of */
  SLUICE_ATTEMPT_PTRACE = 3,     /* of the agent or of init (pid) */
  SLUICE_ATTEMPT_LIMIT = 4,      /* of the agent (RLIMIT_*) */
  SLUICE_ATTEMPT_SCHEDULING = 5, /* its priority, CPUs or memory nodes */
  SLUICE_ATTEMPT_MAP = 6,        /* writing to one of its maps (id) */
  SLUICE_ATTEMPT_PROGRAM = 7,    /* one of its programs (id) */
  SLUICE_ATTEMPT_LINK = 8,       /* one of its links (id) */
  SLUICE_ATTEMPT_PIN = 9,        /* its pins */
  SLUICE_ATTEMPT_CGROUP = 10,  /* a file of its cgroup, or of one above it (how many levels; -1: below it) */
  SLUICE_ATTEMPT_MOVE = 11,    /* to another cgroup */
  SLUICE_ATTEMPT_PROC = 12,    /* writing below its folder in /proc */
  SLUICE_ATTEMPT_TRACING = 13, /* turning off what programs are attached by */
  SLUICE_ATTEMPT_PERF = 14,    /* an event that sends a signal to whom it watches (pid) */
  SLUICE_ATTEMPT_BIRTH = 15,   /* a child in its cgroup */
  SLUICE_ATTEMPT_MEMORY = 16,  /* taking pages of memory away, whoever uses them */
};
#define SLUICE_ATTEMPTS 17
#define SLUICE_OWN_MAP (1ull << 32) /* keys of own_objects: with the id */
#define SLUICE_OWN_PROGRAM (2ull << 32)
#define SLUICE_OWN_LINK (3ull << 32)

/* String subjects. What TARGET and TEXT hold is the hook's own: compiler/check/operands.def. */
enum sluice_string {
  SLUICE_STR_NAME = 0,      /* proc.name: at exec the new image's */
  SLUICE_STR_EXEPATH = 1,   /* proc.exepath: at exec the file of this round */
  SLUICE_STR_PATH = 2,      /* fd.name, fs.path.name */
  SLUICE_STR_DIRECTORY = 3, /* fd.directory: the path without its last component; "/" for /x. Exact, prefix */
  SLUICE_STR_TARGET = 4,    /* a second path, or a long text */
  SLUICE_STR_TEXT = 5,      /* a short text: over 255 bytes it is unknown */
};
#define SLUICE_STRINGS 6
enum sluice_mode {
  SLUICE_MODE_EXACT = 0,
  SLUICE_MODE_PREFIX = 1,
  SLUICE_MODE_SUFFIX = 2,
  SLUICE_MODE_CONTAINS = 3
};
#define SLUICE_MODES 4

/* Integer subjects, compared as signed 64-bit numbers. */
enum sluice_int {
  SLUICE_INT_UID = 0,      /* user.uid: the effective one, as in Falco */
  SLUICE_INT_GID = 1,      /* group.gid: the effective one */
  SLUICE_INT_LOGINUID = 2, /* user.loginuid; -1 when unset */
  SLUICE_INT_RESULT = 3,   /* evt.rawres, at SYS_EXIT */
  SLUICE_INT_CGROUP = 4,   /* proc.cgroup_id */
  SLUICE_INT_MNT_NS = 5,   /* proc.mnt_ns */
  SLUICE_INT_PID_NS = 6,   /* proc.pid_ns */
  SLUICE_INT_UPTIME = 7,   /* evt.uptime.s */
  SLUICE_INT_ARG = 8,      /* the hook's own, SLUICE_ARGS of them: numbers[1..] of its record */
};

/* bprm_check_security: what descriptors 0, 1 and 2 lead to, its first numbers; of a socket its family. */
enum sluice_stdio {
  SLUICE_STDIO_UNIX = 1,
  SLUICE_STDIO_IPV4 = 2,
  SLUICE_STDIO_IPV6 = 10,
  SLUICE_STDIO_FILE = 100, /* or a device */
  SLUICE_STDIO_DIRECTORY = 101,
  SLUICE_STDIO_PIPE = 102,
};

/* Words that flag tests may ask. */
enum sluice_flag_word {
  SLUICE_WORD_EVENT = 0, /* SLUICE_FLAG_* and the hook's own: numbers[0] of its record */
  SLUICE_WORD_CAP_EFFECTIVE = 1,
  SLUICE_WORD_CAP_PERMITTED = 2,
  SLUICE_WORD_CAP_INHERITABLE = 3,
};

/* Ends of a connection, each an IPv6 address; IPv4 is mapped (::ffff:a.b.c.d). */
enum sluice_end { SLUICE_END_LOCAL = 0, SLUICE_END_REMOTE = 1 };

/* SLUICE_WORD_EVENT: the low 32 bits and those from 48 on are the hook's own flags (open: O_* as in f_flags).
 */
#define SLUICE_FLAG_READ (1ull << 32)  /* evt.is_open_read */
#define SLUICE_FLAG_WRITE (1ull << 33) /* evt.is_open_write */
#define SLUICE_FLAG_EXEC \
  (1ull << 34) /* evt.is_open_exec: opened with FMODE_EXEC, or created with an x bit \
                */
#define SLUICE_FLAG_CREATED (1ull << 35) /* the open made the file */
#define SLUICE_FLAG_MEMFD (1ull << 36)   /* the executable is a memfd: proc.is_exe_from_memfd */
#define SLUICE_FLAG_DELETED (1ull << 37) /* the executable is unlinked: proc.is_exe_deleted */
#define SLUICE_FLAG_UPPER \
  (1ull << 38) /* the executable is in an overlay's upper layer: proc.is_exe_upper_layer */

#define SLUICE_FLAG_CONTAINER (1ull << 39) /* container.id is there and not `host` */
#define SLUICE_FLAG_HOST (1ull << 40)      /* container.id is `host` */
#define SLUICE_FLAG_CLIMBS (1ull << 41)    /* open: fd.nameraw contains `../` */
#define SLUICE_FLAG_DIRECTORY (1ull << 42) /* open: of a directory: fd.type */

/* bprm_committed_creds: tests of variables, numbered by the plan. Their texts stand in the tables of the lookups
 * SLUICE_STR_PATH, exact and prefix, of this hook, as NAME=VALUE; what they lead to is not a class but a set of
 * such bits. */
#define SLUICE_VARIABLE_TESTS 31
#define SLUICE_VARIABLE_EMPTY (1u << 31) /* of NAME=: as if it were not there */
#define SLUICE_VARIABLE_BYTES 250        /* of NAME=VALUE in a table */

/* path_mknod: the kind of node */
#define SLUICE_FLAG_IS_REGULAR (1ull << 56)
#define SLUICE_FLAG_IS_CHAR (1ull << 57)
#define SLUICE_FLAG_IS_BLOCK (1ull << 58)
#define SLUICE_FLAG_IS_FIFO (1ull << 59)
#define SLUICE_FLAG_IS_SOCKET (1ull << 60)

/* mmap_file, file_mprotect: PROT_* as the call has them */
#define SLUICE_FLAG_PROT_SHIFT 48

/* Lookups of a hook, in the order in which they are worth asking. */
enum sluice_lookup {
  SLUICE_LOOKUP_TYPE = 0, /* dense by event type */
  SLUICE_LOOKUP_BITS = 1, /* dense by the gathered flag tests */
  SLUICE_LOOKUP_INT = 2,  /* + enum sluice_int; interval table */
  SLUICE_LOOKUP_LINEAGE = SLUICE_LOOKUP_INT + SLUICE_INTS,
  SLUICE_LOOKUP_NET = SLUICE_LOOKUP_LINEAGE + SLUICE_LINEAGE_LEVELS,     /* + enum sluice_end */
  SLUICE_LOOKUP_STRING = SLUICE_LOOKUP_NET + SLUICE_ENDS,                /* + enum sluice_string * 4 + mode */
  SLUICE_LOOKUPS = SLUICE_LOOKUP_STRING + SLUICE_STRINGS * SLUICE_MODES, /* 50 */
};

/* Lookups whose value is a word of atoms, one class per atom: the levels of lineage, then what each string contains. */
#define SLUICE_ATOM_WORDS (SLUICE_LINEAGE_LEVELS + SLUICE_STRINGS)

/* A set of clauses. `summary` has a bit per group of clauses that says that any of them is in the set. Which
 * clauses form a group is the plan's choice, the same for every set of a hook: best those with the same
 * lookups. */
struct sluice_set {
  __u64 summary;
  __u64 words[SLUICE_WORDS];
};

struct sluice_lookup_classes {
  __u32 other, absent, users; /* class ids */
  __u32 by_file;              /* likewise: clauses that ask every known name of the file (sluice_file) */
  __u64 users_summary; /* copy of users' summary: the lookup is skipped when none of them still stands */
  __u64 other_summary; /* copy of other's summary: a look-up that finds nothing reads no set */
};

struct sluice_interval {
  __s64 first; /* this interval goes up to the next entry's first - 1; the first entry of a table starts at
                  INT64_MIN */
  __u32 class_id;
  __u32 reserved;
};

#define SLUICE_HOOK_ACTIVE 1u    /* some clause exists */
#define SLUICE_HOOK_NEEDS_ENV 2u /* exec: user space wants the environment */
#define SLUICE_HOOK_NEEDS_CWD 4u
#define SLUICE_HOOK_MITIGATES 8u     /* some clause denies or kills */
#define SLUICE_HOOK_FIRSTS 16u       /* `firsts` is filled */
#define SLUICE_HOOK_LASTS 32u        /* `lasts` is filled */
#define SLUICE_HOOK_NAMES 64u        /* `names` is filled */
#define SLUICE_HOOK_EXE_FIRSTS 128u  /* `exe_firsts` is filled */
#define SLUICE_HOOK_FAILURES 256u    /* `failures` is not empty */
#define SLUICE_HOOK_NEEDS_GIVEN 512u /* open: user space wants the path as the caller gave it */
#define SLUICE_HOOK_SCOPES 1024u     /* some mitigation has a scope */

/* What one hook asks, in one generation. Tables are addressed as base + index in shared arrays of that
 * generation. */
struct sluice_hook_config {
  __u32 flags;
  __u32 file_strings; /* bit per enum sluice_string: some clause asks every known name of its file */
  __u64 used;         /* bit per lookup */
  __u32 type_base,
      type_count; /* dense[type_base + type] for type < type_count, else `other`; type 0: absent */
  __u32 bits_base, bits_count; /* dense[bits_base + index]; bit i of the index: (word & bits_mask[i]) != 0 */
  __u64 bits_mask[SLUICE_BIT_MASKS];
  __u32 bits_word[SLUICE_BIT_MASKS];                   /* enum sluice_flag_word */
  __u32 int_base[SLUICE_INTS], int_count[SLUICE_INTS]; /* intervals[base .. base+count) */
  __u64 atoms_used[SLUICE_ATOM_WORDS];                 /* atoms asked for in this word */
  __u32 atoms_base[SLUICE_ATOM_WORDS]; /* dense[base + 2 * atom + bit]; `other`: no used bit is set */
  __u32 suffix_bytes[SLUICE_STRINGS];  /* longest suffix in use, 0 to 64 */
  __u32 reserved_end;
  /* Both ends of the entries of SLUICE_STR_PATH, as Bloom filters. A path whose first component has no bit in
   * `firsts`, and whose first byte behind the slash has none in `partial_firsts` (for prefixes like "/et"),
   * finds no prefix, exact or directory entry; one whose last two bytes have none in `lasts` finds no suffix;
   * and it is not built for them. The flags say which are filled: not SLUICE_HOOK_FIRSTS with the prefix "/"
   * or an empty one, not SLUICE_HOOK_LASTS with a suffix of less than two bytes. See sluice_first_bit() and
   * sluice_last_bit(). */
  __u64 firsts[SLUICE_END_WORDS];
  __u64 partial_firsts[4];
  __u64 lasts[SLUICE_END_WORDS];
  /* Likewise of the image: first 8 bytes of the exact names; first components of the executable's prefix and
   * exact entries. */
  __u64 names[SLUICE_END_WORDS];
  __u64 exe_firsts[SLUICE_END_WORDS];
  __u64 exe_partial_firsts[4];
  struct sluice_lookup_classes lookups[SLUICE_LOOKUPS];
  struct sluice_set all;    /* clauses in use */
  __u64 deny[SLUICE_WORDS]; /* mitigates: includes kill, for a kill returns the error too */
  __u64 kill[SLUICE_WORDS];
  __u64 unknown_deny[SLUICE_WORDS]; /* on_unknown: deny */
  __u64 results[SLUICE_WORDS];      /* user space wants the call's result: the event waits for it */
  __u64 failures[SLUICE_WORDS];     /* may match a call that failed before it reached the hook */
};

/* For a surviving mitigation clause, index hook * 1024 + clause: the lowest order among them gives the errno.
 * One rule stands behind it, and may stand behind several clauses. */
struct sluice_action {
  __u16 order;       /* of the rule among those that mitigate at the hook, in load order; below 1024 */
  __u16 errno_value; /* positive */
  __u32 mitigation;  /* of the rule, in mitigations */
};

/* What a rule that denies or kills is bound to, beside its condition. Where one of these does not hold the
 * rule is audited: it says what it would have done.
 *
 *   mode    enforce or audit: a word of its own (mode_by_mitigation), which user space may change at any time
 *   scope   whom it is enforced for
 *   fuse    more than `fuse_count` refusals (or processes that were refused something) within the period that the first
 *           of them begins disarm the rule for as long; the one too many is still refused
 *
 * The kernel counts, so a fuse holds whatever user space is doing. */
enum sluice_scope {
  SLUICE_SCOPE_ALL = 0,
  SLUICE_SCOPE_UID = 1,     /* the effective user id is scope_value */
  SLUICE_SCOPE_CGROUP = 2,  /* the process is in the cgroup of this number in cgroup_scopes, or below it */
  SLUICE_SCOPE_PERCENT = 3, /* the bucket of the executable (sluice_bucket()) is below scope_value */
};
struct sluice_mitigation {
  __u32 scope, scope_value;
  __u32 fuse_count;     /* 0: no fuse */
  __u32 fuse_processes; /* what is counted: processes, not refusals */
  __u64 fuse_period_ns;
  /* the kernel's */
  __u64 fuse_state; /* begin of the period in milliseconds since boot << 24 | count in it */
  __u64 disarmed_until_ns;
  __u64 blown; /* how often */
  __u64 refused;
};
#define SLUICE_FUSE_COUNT_BITS 24 /* so a fuse counts to 16 million */

#define SLUICE_MITIGATION_ENFORCED 0u
#define SLUICE_MITIGATION_AUDITED 1u

/* A cgroup that a scope names: its names from the leaf up, each with its NUL, then zeros. The root has none. */
struct sluice_cgroup_scope {
  __u32 names, bytes;
  char value[SLUICE_CGROUP_BYTES];
};

/* A process that a fuse has counted. */
struct sluice_fused {
  __u32 mitigation; /* as in mitigation_by_rule: control.bounds[slot] * SLUICE_MITIGATIONS + number */
  __u32 pid;
  __u64 start_ns;
};

#define SLUICE_BUCKETS 100
#define SLUICE_BUCKET_BYTES 255 /* of the path that are looked at */

/* Keys. `lookup` is hook * SLUICE_LOOKUPS + lookup, so that all hooks share one map per mode and generation.
 * Values of all three are class ids (__u32). Exact keys are zero padded; a value of up to 59 bytes (with its
 * NUL: 60) is only in the short map, a longer one only in the long map. */
struct sluice_short_key {
  __u32 lookup;
  char value[SLUICE_SHORT_KEY_BYTES - 4];
};
struct sluice_long_key {
  __u32 lookup;
  char value[SLUICE_KEY_BYTES];
};
/* LPM tries: prefixlen counts bits from `lookup` on (32 + 8 * bytes of the pattern). Data is at most 256
 * bytes on 6.1, hence 252 of the value. A pattern longer than the data is left to user space by split/. All
 * 32 bits of `lookup` are always in the prefix. */
struct sluice_prefix_key {
  __u32 prefixlen;
  __u32 lookup;
  char value[SLUICE_PREFIX_BYTES];
};
struct sluice_suffix_key {
  __u32 prefixlen;
  __u32 lookup;
  char value[SLUICE_SUFFIX_BYTES]; /* reversed */
};

/* One automaton (Aho and Corasick's, with every transition written out) finds the texts of all `contains` of a rule set.
 * State 0 is the root. */
#define SLUICE_AUTOMATON_STATES 8192
struct sluice_automaton_row {
  __u64 found; /* atoms that have a text that ends here */
  __u16 next[256];
};

/* A file that a path of a mitigation names, or has named: names_by_file leads from it to that path. An exact test of a
 * mitigation is asked of each of the file's names, the path by which it was reached among them: one that is false of a
 * path that no rule names holds when it holds of one of them, any other when it holds of all. */
#define SLUICE_FILE_NAMES 4 /* of one file, number 0 to 3 without a gap */
struct sluice_file {
  __u64 inode;
  __u32 device, generation; /* the kernel's own */
  __u32 number;
  __u32 reserved;
};
struct sluice_file_name {
  __u32 bytes; /* without NUL */
  char value[SLUICE_KEY_BYTES];
};
/* Of a path the files that were noted last. Past as many the kernel adds none until user space has forgotten the oldest. */
#define SLUICE_PATH_FILES 256
struct sluice_noted_name {
  struct sluice_file_name name;
  __u32 noted_s; /* since boot */
};
/* Strings that may be the path of a file: EXEPATH, PATH, TARGET. */
#define SLUICE_FILE_STRINGS 3

struct sluice_net_key { /* likewise: 32 + bits of the net */
  __u32 prefixlen;
  __u32 lookup;
  __u8 address[16];
};

/* One image: what lineage and non-exec hooks know about a task's program. */
#define SLUICE_IMAGE_HEAD 256
#define SLUICE_IMAGE_TAIL 64
#define SLUICE_IMAGE_EXE_ABSENT 1u  /* a kernel thread */
#define SLUICE_IMAGE_EXE_UNKNOWN 2u /* the path could not be built */
#define SLUICE_IMAGE_MEMFD 4u
#define SLUICE_IMAGE_DELETED 8u
#define SLUICE_IMAGE_UPPER 16u
struct sluice_image {
  char name[SLUICE_NAME_BYTES];
  __u32 exepath_bytes; /* without NUL; the whole length, also when it exceeds the head */
  __u32 flags;
  char exepath[SLUICE_IMAGE_HEAD]; /* first bytes, NUL terminated */
  char tail[SLUICE_IMAGE_TAIL];    /* last bytes, reversed, zero padded */
};

/* Task-local storage. `self[s]` and `ancestors[s]` are valid for slot s when the tag beside them equals the
 * generation number that is loaded in slot s; otherwise lineage is unknown. Inherited at every task_alloc. */
struct sluice_task {
  struct sluice_image image;
  __u64 self[SLUICE_SLOTS];
  __u64 ancestors[SLUICE_SLOTS][SLUICE_LINEAGE_LEVELS]; /* [0]: union over all; [n]: the n-th, 1 = parent */
  __u32 self_generation[SLUICE_SLOTS];
  __u32 ancestors_generation[SLUICE_SLOTS];
};

/* Written by user space before a swap, one per living process, read by the task iterator. */
struct sluice_seed {
  __u64 start_ns; /* boot-time start of the process: guards against a reused pid. Compare by clock ticks (10
                     ms): of what was read from /proc only the tick is known, and a pid is not reused within
                     one */
  struct sluice_task task;
};

struct sluice_hook_stats {
  __u64 seen, dropped, sent, lost; /* seen = dropped + sent + lost */
  __u64 denied, killed, audited, undecided;
  __u64 no_scratch, no_path; /* reasons of undecided */
  __u64 skipped;             /* outside `seen`: what a stacked file system does to the files below its own */
  __u64 waiting;             /* seen, and kept for the call's result; at the end they count as dropped */
};

/* The kernel's view of what is loaded: the global `control` (section .data.control, mapped by the skeleton).
 * A swap fills the slot that is not active, stores its generation number, seeds the tasks, then stores
 * `active`. */
struct sluice_control {
  __u32 active; /* slot that judges */
  __u32
      generation[SLUICE_SLOTS]; /* generation number loaded in each slot; 0: none, nothing is judged by it */
  __u32 seed_slot;              /* slot that the task iterator fills */
  __u32 wake_bytes; /* user space is woken when this much is queued; it polls every 10 ms anyway */
  __u32 host_mnt_ns, host_pid_ns; /* inode numbers */
  __u32 names;                    /* there are paths in file_names, or were */
  __u32 audit;                    /* every mitigation is audited */
  __u32 pin_device;               /* of the folder of the agent's pins, the kernel's number */
  __u32 reserved;
  __u64 pin_inode;             /* 0: no folder */
  __u64 agent_task;            /* the kernel's: the agent; 0: there is none */
  __u64 mover;                 /* the kernel's: the task that moves the agent to another cgroup just now */
  __u64 root_mnt, root_dentry; /* the kernel's: the agent's root, while it is known to be its namespace's */
  __u32 cgroup_scopes[SLUICE_SLOTS]; /* how many there are */
  /* Which half of mitigation_by_rule and mode_by_rule the slot's rules are in: the same one where a swap keeps the rules and
   * changes members of sets alone, so that no refusal is lost to a fuse. */
  __u32 bounds[SLUICE_SLOTS];
};

/* What a later agent reads of programs that an earlier one left attached: the global `handover` (section
 * .data.handover). Versions differ: this struct only grows, at its end. */
#define SLUICE_HANDOVER_HOOKS 64
struct sluice_handover {
  __u32 agent_pid;  /* a kill never reaches this process (the denial does); 0: none */
  __u32 unattended; /* nobody reads the records: the agent has ended, or says that it is about to */
  __u64 mitigated[SLUICE_HANDOVER_HOOKS]; /* by hook: calls refused and processes killed while unattended */
};

/* Counters outside the hooks, summed over all CPUs: the global `totals` (section .data.totals). */
struct sluice_totals {
  __u64 parked;   /* execs seen but not decided yet; at the end they count as dropped */
  __u64 waiting;  /* calls whose event waits for their result */
  __u64 unfilled; /* tasks that the last iterator run could not fill; user space stores 0 before */
  __u64 tree_sent, tree_lost; /* FORK, EXEC without a set, and EXIT records */
  __u64 attempts;             /* on the agent, refused: protect.bpf.c */
  __u64 no_storage;           /* task storage could not be had: the task's lineage is unknown */
  __u64 names_refused;        /* files that found no room in names_by_file: lib/files.bpf.h */
};

/* Numbers of i386's socketcall(2) stand for calls of their own. */
#define SLUICE_NR32_SOCKETCALL 102

/* type_by_call: index abi * SLUICE_CALLS + number (abi 0: 64 bit, 1: 32 bit) and, behind those, one entry per
 * hook for an io_uring operation that reaches it. The event has a type only at the hooks that the entry
 * names.
 */
#define SLUICE_CALLS 512
#define SLUICE_CALL_ENTRIES (2 * SLUICE_CALLS + SLUICE_HOOKS)
struct sluice_call {
  __u64 hooks;     /* bit per enum sluice_hook that decides this type; one call reaches one of them */
  __u32 type;      /* event type id, 0 none */
  __u32 completed; /* SLUICE_CALL_* */
};
#define SLUICE_CALL_COMPLETED 1u  /* a companion is attached where this call returns */
#define SLUICE_CALL_DESCRIPTOR 2u /* it returns a descriptor */

#ifdef __cplusplus
#define SLUICE_ASSERT static_assert
#else
#define SLUICE_ASSERT _Static_assert
#endif
SLUICE_ASSERT(SLUICE_LOOKUPS <= 64, "lookups fit the used mask");
SLUICE_ASSERT(SLUICE_HOOKS <= 62, "hooks fit a mask");
SLUICE_ASSERT(sizeof(struct sluice_handover) >= 520, "hand-over: it never shrinks");
SLUICE_ASSERT(SLUICE_INT_ARG + SLUICE_ARGS == SLUICE_INTS, "the arguments come last");
SLUICE_ASSERT(sizeof(struct sluice_set) == 136, "set");
SLUICE_ASSERT(sizeof(struct sluice_lookup_classes) == 32, "lookup classes");
SLUICE_ASSERT(sizeof(struct sluice_interval) == 16, "interval");
SLUICE_ASSERT(sizeof(struct sluice_short_key) == 64, "short key");
SLUICE_ASSERT(sizeof(struct sluice_long_key) == 260, "long key");
SLUICE_ASSERT(sizeof(struct sluice_prefix_key) == 260, "prefix key: 4 + 256 data bytes");
SLUICE_ASSERT(sizeof(struct sluice_suffix_key) == 72, "suffix key");
SLUICE_ASSERT(sizeof(struct sluice_net_key) == 24, "net key");
SLUICE_ASSERT(sizeof(struct sluice_file) == 24, "file");
SLUICE_ASSERT(sizeof(struct sluice_file_name) == 260, "name of a file");
SLUICE_ASSERT(sizeof(struct sluice_noted_name) == 264, "noted name of a file");
SLUICE_ASSERT(sizeof(struct sluice_hook_config) % 8 == 0, "hook configuration");
SLUICE_ASSERT(sizeof(struct sluice_action) == 8, "action");
SLUICE_ASSERT(sizeof(struct sluice_mitigation) == 56, "mitigation");
SLUICE_ASSERT(sizeof(struct sluice_image) == 344, "image");
SLUICE_ASSERT(sizeof(struct sluice_task) == 344 + 16 + 144 + 16, "task");
