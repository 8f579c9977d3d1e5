/* lib/match.bpf.h - the matcher: one event against the tables of one hook, in bit vectors over its clauses.
 *
 * The same source runs in the kernel and, over a model of the maps, in user space (lib/match_host.h): the
 * differential tests run this code. So it is plain C that is also C++, without pointers into the kernel.
 *
 * A caller fills a sluice_match and goes on while a clause may still stand, cheap lookups first. The clauses
 * are then in m->set, what could not be decided in m->undecided and m->unknown:
 *
 *   standing = sluice_match_begin(m, config);
 *   standing = sluice_match_text(m, config, SLUICE_STR_NAME, &name, &suffix, 0, standing);   likewise EXEPATH
 *   standing = sluice_match_ends(m, config, component, ending, standing);    where the ends are known
 *   if (standing) {
 *     build the path;
 *     standing = sluice_match_path(m, config, SLUICE_STR_PATH, &path, &directory, &suffix, standing);
 *   }
 *   if (standing && sluice_match_finish(m, config)) verdict = sluice_judge(m, config);
 *
 * The lookups of strings are in match_text.bpf.h, the verdict in judge.bpf.h.
 *
 * Until the end only the 64-bit summaries are ANDed: a summary of 0 is proof that no clause survives. Which
 * way it fails: a table entry that cannot be read makes its lookup unknown, so its clauses stay and become
 * undecided.
 */
#pragma once

#include "../abi/filter_abi.h"

#ifdef __bpf__
#define SLUICE_INLINE static __always_inline
#define SLUICE_ONCE __noinline __weak /* a function of its own, verified once whatever it is called with */
#define SLUICE_OPAQUE(value) asm volatile("" : "+r"(value)) /* the next mask is not redundant */
#define SLUICE_ROLLED _Pragma("clang loop unroll(disable)")
#define SLUICE_UNROLLED _Pragma("unroll")
#define SLUICE_LOAD64(from) \
  (*(const __u64 *)(const void *)(from)) /* unaligned; memcpy would go byte by byte */
#define SLUICE_STORE64(to, value) (*(__u64 *)(void *)(to) = (value))
#else
#include "match_host.h"
#endif

/* What is known of a string. TAIL: more than SLUICE_PATH_BYTES long, and the text holds its last bytes. */
#define SLUICE_TEXT_PRESENT 0u
#define SLUICE_TEXT_ABSENT 1u
#define SLUICE_TEXT_UNKNOWN 2u
#define SLUICE_TEXT_TAIL 3u

struct sluice_match {
  /* in */
  __u32 slot, hook;
  __u32 type; /* event type id, 0 none */
  __u32 lineage_known;
  __u64 flags[SLUICE_WORDS_OF_FLAGS];
  __s64 ints[SLUICE_INTS];
  __u64 atoms[SLUICE_ATOM_WORDS]; /* in: those of the lineage's levels; what strings contain is between */
  __u8 ends[SLUICE_ENDS][16];
  __u32 ends_known;            /* bit per end: there is one */
  __u32 ends_unknown;          /* likewise: there is one, or none; it cannot be told */
  __u32 flags_unknown;         /* not all of them could be had */
  __u32 state[SLUICE_STRINGS]; /* SLUICE_TEXT_* */
  __u32 bytes[SLUICE_STRINGS]; /* without NUL; of what the text holds */
  /* between */
  __u32 class_of[SLUICE_LOOKUPS + 1];
  __u64 taken; /* lookups whose class is in class_of */
  __u32 hits;  /* lookups that found an entry of their own */
  __u32 named; /* bit per string: a file of which names are known */
  /* Of the text that is being searched. Not on the stack: what 6.1 knows of a stack, it takes for true in every round of a
   * loop. */
  __u64 scan_found;
  __u32 scan_state;
  __u32 scan_reserved;
  __u64 names_summary[SLUICE_FILE_STRINGS];
  __u64 any_name[SLUICE_FILE_STRINGS][SLUICE_WORDS];  /* true, for a name of the file is */
  __u64 all_names[SLUICE_FILE_STRINGS][SLUICE_WORDS]; /* not false because of a name of the file */
  /* out */
  __u32 first;   /* order and errno of the first denying rule in load order */
  __u64 unknown; /* lookups whose value was unknown */
  __u64 set[SLUICE_WORDS];
  __u64 undecided[SLUICE_WORDS]; /* subset of set */
  /* of sluice_judge(): in, where the hook has scopes */
  __u32 bucket;        /* of the executable; SLUICE_BUCKETS: not known, or there is none */
  __u32 cgroup_scopes; /* bit per number: the process is in that cgroup */
  /* out */
  __u64 refusing; /* of one word */
  __u64 audited[SLUICE_WORDS];
  __u64 counted[SLUICE_WORDS]; /* by order: rules whose fuse has counted this event */
};

