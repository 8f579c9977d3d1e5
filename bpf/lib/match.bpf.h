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

/* A string that is its own key. The 8 bytes before the value are the key's head (the lookup alone for the
 * exact maps); 8 bytes are also what the reversing of a short value may read before it. REQUIRES:
 * value[bytes] == 0. */
struct sluice_text {
  __u32 prefixlen;
  __u32 lookup;
  char value[SLUICE_IMAGE_HEAD + 256];
};
struct sluice_long_text {
  __u32 prefixlen;
  __u32 lookup;
  char value[SLUICE_PATH_BYTES + 512];
};

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

/* What the tables are asked; bpf/lib/maps.bpf.h answers in the kernel, the model in user space. NULL: no
 * entry. */
SLUICE_INLINE const __u32 *sluice_short_class(const struct sluice_match *m,
                                              const struct sluice_short_key *key);
SLUICE_INLINE const __u32 *sluice_long_class(const struct sluice_match *m, const struct sluice_long_key *key);
SLUICE_INLINE const __u32 *sluice_prefix_class(const struct sluice_match *m,
                                               const struct sluice_prefix_key *key);
SLUICE_INLINE const __u32 *sluice_suffix_class(const struct sluice_match *m,
                                               const struct sluice_suffix_key *key);
SLUICE_INLINE const __u32 *sluice_net_class(const struct sluice_match *m, const struct sluice_net_key *key);
SLUICE_INLINE const __u32 *sluice_dense_class(const struct sluice_match *m, __u32 index);
SLUICE_INLINE void *sluice_intervals(const struct sluice_match *m);
SLUICE_INLINE const struct sluice_interval *sluice_interval_in(const struct sluice_match *m, void *table,
                                                               __u32 index);
SLUICE_INLINE void *sluice_automaton(const struct sluice_match *m);
SLUICE_INLINE const struct sluice_automaton_row *sluice_row_in(const struct sluice_match *m, void *table,
                                                               __u32 index);
SLUICE_INLINE const struct sluice_set *sluice_class_set(const struct sluice_match *m, __u32 class_id);
SLUICE_INLINE const struct sluice_action *sluice_action_of(const struct sluice_match *m, __u32 clause);
SLUICE_INLINE const struct sluice_mitigation *sluice_mitigation_of(const struct sluice_match *m,
                                                                   __u32 number);
/* SLUICE_MITIGATION_*, now. */
SLUICE_INLINE __u32 sluice_mode_of(const struct sluice_match *m, __u32 number);
/* Whether the rule's fuse lets it refuse; counts the refusal. */
SLUICE_INLINE int sluice_fuse_holds(const struct sluice_match *m, __u32 number);

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

/* The string's path is not to be trusted: a clause that is true of a path that no rule names is false because of a name of
 * the file alone. */
SLUICE_ONCE int sluice_doubt_path(struct sluice_match *m, const struct sluice_hook_config *config,
                                  __u32 string) {
  const struct sluice_set *other, *by_file;
  __u32 index, lookup, i;

  if (!m || !config || string >= SLUICE_STRINGS) return 0;
  index = sluice_file_index(string);
  if (index >= SLUICE_FILE_STRINGS) return 0;
  lookup = sluice_exact_lookup(string);
  SLUICE_OPAQUE(lookup);
  if (lookup >= SLUICE_LOOKUPS) return 0;
  other = sluice_class_set(m, config->lookups[lookup].other);
  by_file = sluice_class_set(m, config->lookups[lookup].by_file);
  if (!other || !by_file) return 0;
  sluice_begin_names(m, string, index);
  m->names_summary[index] |= other->summary & by_file->summary;
  SLUICE_UNROLLED
  for (i = 0; i < SLUICE_WORDS; i++) m->any_name[index][i] |= other->words[i] & by_file->words[i];
  return 1;
}

/* A path names the string's file: what that decides, beside the path by which it was reached. `entry`: its class in the exact
 * table, where it was `found`. */
