/* lib/mitigate.bpf.h - whom a mitigation is enforced for, and what the surviving ones do.
 *
 * Fail direction: what cannot be known (no image, no memory) is outside of a scope, and the rule is audited.
 */
#pragma once

#include "emit.bpf.h"
#include "judge.bpf.h"
#include "task.bpf.h"

/* Names of the process's cgroup from the leaf up, in s->record.more, each with its NUL; zeros behind them. Of one that lies
 * deeper than any scope those of the cgroup above it that is as deep. */
SLUICE_INLINE int read_cgroup(struct scratch *s, struct task_struct *task) {
  struct cgroup *cgroup = BPF_CORE_READ(task, cgroups, dfl_cgrp);
  struct cgroup *above = cgroup_at(cgroup, SLUICE_CGROUP_DEPTH);
  struct kernfs_node *node = BPF_CORE_READ(above ? above : cgroup, kn);
  struct cgroup_names *names = &s->cgroup_names;
  __u32 at = 0, i;

  names->count = 0;
  SLUICE_ROLLED
  for (i = 0; i < CGROUP_NAMES; i++) {
    struct kernfs_node *parent = parent_of(node);
    long bytes;

    BOUND(at, 2 * SLUICE_PATH_BYTES - 1);
    names->at[i] = at;
    if (!parent) {
      SLUICE_STORE64(s->record.more + at, 0);
      names->count = i;
      return 1;
    }
    bytes = bpf_probe_read_kernel_str(s->record.more + at, SLUICE_CGROUP_BYTES, BPF_CORE_READ(node, name));
    if (bytes <= 0) return 0;
    at += bytes;
    node = parent;
  }
  return 0;
}

/* Whether the process's cgroup is the scope's or below it: whether its last names are the scope's. */
SLUICE_INLINE int is_below(struct scratch *s, const struct sluice_cgroup_scope *scope) {
  const struct cgroup_names *names = &s->cgroup_names;
  __u32 first = names->count - scope->names, last = names->count, from, i;

  if (scope->names > names->count) return 0;
  SLUICE_OPAQUE(first);
  SLUICE_OPAQUE(last);
  from = names->at[first & (CGROUP_NAMES - 1)];
  if (names->at[last & (CGROUP_NAMES - 1)] - from != scope->bytes) return 0;
  SLUICE_ROLLED
  for (i = 0; i < SLUICE_CGROUP_BYTES; i += 8) {
    __u32 at = from + i;

    if (i >= scope->bytes) break;
    BOUND(at, 2 * SLUICE_PATH_BYTES - 1);
    if (SLUICE_LOAD64(s->record.more + at) != SLUICE_LOAD64(scope->value + i)) return 0;
  }
  return 1;
}

SLUICE_ONCE int fill_cgroup_scopes(__u32 scratch_index) {
  struct scratch *s = bpf_map_lookup_elem(&scratch_by_cpu, &scratch_index);
  __u32 count, slot, i;

  if (!s) return 0;
  slot = s->match.slot & 1;
  count = control.cgroup_scopes[slot];
  s->match.cgroup_scopes = 0;
  if (!count || !read_cgroup(s, bpf_get_current_task_btf())) return 0;
  SLUICE_ROLLED
  for (i = 0; i < SLUICE_CGROUP_SCOPES; i++) {
    __u32 index = slot * SLUICE_CGROUP_SCOPES + i;
    const struct sluice_cgroup_scope *scope = bpf_map_lookup_elem(&cgroup_by_scope, &index);

    if (i >= count) break;
    if (scope && is_below(s, scope)) s->match.cgroup_scopes |= 1u << i;
  }
  return 0;
}

/* The executable is the one that rules mean: at exec the file of this round. */
SLUICE_ONCE int fill_bucket(__u32 scratch_index) {
  struct scratch *s = bpf_map_lookup_elem(&scratch_by_cpu, &scratch_index);
  const struct task_state *state;

  if (!s) return 0;
  s->match.bucket = SLUICE_BUCKETS;
  if (s->match.hook == SLUICE_HOOK_BPRM_CHECK) {
    if (s->path_built && s->match.state[SLUICE_STR_EXEPATH] == SLUICE_TEXT_PRESENT)
      s->match.bucket = sluice_bucket(s->record.path.value);
    return 0;
  }
  state = state_of(bpf_get_current_task_btf());
  if (state && !(state->task.image.flags & (SLUICE_IMAGE_EXE_ABSENT | SLUICE_IMAGE_EXE_UNKNOWN)))
    s->match.bucket = sluice_bucket(state->task.image.exepath);
  return 0;
}

/* What the surviving mitigations do. Once an event. The agent is not above its rules, but it never kills itself: a
 * denial reaches it, the signal does not. A new image that is in place can only be killed: so a rule refuses it that is
 * undecided and denies then. */
SLUICE_INLINE __u32 judge(struct scratch *s, const struct sluice_hook_config *config,
                          struct task_struct *task) {
  __u32 verdict;

  if (config->flags & SLUICE_HOOK_SCOPES) {
    s->match.ints[SLUICE_INT_UID] = task->cred->euid.val;
    fill_cgroup_scopes(s->index);
    fill_bucket(s->index);
  }
  verdict = sluice_judge(&s->match, config);
  if (s->match.hook == SLUICE_HOOK_BPRM_COMMITTED && (verdict & SLUICE_VERDICT_ERRNO))
    verdict |= SLUICE_VERDICT_KILL;
  if (bpf_get_current_pid_tgid() >> 32 == handover.agent_pid) return verdict & ~SLUICE_VERDICT_KILL;
  return verdict;
}

/* Whether an undecided mitigation denies without any scratch; one with a scope does not. */
SLUICE_ONCE int denies_blindly(__u32 slot, __u32 hook, __u32 word, __u64 clauses) {
  __u32 bit;

  SLUICE_ROLLED
  for (bit = 0; bit < 64; bit++) {
    __u32 index = (slot * SLUICE_HOOKS + hook) * SLUICE_CLAUSES + word * 64 + bit;
    const struct sluice_mitigation *how;
    const struct sluice_action *action;
    const __u32 *mode;

    if (!(clauses >> bit & 1)) continue;
    action = bpf_map_lookup_elem(&action_by_clause, &index);
    if (!action) continue;
    index = bounds_index(slot, action->mitigation);
    how = bpf_map_lookup_elem(&mitigation_by_rule, &index);
    mode = bpf_map_lookup_elem(&mode_by_rule, &index);
    if (!how || !mode || *mode != SLUICE_MITIGATION_ENFORCED || how->scope != SLUICE_SCOPE_ALL) continue;
    if (fuse_lets(index)) return 1;
  }
  return 0;
}
