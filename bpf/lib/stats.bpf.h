/* lib/stats.bpf.h - counters by hook. Atomic: a program may be preempted by another task's on the same CPU.
 */
#pragma once

#include "maps.bpf.h"

SLUICE_INLINE struct sluice_hook_stats *stats_of(__u32 hook) {
  return bpf_map_lookup_elem(&stats_by_hook, &hook);
}

#define COUNT(hook, counter, n)                                          \
  do {                                                                   \
    struct sluice_hook_stats *stats = stats_of(hook);                    \
    if (stats) __sync_fetch_and_add(&stats->counter, (__u64)(__s64)(n)); \
  } while (0)

#define TOTAL(counter, n) __sync_fetch_and_add(&totals.counter, (__u64)(__s64)(n))