SLUICE_ONCE int sluice_add_name(struct sluice_match *m, const struct sluice_hook_config *config, __u32 string,
                                __u32 found, __u32 entry) {
  const struct sluice_set *set, *other, *by_file;
  __u32 index, lookup, i;

  if (!m || !config || string >= SLUICE_STRINGS) return 0;
  index = sluice_file_index(string);
  if (index >= SLUICE_FILE_STRINGS) return 0;
  lookup = sluice_exact_lookup(string);
  SLUICE_OPAQUE(lookup);
  if (lookup >= SLUICE_LOOKUPS) return 0;
  other = sluice_class_set(m, config->lookups[lookup].other);
  by_file = sluice_class_set(m, config->lookups[lookup].by_file);
  set = found ? sluice_class_set(m, entry) : other;
  if (!set || !other || !by_file) return 0;
  sluice_begin_names(m, string, index);
  m->names_summary[index] |= set->summary & by_file->summary;
  SLUICE_UNROLLED
  for (i = 0; i < SLUICE_WORDS; i++) {
    m->any_name[index][i] |= set->words[i] & by_file->words[i] & ~other->words[i];
    m->all_names[index][i] &= set->words[i] | ~(by_file->words[i] & other->words[i]);
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

/* Exact keys are zero padded: whatever lies behind the NUL is cleared, in place. */
SLUICE_INLINE void sluice_clear(char *bytes, __u32 from, __u32 words) {
  __u32 i;

  SLUICE_UNROLLED
  for (i = 0; i < words; i++) SLUICE_STORE64(bytes + from + 8 * i, 0);
}

SLUICE_INLINE const __u32 *sluice_exact(const struct sluice_match *m, __u32 *lookup, char *value,
                                        __u32 bytes) {
  if (bytes < SLUICE_SHORT_KEY_BYTES - 4) {
    sluice_clear(value, bytes, 8);
    return sluice_short_class(m, (const struct sluice_short_key *)(void *)lookup);
  }
  if (bytes < SLUICE_KEY_BYTES) {
    sluice_clear(value, bytes, (SLUICE_KEY_BYTES - SLUICE_SHORT_KEY_BYTES) / 8 + 1);
    return sluice_long_class(m, (const struct sluice_long_key *)(void *)lookup);
  }
  return 0;
}

/* Reverses the last `count` (rounded up to 8) bytes before `end` into the key. */
SLUICE_INLINE void sluice_reverse(struct sluice_suffix_key *key, const char *end, __u32 count) {
  __u32 i;

  for (i = 0; i < SLUICE_SUFFIX_BYTES / 8; i++) {
    if (8 * i >= count) break;
    SLUICE_STORE64(key->value + 8 * i, __builtin_bswap64(SLUICE_LOAD64(end - 8 * i - 8)));
  }
}

/* A walk of the automaton over a text. The root is at hand: most bytes of most texts lead back to it. */
struct sluice_scan {
  struct sluice_match *m;
  void *table;
  const struct sluice_automaton_row *root;
  const char *text;
  __u64 bytes;
};

SLUICE_INLINE long sluice_scan_byte(__u32 at, struct sluice_scan *scan, __u32 mask) {
  const struct sluice_automaton_row *row = scan->root;
  struct sluice_match *m = scan->m;

  if (m->scan_state) {
    row = sluice_row_in(m, scan->table, m->scan_state);
    if (!row) return 1; /* cannot be: states are those of the table */
    m->scan_found |= row->found;
  }
  if (at >= scan->bytes) return 1;
  SLUICE_OPAQUE(at);
  m->scan_state = row->next[(__u8)scan->text[at & mask]];
  return 0;
}
static long sluice_scan_short(__u32 at, struct sluice_scan *scan) {
  return sluice_scan_byte(at, scan, SLUICE_IMAGE_HEAD - 1);
}
static long sluice_scan_long(__u32 at, struct sluice_scan *scan) {
  return sluice_scan_byte(at, scan, SLUICE_PATH_BYTES - 1);
}

/* Which texts of the rules' `contains` are in a text of up to `room` bytes, all of which is known. */
SLUICE_INLINE __u64 sluice_match_contains(struct sluice_match *m, const struct sluice_hook_config *config,
                                          __u32 string, const char *value, __u32 room, __u64 standing) {
  const __u32 lookup = SLUICE_LOOKUP_STRING + string * SLUICE_MODES + SLUICE_MODE_CONTAINS;
  struct sluice_scan scan;

  scan.m = m;
  scan.table = sluice_automaton(m);
  if (!scan.table || m->state[string] == SLUICE_TEXT_TAIL || m->bytes[string] >= room)
    return sluice_unknown(m, lookup, standing);
  scan.root = sluice_row_in(m, scan.table, 0);
  if (!scan.root) return sluice_unknown(m, lookup, standing);
  scan.text = value;
  scan.bytes = m->bytes[string];
  m->scan_found = 0;
  m->scan_state = 0;
  if (room == SLUICE_PATH_BYTES)
    bpf_loop(SLUICE_PATH_BYTES + 1, sluice_scan_long, &scan, 0);
  else
    bpf_loop(SLUICE_IMAGE_HEAD + 1, sluice_scan_short, &scan, 0);
  m->atoms[SLUICE_LINEAGE_LEVELS + string] = m->scan_found;
  return sluice_take_atoms(m, config, lookup, standing);
}

/* All modes of one string, over its key head and value, which holds up to `room` bytes. `reversed`: the key holds the
 * reversed tail already. */
SLUICE_INLINE __u64 sluice_match_string(struct sluice_match *m, const struct sluice_hook_config *config,
                                        __u32 string, __u32 *prefixlen, __u32 *head, char *value, __u32 room,
                                        struct sluice_suffix_key *suffix, int reversed, __u64 standing) {
  const __u32 first = SLUICE_LOOKUP_STRING + string * SLUICE_MODES;
  __u32 state = m->state[string];
  __u32 bytes = m->bytes[string];
  __u32 mode;

  SLUICE_OPAQUE(bytes);
  bytes &= SLUICE_PATH_BYTES - 1;
  if (state == SLUICE_TEXT_ABSENT || state == SLUICE_TEXT_UNKNOWN) {
    for (mode = 0; mode < SLUICE_MODES; mode++) {
      if (!sluice_asked(config, first + mode, standing)) continue;
      standing = state == SLUICE_TEXT_UNKNOWN
                     ? sluice_unknown(m, first + mode, standing)
                     : sluice_take(m, config, first + mode, config->lookups[first + mode].absent, standing);
    }
    return standing;
  }
  if (sluice_asked(config, first + SLUICE_MODE_PREFIX, standing)) {
    if (state == SLUICE_TEXT_TAIL) {
      standing = sluice_unknown(m, first + SLUICE_MODE_PREFIX, standing);
    } else {
      __u32 count = bytes < SLUICE_PREFIX_BYTES ? bytes + 1 : SLUICE_PREFIX_BYTES;

      *prefixlen = 32 + 8 * count;
      *head = m->hook * SLUICE_LOOKUPS + first + SLUICE_MODE_PREFIX;
      standing = sluice_take_entry(
          m, config, first + SLUICE_MODE_PREFIX,
          sluice_prefix_class(m, (const struct sluice_prefix_key *)(void *)prefixlen), standing);
    }
  }
  if (sluice_asked(config, first + SLUICE_MODE_EXACT, standing)) {
    const __u32 *entry = 0;

    *head = m->hook * SLUICE_LOOKUPS + first + SLUICE_MODE_EXACT;
    if (state == SLUICE_TEXT_PRESENT) entry = sluice_exact(m, head, value, bytes);
    standing = sluice_take_named(m, config, string, entry, standing);
  }
  if (sluice_asked(config, first + SLUICE_MODE_SUFFIX, standing)) {
    __u32 count = config->suffix_bytes[string];

    if (count > bytes) count = bytes;
    if (count > SLUICE_SUFFIX_BYTES) count = SLUICE_SUFFIX_BYTES;
    if (!reversed) sluice_reverse(suffix, value + bytes, count);
    suffix->prefixlen = 32 + 8 * count;
    suffix->lookup = m->hook * SLUICE_LOOKUPS + first + SLUICE_MODE_SUFFIX;
    standing =
        sluice_take_entry(m, config, first + SLUICE_MODE_SUFFIX, sluice_suffix_class(m, suffix), standing);
  }
  if (sluice_asked(config, first + SLUICE_MODE_CONTAINS, standing))
    standing = sluice_match_contains(m, config, string, value, room, standing);
  return standing;
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

/* A name or a stored executable path: short, its tail reversed beforehand where `suffix` says so. */
SLUICE_INLINE __u64 sluice_match_text(struct sluice_match *m, const struct sluice_hook_config *config,
                                      __u32 string, struct sluice_text *text,
                                      struct sluice_suffix_key *suffix, int reversed, __u64 standing) {
  if (!(config->used & SLUICE_STRING_BITS(string))) return standing;
  return sluice_match_string(m, config, string, &text->prefixlen, &text->lookup, text->value,
                             SLUICE_IMAGE_HEAD, suffix, reversed, standing);
}

/* fd.directory of the path: what is before its last '/', "/" when that is the first or there is none. */
SLUICE_INLINE __u32 sluice_directory_bytes(const char *path, __u32 bytes) {
  __u32 step;

  SLUICE_ROLLED
  for (step = 0; step < 320 && bytes > 0; step++) {
    bytes--;
    SLUICE_OPAQUE(bytes);
    bytes &= SLUICE_PATH_BYTES - 1;
    if (path[bytes] == '/') return bytes;
  }
  return 0;
}

SLUICE_INLINE __u64 sluice_match_directory(struct sluice_match *m, const struct sluice_hook_config *config,
                                           const struct sluice_long_text *path, struct sluice_text *directory,
                                           __u64 standing) {
  const __u32 lookup = SLUICE_LOOKUP_STRING + SLUICE_STR_DIRECTORY * SLUICE_MODES + SLUICE_MODE_EXACT;
  const __u32 *entry = 0;
  __u32 bytes;

  if (m->state[SLUICE_STR_PATH] == SLUICE_TEXT_ABSENT)
    return sluice_take(m, config, lookup, config->lookups[lookup].absent, standing);
  if (m->state[SLUICE_STR_PATH] == SLUICE_TEXT_UNKNOWN) return sluice_unknown(m, lookup, standing);
  bytes = sluice_directory_bytes(path->value, m->bytes[SLUICE_STR_PATH] & (SLUICE_PATH_BYTES - 1));
  if (bytes < SLUICE_KEY_BYTES && m->state[SLUICE_STR_PATH] == SLUICE_TEXT_PRESENT) {
    __builtin_memcpy(directory->value, path->value, SLUICE_KEY_BYTES);
    if (bytes == 0) {
      directory->value[0] = '/';
      bytes = 1;
    }
    directory->lookup = m->hook * SLUICE_LOOKUPS + lookup;
    entry = sluice_exact(m, &directory->lookup, directory->value, bytes);
  }
  return sluice_take_entry(m, config, lookup, entry, standing);
}

/* The event's own path: SLUICE_STR_PATH with its directory or, at exec, SLUICE_STR_EXEPATH. */
SLUICE_INLINE __u64 sluice_match_path(struct sluice_match *m, const struct sluice_hook_config *config,
                                      __u32 string, struct sluice_long_text *path,
                                      struct sluice_text *directory, struct sluice_suffix_key *suffix,
                                      __u64 standing) {
  const __u32 directory_lookup =
      SLUICE_LOOKUP_STRING + SLUICE_STR_DIRECTORY * SLUICE_MODES + SLUICE_MODE_EXACT;

  standing = sluice_match_string(m, config, string, &path->prefixlen, &path->lookup, path->value,
                                 SLUICE_PATH_BYTES, suffix, 0, standing);
  if (string == SLUICE_STR_PATH && sluice_asked(config, directory_lookup, standing))
    standing = sluice_match_directory(m, config, path, directory, standing);
  return standing;
}

/* Bits of the filters over both ends. `component`: the first component's first 8 bytes, the first one lowest,
 * then zeros. `ending`: the path's last two bytes, the last one highest. */
SLUICE_INLINE __u32 sluice_first_bit(__u64 component) { return (component * 0x9e3779b97f4a7c15ull) >> 55; }
SLUICE_INLINE __u32 sluice_last_bit(__u32 ending) { return (ending * 0x9e3779b1u) >> 23; }

SLUICE_INLINE int sluice_has_bit(const __u64 *words, __u32 mask, __u32 bit) {
  SLUICE_OPAQUE(bit);
  bit &= mask;
  return words[bit / 64] >> (bit % 64) & 1;
}

SLUICE_INLINE int sluice_may_begin(const __u64 *firsts, const __u64 *partial_firsts, __u64 component) {
  return sluice_has_bit(firsts, 64 * SLUICE_END_WORDS - 1, sluice_first_bit(component)) ||
         sluice_has_bit(partial_firsts, 255, component & 255);
}

/* The first component of a path of which `word` holds the 8 bytes behind the leading slash. */
SLUICE_INLINE __u64 sluice_component_of(__u64 word) {
  __u64 slashes = word ^ 0x2f2f2f2f2f2f2f2full;

  slashes = (slashes - 0x0101010101010101ull) & ~slashes & 0x8080808080808080ull;
  return slashes ? word & (((slashes & -slashes) >> 7) - 1) : word;
}

SLUICE_INLINE __u64 sluice_take_other(struct sluice_match *m, const struct sluice_hook_config *config,
                                      __u32 lookup, __u64 standing) {
  return sluice_asked(config, lookup, standing) ? sluice_take_entry(m, config, lookup, 0, standing)
                                                : standing;
}

/* Likewise of an exact table: the path is in no entry of it. */
SLUICE_INLINE __u64 sluice_take_unnamed(struct sluice_match *m, const struct sluice_hook_config *config,
                                        __u32 string, __u64 standing) {
  const __u32 lookup = SLUICE_LOOKUP_STRING + string * SLUICE_MODES + SLUICE_MODE_EXACT;

  return sluice_asked(config, lookup, standing) ? sluice_take_named(m, config, string, 0, standing)
                                                : standing;
}

/* What both ends of the hook's path decide before it is built: which lookups surely find no entry.
 * SLUICE_SEVERAL in `ending`: the path has more than one component. */
#define SLUICE_SEVERAL 0x10000u
SLUICE_ONCE __u64 sluice_match_ends(struct sluice_match *m, const struct sluice_hook_config *config,
                                    __u64 component, __u32 ending, __u64 standing) {
  const __u32 path = SLUICE_LOOKUP_STRING + SLUICE_STR_PATH * SLUICE_MODES;
  const __u32 directory = SLUICE_LOOKUP_STRING + SLUICE_STR_DIRECTORY * SLUICE_MODES;

  if (!m || !config) return standing;
  if ((config->flags & SLUICE_HOOK_FIRSTS) &&
      !sluice_may_begin(config->firsts, config->partial_firsts, component)) {
    standing = sluice_take_other(m, config, path + SLUICE_MODE_PREFIX, standing);
    standing = sluice_take_unnamed(m, config, SLUICE_STR_PATH, standing);
    if (ending & SLUICE_SEVERAL)
      standing = sluice_take_other(m, config, directory + SLUICE_MODE_EXACT, standing);
  }
  if ((config->flags & SLUICE_HOOK_LASTS) &&
      !sluice_has_bit(config->lasts, 64 * SLUICE_END_WORDS - 1, sluice_last_bit(ending & 0xffff)))
    standing = sluice_take_other(m, config, path + SLUICE_MODE_SUFFIX, standing);
  return standing;
}

/* What the first bytes of the image's name and executable decide alone. `name`: the first 8 bytes, then
 * zeros; `component`: as above, of a path that begins with a slash; 0: not known. */
SLUICE_ONCE __u64 sluice_match_image(struct sluice_match *m, const struct sluice_hook_config *config,
                                     __u64 name, __u64 component, __u64 standing) {
  const __u32 names = SLUICE_LOOKUP_STRING + SLUICE_STR_NAME * SLUICE_MODES;
  const __u32 exe = SLUICE_LOOKUP_STRING + SLUICE_STR_EXEPATH * SLUICE_MODES;

  if (!m || !config) return standing;
  if (name && (config->flags & SLUICE_HOOK_NAMES) &&
      !sluice_has_bit(config->names, 64 * SLUICE_END_WORDS - 1, sluice_first_bit(name)))
    standing = sluice_take_other(m, config, names + SLUICE_MODE_EXACT, standing);
  if (component && (config->flags & SLUICE_HOOK_EXE_FIRSTS) &&
      !sluice_may_begin(config->exe_firsts, config->exe_partial_firsts, component)) {
    standing = sluice_take_other(m, config, exe + SLUICE_MODE_PREFIX, standing);
    standing = sluice_take_unnamed(m, config, SLUICE_STR_EXEPATH, standing);
  }
  return standing;
}

/* Whether some lookup of a string still matters. */
SLUICE_INLINE int sluice_asks_string(const struct sluice_hook_config *config, __u32 string, __u64 standing) {
  const __u32 first = SLUICE_LOOKUP_STRING + string * SLUICE_MODES;

  if (!(config->used & SLUICE_STRING_BITS(string))) return 0;
  return sluice_asked(config, first, standing) || sluice_asked(config, first + 1, standing) ||
         sluice_asked(config, first + 2, standing) || sluice_asked(config, first + 3, standing);
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
