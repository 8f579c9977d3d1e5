/* lib/maps.bpf.h - every map and global of the programs, and the tables as the matcher asks for them.
 *
 * Weak: each family defines them, the linker keeps one. The loader sizes the maps whose max_entries are 1,
 * and the inner maps: a value map of a generation is created by it and put into slot 0 or 1 of the outer map.
 * Inner templates carry no BTF, for 6.1 compares that too; the arrays have BPF_F_INNER_MAP so that their
 * length is free.
 */
#pragma once

#include "kernel.bpf.h"
#include "match.bpf.h"

#define SLUICE_MAP(name) name __weak SEC(".maps")

/* Inner maps of one generation: key bytes, value bytes. */
#define SLUICE_TABLE(outer, inner_type, key_bytes, value_bytes, flags) \
  struct {                                                             \
    __uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);                          \
    __uint(max_entries, SLUICE_SLOTS);                                 \
    __uint(key_size, 4);                                               \
    __uint(value_size, 4);                                             \
    __array(                                                           \
        values, struct {                                               \
          __uint(type, inner_type);                                    \
          __uint(max_entries, 1);                                      \
          __uint(key_size, key_bytes);                                 \
          __uint(value_size, value_bytes);                             \
          __uint(map_flags, flags);                                    \
        });                                                            \
  } SLUICE_MAP(outer)

SLUICE_TABLE(short_by_slot, BPF_MAP_TYPE_HASH, sizeof(struct sluice_short_key), 4, 0);
SLUICE_TABLE(long_by_slot, BPF_MAP_TYPE_HASH, sizeof(struct sluice_long_key), 4, 0);
SLUICE_TABLE(prefixes_by_slot, BPF_MAP_TYPE_LPM_TRIE, sizeof(struct sluice_prefix_key), 4, BPF_F_NO_PREALLOC);
SLUICE_TABLE(suffixes_by_slot, BPF_MAP_TYPE_LPM_TRIE, sizeof(struct sluice_suffix_key), 4, BPF_F_NO_PREALLOC);
SLUICE_TABLE(nets_by_slot, BPF_MAP_TYPE_LPM_TRIE, sizeof(struct sluice_net_key), 4, BPF_F_NO_PREALLOC);
SLUICE_TABLE(classes_by_slot, BPF_MAP_TYPE_ARRAY, 4, sizeof(struct sluice_set), BPF_F_INNER_MAP);
SLUICE_TABLE(dense_by_slot, BPF_MAP_TYPE_ARRAY, 4, 4, BPF_F_INNER_MAP);
SLUICE_TABLE(intervals_by_slot, BPF_MAP_TYPE_ARRAY, 4, sizeof(struct sluice_interval), BPF_F_INNER_MAP);
SLUICE_TABLE(automaton_by_slot, BPF_MAP_TYPE_ARRAY, 4, sizeof(struct sluice_automaton_row), BPF_F_INNER_MAP);

/* slot * SLUICE_HOOKS + hook */
struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(max_entries, SLUICE_SLOTS *SLUICE_HOOKS);
  __type(key, __u32);
  __type(value, struct sluice_hook_config);
} SLUICE_MAP(config_by_hook);

/* (slot * SLUICE_HOOKS + hook) * SLUICE_CLAUSES + clause */
struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(max_entries, SLUICE_SLOTS *SLUICE_HOOKS *SLUICE_CLAUSES);
  __type(key, __u32);
  __type(value, struct sluice_action);
} SLUICE_MAP(action_by_clause);

/* control.bounds[slot] * SLUICE_MITIGATIONS + number: bounds_index() */
struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(max_entries, SLUICE_SLOTS *SLUICE_MITIGATIONS);
  __type(key, __u32);
  __type(value, struct sluice_mitigation);
} SLUICE_MAP(mitigation_by_rule);

/* Likewise: SLUICE_MITIGATION_*. */
struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(max_entries, SLUICE_SLOTS *SLUICE_MITIGATIONS);
  __type(key, __u32);
  __type(value, __u32);
} SLUICE_MAP(mode_by_rule);

/* slot * SLUICE_CGROUP_SCOPES + number */
struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(max_entries, SLUICE_SLOTS *SLUICE_CGROUP_SCOPES);
  __type(key, __u32);
  __type(value, struct sluice_cgroup_scope);
} SLUICE_MAP(cgroup_by_scope);

/* Begin of the period in which the process was counted. One that is pushed out is counted twice: the fuse blows too
 * early rather than too late. */
struct {
  __uint(type, BPF_MAP_TYPE_LRU_HASH);
  __uint(max_entries, 16384);
  __type(key, struct sluice_fused);
  __type(value, __u64);
} SLUICE_MAP(fused_processes);

/* abi * SLUICE_CALLS + number, then per hook what an operation of io_uring, or one inside a call of another
 * kind, stands for */
struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(max_entries, SLUICE_CALL_ENTRIES);
  __type(key, __u32);
  __type(value, struct sluice_call);
} SLUICE_MAP(type_by_call);