#define SLUICE_INT_BITS (((1ull << SLUICE_INTS) - 1) << SLUICE_LOOKUP_INT)
#define SLUICE_LINEAGE_BITS (((1ull << SLUICE_LINEAGE_LEVELS) - 1) << SLUICE_LOOKUP_LINEAGE)
#define SLUICE_NET_BITS (((1ull << SLUICE_ENDS) - 1) << SLUICE_LOOKUP_NET)
#define SLUICE_STRING_BITS(string) \
  (((1ull << SLUICE_MODES) - 1) << (SLUICE_LOOKUP_STRING + (string)*SLUICE_MODES))

#define SLUICE_CLASS_PER_ATOM \
  0xffffffffu /* in class_of: a word of atoms with some bit set: one class per atom */

/* What the tables are asked; bpf/lib/maps.bpf.h answers in the kernel, the model in user space. NULL: no entry. */
SLUICE_INLINE const __u32 *sluice_net_class(const struct sluice_match *m, const struct sluice_net_key *key);
SLUICE_INLINE const __u32 *sluice_dense_class(const struct sluice_match *m, __u32 index);
SLUICE_INLINE void *sluice_intervals(const struct sluice_match *m);
SLUICE_INLINE const struct sluice_interval *sluice_interval_in(const struct sluice_match *m, void *table,
                                                               __u32 index);
SLUICE_INLINE const struct sluice_set *sluice_class_set(const struct sluice_match *m, __u32 class_id);

SLUICE_INLINE int sluice_asked(const struct sluice_hook_config *config, __u32 lookup, __u64 standing) {
  return (config->used >> lookup & 1) && (config->lookups[lookup].users_summary & standing);
}

SLUICE_INLINE __u64 sluice_unknown(struct sluice_match *m, __u32 lookup, __u64 standing) {
  m->unknown |= 1ull << lookup;
  return standing;
}

/* The value's class is known: AND its summary, remember it for the words. */
SLUICE_INLINE __u64 sluice_take(struct sluice_match *m, const struct sluice_hook_config *config, __u32 lookup,
                                __u32 class_id, __u64 standing) {
  const struct sluice_set *set;

  m->taken |= 1ull << lookup;
  m->class_of[lookup] = class_id;
  if (class_id == config->lookups[lookup].other) return standing & config->lookups[lookup].other_summary;
  set = sluice_class_set(m, class_id);
  if (!set) {
    m->taken &= ~(1ull << lookup);
    return sluice_unknown(m, lookup, standing);
  }
  m->hits++;
  return standing & set->summary;
}

SLUICE_INLINE __u64 sluice_take_entry(struct sluice_match *m, const struct sluice_hook_config *config,
                                      __u32 lookup, const __u32 *entry, __u64 standing) {
  if (entry) return sluice_take(m, config, lookup, *entry, standing);
  m->taken |= 1ull << lookup;
  m->class_of[lookup] = config->lookups[lookup].other;
  return standing & config->lookups[lookup].other_summary;
}

SLUICE_INLINE __u64 sluice_match_type(struct sluice_match *m, const struct sluice_hook_config *config,
                                      __u64 standing) {
  const __u32 *entry = 0;

  if (m->type == 0)
    return sluice_take(m, config, SLUICE_LOOKUP_TYPE, config->lookups[SLUICE_LOOKUP_TYPE].absent, standing);
  if (m->type < config->type_count) entry = sluice_dense_class(m, config->type_base + m->type);
  return sluice_take_entry(m, config, SLUICE_LOOKUP_TYPE, entry, standing);
}

