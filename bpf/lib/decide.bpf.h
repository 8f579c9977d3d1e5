/* lib/decide.bpf.h - from a hook's subject to what it returns.
 *
 * Fail direction: without a configuration, without clauses, or when no clause survives, everything is
 * allowed. An unknown value denies only where a rule says on_unknown: deny. A kill also returns the error,
 * for the call would otherwise still take effect. Every event that a hook looks at is counted as seen, and
 * once more as dropped, sent or lost.
 */
#pragma once

#include "files.bpf.h"
#include "mitigate.bpf.h"
#include "result.bpf.h"

#define PATH_LOOKUPS (SLUICE_STRING_BITS(SLUICE_STR_PATH) | SLUICE_STRING_BITS(SLUICE_STR_DIRECTORY))

SLUICE_INLINE void kill_task(__u32 hook) {
  bpf_send_signal(SIGKILL);
  COUNT(hook, killed, 1);
}

/* The hook's configuration in the generation that judges, or NULL when it has no clauses. */
SLUICE_INLINE const struct sluice_hook_config *active_config(__u32 slot, __u32 hook) {
  const struct sluice_hook_config *config = config_of(slot, hook);

  return config && (config->flags & SLUICE_HOOK_ACTIVE) ? config : 0;
}

SLUICE_INLINE void begin(struct scratch *s, __u32 slot, __u32 hook, __u32 type, __u32 flags) {
  s->generation = control.generation[slot & 1];
  s->flags = flags & ~CALL_COMPLETED;
  s->completed = flags & CALL_COMPLETED;
  s->path_built = 0;
  s->match.slot = slot;
  s->match.hook = hook;
  s->match.type = type;
  s->match.flags_unknown = 0;
}

/* All lookups that need no path. 0: dropped. */
SLUICE_INLINE __u64 match_cheap(struct scratch *s, const struct sluice_hook_config *config,
                                struct task_struct *task, __u64 flags) {
  struct sluice_match *m = &s->match;
  struct task_state *state = 0;
  __u64 standing;
  __u64 asked = config->used & 1ull << SLUICE_LOOKUP_BITS ? asked_bits(config) : 0;
  __u64 image = asked & IMAGE_BITS;

  if (image || (asked & CONTAINER_BITS) ||
      (config->used &
       (SLUICE_LINEAGE_BITS | SLUICE_STRING_BITS(SLUICE_STR_NAME) | SLUICE_STRING_BITS(SLUICE_STR_EXEPATH))))
    state = state_of(task);
  m->flags[SLUICE_WORD_EVENT] = flags;
  if (image && state) m->flags[SLUICE_WORD_EVENT] |= image_bits(state->task.image.flags);
  if (asked & CONTAINER_BITS) m->flags[SLUICE_WORD_EVENT] |= container_bit(s, task, state);
  if (config->used & 1ull << SLUICE_LOOKUP_BITS) fill_capabilities(m, task);
  if (config->used & SLUICE_INT_BITS) fill_ints(m, config, task);
  if (config->used & SLUICE_LINEAGE_BITS) fill_lineage(m, state, s->generation);
  standing = sluice_match_begin(m, config);
  match_executable(s, config, state, standing);
  standing = match_image(s, config, state, standing);
  standing = match_name(s, config, state, standing);
  return match_exepath(s, config, state, standing);
}

#define SUFFIX_LOOKUP (1ull << (SLUICE_LOOKUP_STRING + SLUICE_STR_PATH * SLUICE_MODES + SLUICE_MODE_SUFFIX))

/* What the ends of the path decide before it is built. */
SLUICE_INLINE __u64 match_ends(struct scratch *s, const struct sluice_hook_config *config,
                               struct task_struct *task, const struct vfsmount *mnt, struct dentry *dentry,
                               __u64 standing) {
  struct path_ends ends;

  if (!standing || !(config->flags & (SLUICE_HOOK_FIRSTS | SLUICE_HOOK_LASTS))) return standing;
  if (!(config->used & PATH_LOOKUPS)) return standing;
  if (!path_peek(task, mnt, dentry, (config->used & SUFFIX_LOOKUP) != 0, &ends)) return standing;
  return sluice_match_ends(&s->match, config, ends.component, ends.ending, standing);
}