struct {
  __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
  __uint(max_entries, SLUICE_HOOKS);
  __type(key, __u32);
  __type(value, struct sluice_hook_stats);
} SLUICE_MAP(stats_by_hook);

struct {
  __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
  __uint(max_entries, 1);
  __type(key, __u32);
  __type(value, __u64);
} SLUICE_MAP(sequence_by_cpu);

/* What the kernel keeps of a task. `task` is what user space knows too; the rest is the kernel's alone. */
struct task_state {
  struct sluice_task task;
  __u32 image_set; /* the image comes from an exec, a fork or a seed */
  __u32 container; /* CONTAINER_* of cgroup_id */
  __u64 cgroup_id;
  struct sluice_file
      executable;     /* of the exec: a process may name another one afterwards (PR_SET_MM); inode 0: none */
  __u32 self_mounted; /* the executable was; is_self_mounted() */
  __u32 reached; /* by the call in progress, its hook: its failure is no attempt of its own; reached_by() */
  __u64 clone_flags;                       /* of its latest clone */
  __u64 descriptor_exec;                   /* struct linux_binprm *: its latest exec of a descriptor */
  char descriptor_name[SLUICE_NAME_BYTES]; /* of the file behind that descriptor */
  __u64 blind_exec; /* struct linux_binprm *: its latest exec whose first round was judged without scratch */
};

struct {
  __uint(type, BPF_MAP_TYPE_TASK_STORAGE);
  __uint(map_flags, BPF_F_NO_PREALLOC);
  __type(key, int);
  __type(value, struct task_state);
} SLUICE_MAP(task_by_storage);

struct task_creds {
  __u32 uid, gid;
  __u64 cap_permitted, cap_effective, cap_inheritable;
};

/* What a task's storage may hold: since Linux 6.19 its element is one of the kernel's objects of 8,192 bytes at most. */
#define STORAGE_BYTES 7936

#define PARKED_BYTES 1024     /* a round's path is kept where those before it are shorter together */
#define DIGEST_TEXT_BYTES 136 /* lib/verity.bpf.h */
#define DIGEST_UNKNOWN 255
/* An exec whose surviving set waits for the new image. One per task, made only when a set survives. */
struct parked_exec {
  __u32 open; /* counted in totals.parked */
  __u32 slot, generation;
  __u32 flags; /* SLUICE_EVENT_* of the call */
  __u32 type;
  __u32 rounds;
  __u32 used; /* bytes of `paths` */
  __u32 reserved;
  __u64 unknown;
  __u64 set[SLUICE_WORDS];       /* union over the rounds */
  __u64 undecided[SLUICE_WORDS]; /* likewise */
  struct task_creds creds;       /* of the caller, before a set-user-ID program changes them */
  __s64 stdio[3];                /* likewise, before descriptors are closed */
  __u64 round_set[SLUICE_ROUNDS][SLUICE_WORDS];
  __u32 path_at[SLUICE_ROUNDS];
  __u32 path_bytes[SLUICE_ROUNDS];
  __u32 digest_bytes[SLUICE_ROUNDS]; /* 0: none */
  char digests[SLUICE_ROUNDS][DIGEST_TEXT_BYTES];
  char paths[PARKED_BYTES + SLUICE_PATH_BYTES];
};
_Static_assert(sizeof(struct parked_exec) <= STORAGE_BYTES, "a task's storage has no room for it");
_Static_assert(sizeof(struct task_state) <= STORAGE_BYTES, "a task's storage has no room for it");

struct {
  __uint(type, BPF_MAP_TYPE_TASK_STORAGE);
  __uint(map_flags, BPF_F_NO_PREALLOC);
  __type(key, int);
  __type(value, struct parked_exec);
} SLUICE_MAP(parked_by_task);

struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(max_entries, 1);
  __type(key, __u32);
  __type(value, struct sluice_seed);
} SLUICE_MAP(seed_by_pid);

/* What the paths of mitigations name: lib/files.bpf.h. */
struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(map_flags, BPF_F_NO_PREALLOC);
  __uint(max_entries, 1 << 18);
  __type(key, struct sluice_file);
  __type(value, struct sluice_noted_name);
} SLUICE_MAP(names_by_file);

/* The paths themselves, with how many files they lead from; user space counts anew from time to time. */
struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(map_flags, BPF_F_NO_PREALLOC);
  __uint(max_entries, 1 << 18);
  __type(key, struct sluice_file_name);
  __type(value, __u32);
} SLUICE_MAP(file_names);

struct {
  __uint(type, BPF_MAP_TYPE_RINGBUF);
  __uint(max_entries, 1 << 20);
} SLUICE_MAP(events);

struct {
  __uint(type, BPF_MAP_TYPE_RINGBUF);
  __uint(max_entries, 1 << 18);
} SLUICE_MAP(mitigations);