SLUICE_INLINE __u64 sluice_match_bits(struct sluice_match *m, const struct sluice_hook_config *config,
                                      __u64 standing) {
  __u32 index = 0;
  __u32 i;

  for (i = 0; i < SLUICE_BIT_MASKS; i++) {
    if (config->bits_count <= 1u << i) break;
    index |=
        (__u32)((m->flags[config->bits_word[i] & (SLUICE_WORDS_OF_FLAGS - 1)] & config->bits_mask[i]) != 0)
        << i;
  }
  return sluice_take_entry(m, config, SLUICE_LOOKUP_BITS, sluice_dense_class(m, config->bits_base + index),
                           standing);
}

/* Class of the last interval whose first is not above the value. Most values lie before all that the rules
 * name. */
SLUICE_ONCE __u64 sluice_match_int(struct sluice_match *m, const struct sluice_hook_config *config,
                                   __u32 subject, __u64 standing) {
  const struct sluice_interval *interval;
  __u32 lookup = SLUICE_LOOKUP_INT + subject;
  __u32 base, count, half, step;
  __s64 value;
  void *table;

  if (!m || !config || subject >= SLUICE_INTS) return standing;
  base = config->int_base[subject];
  count = config->int_count[subject];
  value = m->ints[subject];
  if (value == SLUICE_ABSENT_INT)
    return sluice_take(m, config, lookup, config->lookups[lookup].absent, standing);
  if (value == SLUICE_UNKNOWN_INT) return sluice_unknown(m, lookup, standing);
  table = sluice_intervals(m);
  if (!table) return sluice_unknown(m, lookup, standing);
  half = count > 1;
  SLUICE_ROLLED
  for (step = 0; step < 21 && count > 1; step++) {
    interval = sluice_interval_in(m, table, base + half);
    if (!interval) return sluice_unknown(m, lookup, standing);
    if (step == 0 && interval->first > value) break;
    base += half * (__u32)(interval->first <= value);
    count -= half;
    half = count / 2;
  }
  interval = sluice_interval_in(m, table, base);
  if (!interval) return sluice_unknown(m, lookup, standing);
  return sluice_take(m, config, lookup, interval->class_id, standing);
}

/* Where the names of a string's file stand; SLUICE_FILE_STRINGS: it has none. */
SLUICE_INLINE __u32 sluice_file_index(__u32 string) {
  if (string == SLUICE_STR_EXEPATH) return 0;
  if (string == SLUICE_STR_PATH) return 1;
  return string == SLUICE_STR_TARGET ? 2 : SLUICE_FILE_STRINGS;
}

SLUICE_INLINE __u32 sluice_exact_lookup(__u32 string) {
  if (string == SLUICE_STR_EXEPATH) return SLUICE_LOOKUP_STRING + SLUICE_STR_EXEPATH * SLUICE_MODES;
  if (string == SLUICE_STR_PATH) return SLUICE_LOOKUP_STRING + SLUICE_STR_PATH * SLUICE_MODES;
  return SLUICE_LOOKUP_STRING + SLUICE_STR_TARGET * SLUICE_MODES;
}

SLUICE_INLINE void sluice_begin_names(struct sluice_match *m, __u32 string, __u32 index) {
  __u32 i;

  if (m->named >> string & 1) return;
  m->named |= 1u << string;
  m->names_summary[index] = 0;
  for (i = 0; i < SLUICE_WORDS; i++) {
    m->any_name[index][i] = 0;
    m->all_names[index][i] = ~0ull;
  }
}

/* What the exact table of a string says of paths that no rule names, and which clauses ask the file's names. */
struct sluice_by_name {
  __u32 index; /* of the names of the string's file */
  const struct sluice_set *other, *by_file;
};

/* 0: the string is no file's path, or a set cannot be read. */
SLUICE_INLINE int sluice_read_by_name(const struct sluice_match *m, const struct sluice_hook_config *config,
                                      __u32 string, struct sluice_by_name *sets) {
  __u32 lookup;

  if (!m || !config || string >= SLUICE_STRINGS) return 0;
  sets->index = sluice_file_index(string);
  if (sets->index >= SLUICE_FILE_STRINGS) return 0;
  lookup = sluice_exact_lookup(string);
  SLUICE_OPAQUE(lookup);
  if (lookup >= SLUICE_LOOKUPS) return 0;
  sets->other = sluice_class_set(m, config->lookups[lookup].other);
  sets->by_file = sluice_class_set(m, config->lookups[lookup].by_file);
  return sets->other && sets->by_file;
}

