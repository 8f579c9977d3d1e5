/* lib/judge.bpf.h - what the mitigations among the clauses that survived do: the verdict on one event.
 *
 * Runs in the kernel and in user space, as match.bpf.h does. What a rule is bound to (mode, scope, fuse) is asked here;
 * which processes a scope holds is filled in before (m->cgroup_scopes, m->bucket, the user's number).
 *
 * Which way it fails: a rule whose bounds cannot be read does not refuse and is audited.
 */
#pragma once

#include "match.bpf.h"

/* What the tables are asked; lib/maps.bpf.h and lib/fuse.bpf.h answer in the kernel, the model in user space. NULL: no
 * entry. */
SLUICE_INLINE const struct sluice_action *sluice_action_of(const struct sluice_match *m, __u32 clause);
SLUICE_INLINE const struct sluice_mitigation *sluice_mitigation_of(const struct sluice_match *m,
                                                                   __u32 number);
/* SLUICE_MITIGATION_*, now. */
SLUICE_INLINE __u32 sluice_mode_of(const struct sluice_match *m, __u32 number);
/* Whether the rule's fuse lets it refuse; counts the refusal. */
SLUICE_INLINE int sluice_fuse_holds(const struct sluice_match *m, __u32 number);

/* What the surviving mitigations do: the errno of the first denying rule in load order, and flags. */
#define SLUICE_VERDICT_ERRNO 0xffffu
#define SLUICE_VERDICT_KILL (1u << 16)
#define SLUICE_VERDICT_AUDIT (1u << 17)
#define SLUICE_VERDICT_UNDECIDED (1u << 18)
#define SLUICE_EPERM 1u

/* A number below SLUICE_BUCKETS, the same for the same path on every host: FNV-1a, whose upper bits depend little on the
 * last bytes and are mixed with the others, scaled. */
SLUICE_INLINE __u32 sluice_bucket(const char *path) {
  __u64 hash = 0xcbf29ce484222325ull;
  __u32 i;

  SLUICE_ROLLED
  for (i = 0; i < SLUICE_BUCKET_BYTES; i++) {
    if (!path[i]) break;
    hash = (hash ^ (__u8)path[i]) * 0x100000001b3ull;
  }
  hash = (hash ^ hash >> 32) * 0x9e3779b97f4a7c15ull;
  return (hash >> 32) * SLUICE_BUCKETS >> 32;
}

SLUICE_INLINE int sluice_in_scope(const struct sluice_match *m, const struct sluice_mitigation *how) {
  switch (how->scope) {
    case SLUICE_SCOPE_ALL:
      return 1;
    case SLUICE_SCOPE_UID:
      return m->ints[SLUICE_INT_UID] == how->scope_value;
    case SLUICE_SCOPE_CGROUP:
      return m->cgroup_scopes >> (how->scope_value & 31) & 1;
    case SLUICE_SCOPE_PERCENT:
      return m->bucket < how->scope_value;
    default:
      return 0;
  }
}

/* Whether the rule behind the clause refuses, now and for this process. Its fuse counts an event once, however
 * many clauses of the rule survive. */
SLUICE_INLINE int sluice_refuses(struct sluice_match *m, const struct sluice_action *action) {
  const struct sluice_mitigation *how = sluice_mitigation_of(m, action->mitigation);
  __u32 word = action->order / 64 & (SLUICE_WORDS - 1);
  __u64 bit = 1ull << (action->order & 63);
  int fresh = !(m->counted[word] & bit);

  if (!how || sluice_mode_of(m, action->mitigation) != SLUICE_MITIGATION_ENFORCED) return 0;
  if (!sluice_in_scope(m, how)) return 0;
  if (!fresh) return 1;
  if (!sluice_fuse_holds(m, action->mitigation)) return 0;
  m->counted[word] |= bit;
  return 1;
}

/* Which of these mitigating clauses of one word refuse: m->refusing. Lowers m->first to the first rule in load
 * order among them. What a loop keeps from one round to the next is in memory: 6.1 would otherwise follow every
 * combination. */
SLUICE_ONCE int sluice_act(struct sluice_match *m, __u32 word, __u64 acting) {
  __u32 bit;

  if (!m) return 0;
  m->refusing = 0;
  SLUICE_ROLLED
  for (bit = 0; bit < 64; bit++) {
    const struct sluice_action *action;
    __u32 this_one;

    if (!(acting >> bit & 1)) continue;
    action = sluice_action_of(m, word * 64 + bit);
    if (!action || !sluice_refuses(m, action)) continue;
    m->refusing |= 1ull << bit;
    this_one = (__u32)action->order << 16 | (action->errno_value & 0xfff);
    if (this_one < m->first) m->first = this_one;
  }
  return 0;
}

/* Undecided mitigations follow their on_unknown, and then deny at most: a kill takes certainty. REQUIRES: once an
 * event, for fuses count. */
SLUICE_ONCE __u32 sluice_judge(struct sluice_match *m, const struct sluice_hook_config *config) {
  __u64 undecided = 0, killing = 0, auditing = 0, any = 0;
  __u32 verdict, word;

  if (!m || !config) return 0;
  m->first = 0xffff0000u | SLUICE_EPERM;
  for (word = 0; word < SLUICE_WORDS; word++) m->counted[word] = 0;
  SLUICE_ROLLED
  for (word = 0; word < SLUICE_WORDS; word++) {
    __u64 doubtful = m->undecided[word];
    __u64 sure = m->set[word] & ~doubtful;
    __u64 acting = (sure | (doubtful & config->unknown_deny[word])) & config->deny[word];
    __u64 refusing = 0;

    undecided |= doubtful;
    if (acting) {
      sluice_act(m, word, acting);
      refusing = m->refusing & acting;
    }
    killing |= sure & refusing & config->kill[word];
    m->audited[word] = acting & ~refusing;
    auditing |= acting & ~refusing;
    any |= refusing;
  }
  verdict = any ? m->first & 0xfff : 0;
  if (any && !verdict) verdict = SLUICE_EPERM;
  if (killing) verdict |= SLUICE_VERDICT_KILL;
  if (auditing) verdict |= SLUICE_VERDICT_AUDIT;
  if (undecided) verdict |= SLUICE_VERDICT_UNDECIDED;
  return verdict;
}