struct sluice_control control __weak SEC(".data.control") = {};
struct sluice_totals totals __weak SEC(".data.totals") = {};
struct sluice_handover handover __weak SEC(".data.handover") = {};

/* Where the bounds and the mode of a slot's rule are. */
SLUICE_INLINE __u32 bounds_index(__u32 slot, __u32 number) {
  return (control.bounds[slot & 1] & 1) * SLUICE_MITIGATIONS + number;
}

/* A table of the generation that judges. */
#define SLUICE_TABLE_OF(outer, m)                   \
  __u32 slot = (m)->slot;                           \
  void *table = bpf_map_lookup_elem(&outer, &slot); \
  if (!table) return 0

SLUICE_INLINE const __u32 *sluice_short_class(const struct sluice_match *m,
                                              const struct sluice_short_key *key) {
  SLUICE_TABLE_OF(short_by_slot, m);
  return bpf_map_lookup_elem(table, key);
}
SLUICE_INLINE const __u32 *sluice_long_class(const struct sluice_match *m,
                                             const struct sluice_long_key *key) {
  SLUICE_TABLE_OF(long_by_slot, m);
  return bpf_map_lookup_elem(table, key);
}
SLUICE_INLINE const __u32 *sluice_prefix_class(const struct sluice_match *m,
                                               const struct sluice_prefix_key *key) {
  SLUICE_TABLE_OF(prefixes_by_slot, m);
  return bpf_map_lookup_elem(table, key);
}
SLUICE_INLINE const __u32 *sluice_suffix_class(const struct sluice_match *m,
                                               const struct sluice_suffix_key *key) {
  SLUICE_TABLE_OF(suffixes_by_slot, m);
  return bpf_map_lookup_elem(table, key);
}
SLUICE_INLINE const __u32 *sluice_net_class(const struct sluice_match *m, const struct sluice_net_key *key) {
  SLUICE_TABLE_OF(nets_by_slot, m);
  return bpf_map_lookup_elem(table, key);
}
SLUICE_INLINE const __u32 *sluice_dense_class(const struct sluice_match *m, __u32 index) {
  SLUICE_TABLE_OF(dense_by_slot, m);
  return bpf_map_lookup_elem(table, &index);
}
SLUICE_INLINE void *sluice_intervals(const struct sluice_match *m) {
  __u32 slot = m->slot;
  return bpf_map_lookup_elem(&intervals_by_slot, &slot);
}
SLUICE_INLINE const struct sluice_interval *sluice_interval_in(const struct sluice_match *m, void *table,
                                                               __u32 index) {
  return bpf_map_lookup_elem(table, &index);
}
SLUICE_INLINE void *sluice_automaton(const struct sluice_match *m) {
  __u32 slot = m->slot;
  return bpf_map_lookup_elem(&automaton_by_slot, &slot);
}
SLUICE_INLINE const struct sluice_automaton_row *sluice_row_in(const struct sluice_match *m, void *table,
                                                               __u32 index) {
  return bpf_map_lookup_elem(table, &index);
}
SLUICE_INLINE const struct sluice_set *sluice_class_set(const struct sluice_match *m, __u32 class_id) {
  SLUICE_TABLE_OF(classes_by_slot, m);
  return bpf_map_lookup_elem(table, &class_id);
}
SLUICE_INLINE const struct sluice_action *sluice_action_of(const struct sluice_match *m, __u32 clause) {
  __u32 index = (m->slot * SLUICE_HOOKS + m->hook) * SLUICE_CLAUSES + clause;
  return bpf_map_lookup_elem(&action_by_clause, &index);
}
SLUICE_INLINE const struct sluice_mitigation *sluice_mitigation_of(const struct sluice_match *m,
                                                                   __u32 number) {
  __u32 index = bounds_index(m->slot, number);
  return bpf_map_lookup_elem(&mitigation_by_rule, &index);
}
SLUICE_INLINE __u32 sluice_mode_of(const struct sluice_match *m, __u32 number) {
  __u32 index = bounds_index(m->slot, number);
  const __u32 *mode = bpf_map_lookup_elem(&mode_by_rule, &index);

  return control.audit || !mode ? SLUICE_MITIGATION_AUDITED : *mode;
}
SLUICE_INLINE const struct sluice_hook_config *config_of(__u32 slot, __u32 hook) {
  __u32 index = slot * SLUICE_HOOKS + hook;
  return bpf_map_lookup_elem(&config_by_hook, &index);
}

/* The cgroup at this level on the way from the root, level 0, to `cgroup`, or itself; 0: that lies higher. */
SLUICE_INLINE struct cgroup *cgroup_at(const struct cgroup *cgroup, int level) {
  struct cgroup *found = 0;

  if (level < 0 || level > BPF_CORE_READ(cgroup, level)) return 0;
  bpf_probe_read_kernel(
      &found, sizeof(found),
      (char *)cgroup + bpf_core_field_offset(struct cgroup, ancestors) + sizeof(found) * level);
  return found;
}