/* The string's path is not to be trusted: a clause that is true of a path that no rule names is false because of a name of
 * the file alone. */
SLUICE_ONCE int sluice_doubt_path(struct sluice_match *m, const struct sluice_hook_config *config,
                                  __u32 string) {
  struct sluice_by_name sets;
  __u32 i;

  if (!sluice_read_by_name(m, config, string, &sets)) return 0;
  sluice_begin_names(m, string, sets.index);
  m->names_summary[sets.index] |= sets.other->summary & sets.by_file->summary;
  SLUICE_UNROLLED
  for (i = 0; i < SLUICE_WORDS; i++)
    m->any_name[sets.index][i] |= sets.other->words[i] & sets.by_file->words[i];
  return 1;
}

/* A path names the string's file: what that decides, beside the path by which it was reached. `entry`: its class in the exact
 * table, where it was `found`. */
SLUICE_ONCE int sluice_add_name(struct sluice_match *m, const struct sluice_hook_config *config, __u32 string,
                                __u32 found, __u32 entry) {
  const struct sluice_set *set;
  struct sluice_by_name sets;
  __u32 i;

  if (!sluice_read_by_name(m, config, string, &sets)) return 0;
  set = found ? sluice_class_set(m, entry) : sets.other;
  if (!set) return 0;
  sluice_begin_names(m, string, sets.index);
  m->names_summary[sets.index] |= set->summary & sets.by_file->summary;
  SLUICE_UNROLLED
  for (i = 0; i < SLUICE_WORDS; i++) {
    m->any_name[sets.index][i] |= set->words[i] & sets.by_file->words[i] & ~sets.other->words[i];
    m->all_names[sets.index][i] &= set->words[i] | ~(sets.by_file->words[i] & sets.other->words[i]);
  }
  return 1;
}

/* As sluice_take_entry(), of an exact table: one of the file's names may be true where the path is not. */
SLUICE_INLINE __u64 sluice_take_named(struct sluice_match *m, const struct sluice_hook_config *config,
                                      __u32 string, const __u32 *entry, __u64 standing) {
  const __u32 lookup = SLUICE_LOOKUP_STRING + string * SLUICE_MODES + SLUICE_MODE_EXACT;
  const __u32 index = sluice_file_index(string);
  __u64 after = sluice_take_entry(m, config, lookup, entry, standing);

  if (index < SLUICE_FILE_STRINGS && (m->named >> string & 1)) after |= standing & m->names_summary[index];
  return after;
}

SLUICE_ONCE int sluice_and_words(struct sluice_match *m, __u32 class_id) {
  const struct sluice_set *set;
  __u32 i;

  if (!m) return 0;
  set = sluice_class_set(m, class_id);
  if (!set) return 0; /* cannot be: it was read before, or is `other`, which every plan holds */
  SLUICE_UNROLLED
  for (i = 0; i < SLUICE_WORDS; i++) m->set[i] &= set->words[i];
  return 1;
}

/* Likewise, of the exact table of a string whose file has names. `known`: the path is known as well. */
SLUICE_ONCE int sluice_and_names(struct sluice_match *m, __u32 class_id, __u32 index, __u32 known) {
  const struct sluice_set *set;
  __u32 i;

  if (!m || index >= SLUICE_FILE_STRINGS) return 0;
  set = sluice_class_set(m, class_id);
  if (!set) return 0;
  SLUICE_UNROLLED
  for (i = 0; i < SLUICE_WORDS; i++) {
    __u64 path = known ? set->words[i] : ~0ull;

    m->set[i] &= (path | m->any_name[index][i]) & m->all_names[index][i];
  }
  return 1;
}