/* Decides what is cheap to decide before the path is built. */
SLUICE_INLINE __u64 match_early(struct scratch *s, const struct sluice_hook_config *config, __u64 standing,
                                __u64 path_lookups) {
  if (!standing) return 0;
  if (sluice_worth_finishing(&s->match) || !(config->used & path_lookups))
    return sluice_match_finish(&s->match, config) ? standing : 0;
  return standing;
}

SLUICE_INLINE void fill_verdict(struct scratch *s, struct sluice_record *r, __u32 verdict) {
  r->generation = s->generation;
  r->type = s->match.type;
  r->unknown = s->match.unknown;
  r->flags = s->flags;
  r->errno_value = verdict & SLUICE_VERDICT_ERRNO;
  if (r->errno_value) r->flags |= SLUICE_EVENT_DENIED;
  if (verdict & SLUICE_VERDICT_KILL) r->flags |= SLUICE_EVENT_KILLED;
  if (verdict & SLUICE_VERDICT_AUDIT) r->flags |= SLUICE_EVENT_AUDITED;
  if (verdict & SLUICE_VERDICT_UNDECIDED) r->flags |= SLUICE_EVENT_UNDECIDED;
  if ((s->match.unknown & SLUICE_LINEAGE_BITS)) r->flags |= SLUICE_EVENT_NO_LINEAGE;
  __builtin_memcpy(r->set, s->match.set, sizeof(r->set));
}

SLUICE_INLINE void count_verdict(__u32 hook, __u32 verdict) {
  if (verdict & SLUICE_VERDICT_ERRNO) COUNT(hook, denied, 1);
  if (verdict & SLUICE_VERDICT_AUDIT) COUNT(hook, audited, 1);
  if (verdict & SLUICE_VERDICT_UNDECIDED) COUNT(hook, undecided, 1);
}

/* Which clauses user space must judge whole, and which were audited while others refused. */
SLUICE_INLINE __u32 put_doubts(struct scratch *s, __u32 at, __u32 verdict) {
  if (verdict & SLUICE_VERDICT_UNDECIDED)
    at = put_item((char *)&s->record, at, RECORD_LIMIT, SLUICE_ITEM_UNDECIDED, 0, s->match.undecided,
                  sizeof(s->match.undecided), 0);
  if ((verdict & SLUICE_VERDICT_AUDIT) && (verdict & SLUICE_VERDICT_ERRNO))
    at = put_item((char *)&s->record, at, RECORD_LIMIT, SLUICE_ITEM_AUDITED, 0, s->match.audited,
                  sizeof(s->match.audited), 0);
  return at;
}

/* Sends the finished record of scratch and counts it. */
SLUICE_INLINE void send_record(struct scratch *s, __u32 hook, __u32 bytes, int urgent) {
  long error;

  if (bytes > sizeof(s->record)) bytes = sizeof(s->record);
  s->record.header.size = bytes;
  if (is_unattended(hook, urgent))
    error = -1;
  else
    error = urgent ? send_mitigation(&s->record, bytes) : send_event(&s->record, bytes);
  if (error)
    COUNT(hook, lost, 1);
  else
    COUNT(hook, sent, 1);
}

/* The event without any scratch: all clauses stand, all that mitigate are undecided. Returns a positive
 * errno. */
