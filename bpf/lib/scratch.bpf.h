/* lib/scratch.bpf.h - working memory: eight slots a CPU, claimed for the length of one program.
 *
 * A program cannot migrate but may be preempted by another task's on the same CPU (preempt=full), so one
 * buffer a CPU would be shared. When all eight are taken the event is decided without any: everything is
 * unknown.
 */
#pragma once

#include "fuse.bpf.h"
#include "match_text.bpf.h"

#define SCRATCH_SLOTS 8
#define RECORD_MORE_BYTES (2 * SLUICE_PATH_BYTES + 1024)

/* The path is built in place: the 8 bytes before it are the head of a map key while matching, then its item.
 */
struct event_record {
  struct sluice_record header;
  struct sluice_long_text path;
  char more[RECORD_MORE_BYTES];
};

struct cgroup_scan {
  __u64 last; /* bytes, the latest below */
  __u32 run;  /* of digits */
  __u32 found;
  __u64 node; /* whose name comes next */
  __u32 kind; /* CONTAINER_* */
};

/* Where the names of the process's cgroup begin, and where they end: lib/mitigate.bpf.h. */
#define CGROUP_NAMES 32
struct cgroup_names {
  __u32 count;
  __u32 at[CGROUP_NAMES];
};

/* Arguments and environment of a new image: lib/strings.bpf.h. */
struct strings_scan {
  __u64 at;
  __u64 args, args_end; /* behind argv[0] */
  __u32 number, first_variable, count;
  __u32 inside; /* of a string longer than a piece */
  __u32 found;  /* tests of variables that hold */
  __u32 failed;
};

struct scratch {
  __u32 busy;
  __u32 index;      /* its own */
  __u32 generation; /* that judges */
  __u32 flags;      /* SLUICE_EVENT_* of the call */
  __u32 path_built;
  __u32 completed;                /* a companion waits at the call's return */
  const char *given;              /* of an open that failed: the path as the caller gave it */
  __u64 numbers[1 + SLUICE_ARGS]; /* of the record */
  struct cgroup_scan cgroup;
  struct cgroup_names cgroup_names;
  struct strings_scan strings;
  struct sluice_match match;
  struct sluice_text name;
  struct sluice_text exepath;
  struct sluice_text directory;
  struct sluice_text text;
  struct sluice_long_text target;
  struct sluice_suffix_key suffix;
  struct sluice_file file;        /* whose names are asked */
  struct sluice_noted_name noted; /* a path, to be noted as a file's name */
  struct event_record record;
};

struct {
  __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
  __uint(max_entries, SCRATCH_SLOTS);
  __type(key, __u32);
  __type(value, struct scratch);
} SLUICE_MAP(scratch_by_cpu);

SLUICE_INLINE struct scratch *scratch_claim(void) {
  __u32 i;

#pragma clang loop unroll(disable)
  for (i = 0; i < SCRATCH_SLOTS; i++) {
    __u32 index = i;
    struct scratch *s = bpf_map_lookup_elem(&scratch_by_cpu, &index);

    if (!s) break;
    if (__sync_lock_test_and_set(&s->busy, 1) != 0) continue;
    s->index = i;
    return s;
  }
  return 0;
}

SLUICE_INLINE void scratch_release(struct scratch *s) { __sync_lock_test_and_set(&s->busy, 0); }