/* Where the atoms of a lookup stand; SLUICE_ATOM_WORDS: it has none. */
SLUICE_INLINE __u32 sluice_atom_word(__u32 lookup) {
  if (lookup >= SLUICE_LOOKUP_LINEAGE && lookup < SLUICE_LOOKUP_NET) return lookup - SLUICE_LOOKUP_LINEAGE;
  return lookup >= SLUICE_LOOKUP_STRING
             ? SLUICE_LINEAGE_LEVELS + (lookup - SLUICE_LOOKUP_STRING) / SLUICE_MODES
             : SLUICE_ATOM_WORDS;
}

/* ANDs the summaries (words == 0) or the words of every atom asked for in one word of atoms. */
SLUICE_ONCE __u64 sluice_and_atoms(struct sluice_match *m, const struct sluice_hook_config *config,
                                   __u32 place, __u32 words) {
  __u64 summary = ~0ull;
  __u64 used, word;
  __u32 base, atom;

  if (!m || !config || place >= SLUICE_ATOM_WORDS) return ~0ull;
  used = config->atoms_used[place];
  word = m->atoms[place];
  base = config->atoms_base[place];
  SLUICE_ROLLED
  for (atom = 0; atom < SLUICE_ATOMS; atom++) {
    const struct sluice_set *set;
    const __u32 *class_id;

    if (!(used >> atom & 1)) continue;
    class_id = sluice_dense_class(m, base + 2 * atom + (__u32)(word >> atom & 1));
    if (!class_id) continue;
    if (words) {
      sluice_and_words(m, *class_id);
      continue;
    }
    set = sluice_class_set(m, *class_id);
    if (set) summary &= set->summary;
  }
  return summary;
}

SLUICE_ONCE __u64 sluice_take_atoms(struct sluice_match *m, const struct sluice_hook_config *config,
                                    __u32 lookup, __u64 standing) {
  __u32 place = sluice_atom_word(lookup);

  if (!m || !config || place >= SLUICE_ATOM_WORDS || lookup >= SLUICE_LOOKUPS) return standing;
  if (!(m->atoms[place] & config->atoms_used[place]))
    return sluice_take(m, config, lookup, config->lookups[lookup].other, standing);
  m->hits++;
  m->taken |= 1ull << lookup;
  m->class_of[lookup] = SLUICE_CLASS_PER_ATOM;
  return standing & sluice_and_atoms(m, config, place, 0);
}

SLUICE_INLINE __u64 sluice_match_level(struct sluice_match *m, const struct sluice_hook_config *config,
                                       __u32 level, __u64 standing) {
  const __u32 lookup = SLUICE_LOOKUP_LINEAGE + level;

  return m->lineage_known ? sluice_take_atoms(m, config, lookup, standing)
                          : sluice_unknown(m, lookup, standing);
}

/* One end of a connection against the nets. */
SLUICE_INLINE __u64 sluice_match_end(struct sluice_match *m, const struct sluice_hook_config *config,
                                     __u32 end, __u64 standing) {
  const __u32 lookup = SLUICE_LOOKUP_NET + end;
  struct sluice_net_key key; /* on the stack: 6.1 takes no other key here */

  if (!sluice_asked(config, lookup, standing)) return standing;
  if (m->ends_unknown >> end & 1) return sluice_unknown(m, lookup, standing);
  if (!(m->ends_known >> end & 1))
    return sluice_take(m, config, lookup, config->lookups[lookup].absent, standing);
  key.prefixlen = 32 + 128;
  key.lookup = m->hook * SLUICE_LOOKUPS + lookup;
  SLUICE_STORE64(key.address, SLUICE_LOAD64(m->ends[end]));
  SLUICE_STORE64(key.address + 8, SLUICE_LOAD64(m->ends[end] + 8));
  return sluice_take_entry(m, config, lookup, sluice_net_class(m, &key), standing);
}

SLUICE_INLINE __u64 sluice_match_nets(struct sluice_match *m, const struct sluice_hook_config *config,
                                      __u64 standing) {
  if (!(config->used & SLUICE_NET_BITS)) return standing;
  standing = sluice_match_end(m, config, SLUICE_END_LOCAL, standing);
  return sluice_match_end(m, config, SLUICE_END_REMOTE, standing);
}

