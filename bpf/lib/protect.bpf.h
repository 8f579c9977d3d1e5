/* lib/protect.bpf.h - the agent's own protection: who may do anything to it, and how an attempt is refused and told.
 *
 * The agent may do all of it. Init may, too, but for tracing, freezing and moving: systemd has to start and stop it; signals
 * of init's are told. An attempt is refused with EPERM, counted, and told at most once a second and kind. When the agent
 * ends, nothing of this holds any more.
 */
#pragma once

#include "emit.bpf.h"

#define INIT 1
#define SECOND_NS 1000000000ull
#define WORD(a, b, c, d, e, f, g, h)                                                       \
  ((__u64)(a) | (__u64)(b) << 8 | (__u64)(c) << 16 | (__u64)(d) << 24 | (__u64)(e) << 32 | \
   (__u64)(f) << 40 | (__u64)(g) << 48 | (__u64)(h) << 56)

/* When an attempt of each kind was told. */
struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(max_entries, SLUICE_ATTEMPTS);
  __type(key, __u32);
  __type(value, __u64);
} SLUICE_MAP(attempt_told);

SLUICE_INLINE __u32 current_process(void) { return bpf_get_current_pid_tgid() >> 32; }

SLUICE_INLINE int is_agent(__u32 process) { return control.agent_task && process == handover.agent_pid; }

/* Without an agent there is nothing to protect. */
SLUICE_INLINE int is_own_act(void) {
  __u32 process = current_process();

  return !control.agent_task || process == handover.agent_pid || !process;
}

SLUICE_INLINE int may_all(void) {
  return is_own_act() || (bpf_get_current_task_btf()->flags & PF_KTHREAD) != 0;
}

SLUICE_INLINE int is_trusted(void) { return current_process() == INIT || may_all(); }

SLUICE_INLINE int may_tell(__u32 attempt) {
  __u64 now = bpf_ktime_get_boot_ns();
  __u64 *told = bpf_map_lookup_elem(&attempt_told, &attempt);
  __u64 before;

  if (!told) return 0;
  before = *told;
  if (before && now - before < SECOND_NS) return 0;
  return __sync_val_compare_and_swap(told, before, now) == before;
}

/* `file`: its name, or none. */
static __noinline int tell_attempt(__u32 attempt, __u64 detail, __u64 allowed, const void *file) {
  struct task_struct *task = bpf_get_current_task_btf();
  __u32 at = sizeof(struct sluice_record);
  struct scratch *s = scratch_claim();

  if (!s) return 0;
  fill_header(&s->record.header, SLUICE_RECORD_ATTEMPT, SLUICE_HOOK_IMAGE, task, task->real_parent);
  s->record.header.numbers[0] = attempt;
  s->record.header.numbers[1] = detail;
  s->record.header.numbers[2] = allowed;
  at = put_image((char *)&s->record, at, RECORD_LIMIT, state_of(task), 1);
  if (file) at = put_string((char *)&s->record, at, RECORD_LIMIT, SLUICE_ITEM_TEXT, file);
  at = put_cgroup((char *)&s->record, at, RECORD_LIMIT, task);
  if (at > sizeof(s->record)) at = sizeof(s->record);
  s->record.header.size = at;
  send_mitigation(&s->record, at);
  scratch_release(s);
  return 0;
}

/* Counts and tells. Returns what the hook returns. */
SLUICE_INLINE int refuse_file(__u32 attempt, __u64 detail, const void *file) {
  TOTAL(attempts, 1);
  if (may_tell(attempt)) tell_attempt(attempt, detail, 0, file);
  return -EPERM;
}

SLUICE_INLINE int refuse(__u32 attempt, __u64 detail) { return refuse_file(attempt, detail, 0); }

SLUICE_INLINE int is_named(const unsigned char *name, __u64 first, __u64 second) {
  __u64 words[3] = {};

  bpf_probe_read_kernel_str(words, sizeof(words), name);
  return words[0] == first && words[1] == second && !words[2];
}