static __noinline int decide_blind(__u32 slot, __u32 hook, __u32 type, __u32 flags,
                                   struct task_struct *task) {
  const struct sluice_hook_config *config = active_config(slot, hook);
  struct sluice_record *r;
  __u32 denied = 0, i;

  if (!config) return 0;
  COUNT(hook, no_scratch, 1);
  COUNT(hook, undecided, 1);
  SLUICE_ROLLED
  for (i = 0; i < SLUICE_WORDS && !control.audit; i++) {
    __u64 clauses = config->unknown_deny[i] & config->deny[i];

    if (clauses && !denied) denied = denies_blindly(slot & 1, hook, i, clauses);
  }
  if (denied) COUNT(hook, denied, 1);
  r = 0;
  if (!is_unattended(hook, denied))
    r = denied ? bpf_ringbuf_reserve(&mitigations, sizeof(*r), 0)
               : bpf_ringbuf_reserve(&events, sizeof(*r), 0);
  if (r) {
    fill_header(r, SLUICE_RECORD_EVENT, hook, task, task->real_parent);
    r->size = sizeof(*r);
    r->generation = control.generation[slot & 1];
    r->type = type;
    r->unknown = config->used;
    r->flags = (flags & ~CALL_COMPLETED) | SLUICE_EVENT_UNDECIDED | SLUICE_EVENT_NO_LINEAGE |
               (denied ? SLUICE_EVENT_DENIED : 0);
    r->errno_value = denied ? EPERM : 0;
    for (i = 0; i < SLUICE_WORDS; i++) r->set[i] = config->all.words[i];
    bpf_ringbuf_submit(r, denied ? RB_FORCE_WAKEUP : RB_NO_WAKEUP);
    COUNT(hook, sent, 1);
  } else {
    next_sequence();
    COUNT(hook, lost, 1);
  }
  return denied ? EPERM : 0;
}

/* A hook's return value, 0 or a negative errno: a subtraction, for the verifier does not follow a negation.
 */
SLUICE_INLINE int hook_result(__u32 verdict) {
  int result = 0;

  SLUICE_OPAQUE(result);
  result -= verdict & 0xfff;
  return result;
}

/* The path of an open as the caller gave it, in the kernel's copy. An open by handle has none. */
SLUICE_INLINE __u32 put_given(struct scratch *s, __u32 at, struct task_struct *task) {
  const char *name = BPF_CORE_READ(task, nameidata, name, name);

  return name ? put_string((char *)&s->record, at, RECORD_LIMIT, SLUICE_ITEM_FILENAME, name) : at;
}

/* The set survived and is judged, s->numbers are filled: mitigate, send, count. Returns a positive errno or 0. */
static __noinline __attribute__((unused)) int conclude(struct scratch *s,
                                                       const struct sluice_hook_config *config,
                                                       struct task_struct *task, int operands,
                                                       __u32 verdict) {
  struct sluice_record *r = &s->record.header;
  __u32 hook = s->match.hook;
  __u32 at;

  fill_header(r, SLUICE_RECORD_EVENT, hook, task, task->real_parent);
  fill_verdict(s, r, verdict);
  __builtin_memcpy(r->numbers, s->numbers, sizeof(r->numbers));
  at = put_path(s, SLUICE_STR_PATH, SLUICE_ITEM_PATH);
  if (operands) at = put_operands(s, at);
  at = put_image((char *)&s->record, at, RECORD_LIMIT, state_of(task), 1);
  at = put_cgroup((char *)&s->record, at, RECORD_LIMIT, task);
  if (config->flags & SLUICE_HOOK_NEEDS_GIVEN) at = put_given(s, at, task);
  at = put_doubts(s, at, verdict);
  count_verdict(hook, verdict);
  if (s->match.unknown & PATH_LOOKUPS) COUNT(hook, no_path, 1);
  if (verdict & SLUICE_VERDICT_KILL) kill_task(hook);
  if (verdict & SLUICE_VERDICT_ERRNO) {
    set_result(r, hook_result(verdict));
    if (config->flags & SLUICE_HOOK_FAILURES) note_reached(task, s->match.type, s->flags);
  } else if (!(verdict & SLUICE_VERDICT_KILL) && wants_result(s, config) && wait_for_result(s, task, at)) {
    return 0;
  }
  if (s->flags & SLUICE_EVENT_AGAIN) overtake(r, task);
  send_record(s, hook, at, verdict & (SLUICE_VERDICT_ERRNO | SLUICE_VERDICT_KILL));
  return verdict & 0xfff;
}