/* The lookups that need no string. Returns the summary of what may still stand; 0: nothing does. */
SLUICE_ONCE __u64 sluice_match_begin(struct sluice_match *m, const struct sluice_hook_config *config) {
  __u64 standing;
  __u32 i;

  if (!m || !config) return 0;
  standing = config->all.summary;
  m->hits = 0;
  m->taken = 0;
  m->unknown = 0;
  m->named = 0;
  if (sluice_asked(config, SLUICE_LOOKUP_TYPE, standing)) standing = sluice_match_type(m, config, standing);
  if (sluice_asked(config, SLUICE_LOOKUP_BITS, standing))
    standing = m->flags_unknown ? sluice_unknown(m, SLUICE_LOOKUP_BITS, standing)
                                : sluice_match_bits(m, config, standing);
  if (config->used & SLUICE_INT_BITS) {
    SLUICE_UNROLLED
    for (i = 0; i < SLUICE_INTS; i++)
      if (sluice_asked(config, SLUICE_LOOKUP_INT + i, standing))
        standing = sluice_match_int(m, config, i, standing);
  }
  if (config->used & SLUICE_LINEAGE_BITS) {
    SLUICE_UNROLLED
    for (i = 0; i < SLUICE_LINEAGE_LEVELS; i++)
      if (sluice_asked(config, SLUICE_LOOKUP_LINEAGE + i, standing))
        standing = sluice_match_level(m, config, i, standing);
  }
  return sluice_match_nets(m, config, standing);
}

/* Where the names of the file of this lookup stand; SLUICE_FILE_STRINGS: there are none. */
SLUICE_INLINE __u32 sluice_names_of(const struct sluice_match *m, __u32 lookup) {
  __u32 string;

  if (!m->named || lookup < SLUICE_LOOKUP_STRING) return SLUICE_FILE_STRINGS;
  string = (lookup - SLUICE_LOOKUP_STRING) / SLUICE_MODES;
  if ((lookup - SLUICE_LOOKUP_STRING) % SLUICE_MODES != SLUICE_MODE_EXACT || !(m->named >> string & 1))
    return SLUICE_FILE_STRINGS;
  return sluice_file_index(string);
}

/* From summaries to clauses: the AND over all lookups taken so far, in m->set. */
SLUICE_ONCE __u64 sluice_match_finish(struct sluice_match *m, const struct sluice_hook_config *config) {
  const struct sluice_set *set;
  __u64 any = 0;
  __u32 lookup, index, i;

  if (!m || !config) return ~0ull;
  for (i = 0; i < SLUICE_WORDS; i++) {
    m->set[i] = config->all.words[i];
    m->undecided[i] = 0;
  }
  SLUICE_ROLLED
  for (lookup = 0; lookup < SLUICE_LOOKUPS; lookup++) {
    if (!(m->taken >> lookup & 1)) continue;
    if (m->class_of[lookup] == SLUICE_CLASS_PER_ATOM) {
      sluice_and_atoms(m, config, sluice_atom_word(lookup), 1);
      continue;
    }
    if (sluice_names_of(m, lookup) < SLUICE_FILE_STRINGS)
      sluice_and_names(m, m->class_of[lookup], sluice_names_of(m, lookup), 1);
    else
      sluice_and_words(m, m->class_of[lookup]);
  }
  SLUICE_ROLLED
  for (lookup = 0; lookup < SLUICE_LOOKUPS; lookup++) {
    if (!(m->unknown >> lookup & 1)) continue;
    set = sluice_class_set(m, config->lookups[lookup].users);
    if (!set) continue;
    index = sluice_names_of(m, lookup);
    for (i = 0; i < SLUICE_WORDS; i++)
      m->undecided[i] |= index < SLUICE_FILE_STRINGS ? set->words[i] & ~m->any_name[index][i] : set->words[i];
    if (index < SLUICE_FILE_STRINGS) sluice_and_names(m, config->lookups[lookup].users, index, 0);
  }
  for (i = 0; i < SLUICE_WORDS; i++) {
    m->undecided[i] &= m->set[i];
    any |= m->set[i];
  }
  return any;
}

/* Whether deciding the words now may spare the building of a path: only where two lookups had a say of their
 * own. */
SLUICE_INLINE int sluice_worth_finishing(const struct sluice_match *m) { return m->hits > 2; }
