/* lib/match_host.h - how a program in user space runs the matcher: lib/match.bpf.h, match_text.bpf.h, judge.bpf.h.
 *
 * Include the latter two in one .cc (the others come with them) after nothing else, and define, as static
 * inline functions in that .cc, the table questions that they declare:
 *
 *   sluice_short_class, sluice_long_class    exact maps: the whole zero padded key; nullptr: no entry
 *   sluice_prefix_class, sluice_suffix_class longest prefix match over the first key->prefixlen bits of what
 * follows it (`lookup` first); nullptr: no entry
 *   sluice_net_class                         likewise
 *   sluice_dense_class, sluice_interval_at   shared arrays of the generation; nullptr: out of range
 *   sluice_row_in                            the automaton's; nullptr: out of range
 *   sluice_class_set                         the set of a class; nullptr: out of range
 *   sluice_action_of                         of m->hook; nullptr: no action
 *
 * Each gets the sluice_match, whose `slot` is free for the host's use; anything else goes through a
 * thread_local pointer of the host. What the caller fills: slot, hook, type, lineage_known, flags, ints,
 * the lineage's atoms, ends, and state and bytes of the strings, with the texts (value[bytes] == 0; a NAME or
 * EXEPATH text takes at most 511 bytes: for a longer executable path give its first 255 bytes in the text,
 * its whole length in `bytes`, and its reversed last 64 bytes in the suffix key with `reversed` = 1, as the
 * kernel does from sluice_image; at BPRM_CHECK the path goes through sluice_match_path with
 * SLUICE_STR_EXEPATH). Nothing else is needed.
 */
#pragma once

#include <string.h>

#include "../abi/filter_abi.h"

#define SLUICE_INLINE static inline
#define SLUICE_ONCE static inline
#define SLUICE_OPAQUE(value) (void)(value)
#define SLUICE_ROLLED
#define SLUICE_UNROLLED

static inline __u64 sluice_host_load64(const void *from) {
  __u64 value;
  memcpy(&value, from, sizeof(value));
  return value;
}
static inline void sluice_host_store64(void *to, __u64 value) { memcpy(to, &value, sizeof(value)); }
#define SLUICE_LOAD64(from) sluice_host_load64(from)
#define SLUICE_STORE64(to, value) sluice_host_store64(to, value)

/* A table of intervals, and the automaton, need no look-up of their own here. */
struct sluice_match;
static inline const struct sluice_interval *sluice_interval_at(const struct sluice_match *m, __u32 index);
static inline void *sluice_intervals(const struct sluice_match *m) { return (void *)m; }
static inline const struct sluice_interval *sluice_interval_in(const struct sluice_match *m, void *,
                                                               __u32 index) {
  return sluice_interval_at(m, index);
}
static inline void *sluice_automaton(const struct sluice_match *m) { return (void *)m; }

/* As the kernel's helper: calls `step` until it returns 1, at most `count` times. */
template <typename Context>
static inline void bpf_loop(__u32 count, long (*step)(__u32, Context *), Context *context, __u64) {
  for (__u32 i = 0; i < count && step(i, context) == 0; i++) {
  }
}
