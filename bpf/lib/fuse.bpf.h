/* lib/fuse.bpf.h - whether a mitigation's fuse lets it refuse.
 *
 * Fail direction: a fuse that loses a race eight times counts one refusal less.
 */
#pragma once

#include "maps.bpf.h"

#define FUSE_TRIES 8
#define NS_PER_MS 1000000ull

/* One more within the period that the first one begins. Returns the count. */
SLUICE_INLINE __u64 fuse_count(struct sluice_mitigation *how, __u64 now_ns, __u64 *begin) {
  const __u64 most = (1ull << SLUICE_FUSE_COUNT_BITS) - 1;
  __u64 now_ms = now_ns / NS_PER_MS, period_ms = how->fuse_period_ns / NS_PER_MS;
  __u64 count = 0;
  __u32 i;

  SLUICE_ROLLED
  for (i = 0; i < FUSE_TRIES; i++) {
    __u64 state = *(volatile __u64 *)&how->fuse_state, next;

    *begin = state >> SLUICE_FUSE_COUNT_BITS;
    count = (state & most) + 1;
    if (count == 1 || now_ms - *begin >= period_ms) {
      *begin = now_ms;
      count = 1;
    }
    if (count > most) return most;
    next = *begin << SLUICE_FUSE_COUNT_BITS | count;
    if (__sync_val_compare_and_swap(&how->fuse_state, state, next) == state) break;
  }
  return count;
}

/* Whether this process has been counted in the period that is under way. */
SLUICE_INLINE int is_counted(struct sluice_mitigation *how, const struct sluice_fused *process,
                             __u64 now_ns) {
  __u64 begin = how->fuse_state >> SLUICE_FUSE_COUNT_BITS;
  const __u64 *counted = bpf_map_lookup_elem(&fused_processes, process);

  return counted && *counted == begin && now_ns / NS_PER_MS - begin < how->fuse_period_ns / NS_PER_MS;
}

/* Whether the rule may refuse; counts that it does. */
SLUICE_ONCE int fuse_lets(__u32 index) {
  struct sluice_mitigation *how = bpf_map_lookup_elem(&mitigation_by_rule, &index);
  struct task_struct *task = bpf_get_current_task_btf();
  struct sluice_fused process = {.mitigation = index, .pid = task->tgid};
  __u64 now_ns = bpf_ktime_get_boot_ns(), begin = 0;

  if (!how) return 0;
  if (!how->fuse_count) {
    __sync_fetch_and_add(&how->refused, 1);
    return 1;
  }
  if (now_ns < how->disarmed_until_ns) return 0;
  __sync_fetch_and_add(&how->refused, 1);
  if (how->fuse_processes) {
    process.start_ns = task->group_leader->start_boottime;
    if (is_counted(how, &process, now_ns)) return 1;
  }
  if (fuse_count(how, now_ns, &begin) > how->fuse_count) {
    how->disarmed_until_ns = now_ns + how->fuse_period_ns;
    __sync_fetch_and_add(&how->blown, 1);
  }
  if (how->fuse_processes) bpf_map_update_elem(&fused_processes, &process, &begin, BPF_ANY);
  return 1;
}

SLUICE_INLINE int sluice_fuse_holds(const struct sluice_match *m, __u32 number) {
  return fuse_lets(bounds_index(m->slot, number));
}
