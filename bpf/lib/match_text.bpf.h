/* lib/match_text.bpf.h - the matcher's lookups of strings: exact values, prefixes, suffixes, directories and `contains`; and
 * what the ends of a path or of a name decide before it is built or read.
 *
 * Each takes what may still stand and returns what may stand after it: match.bpf.h. Which way it fails: likewise; a string
 * that cannot be read makes its lookups unknown.
 */
#pragma once

#include "match.bpf.h"

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

/* What the tables are asked; bpf/lib/maps.bpf.h answers in the kernel, the model in user space. NULL: no entry. */
SLUICE_INLINE const __u32 *sluice_short_class(const struct sluice_match *m,
                                              const struct sluice_short_key *key);
SLUICE_INLINE const __u32 *sluice_long_class(const struct sluice_match *m, const struct sluice_long_key *key);
SLUICE_INLINE const __u32 *sluice_prefix_class(const struct sluice_match *m,
                                               const struct sluice_prefix_key *key);
SLUICE_INLINE const __u32 *sluice_suffix_class(const struct sluice_match *m,
                                               const struct sluice_suffix_key *key);
SLUICE_INLINE void *sluice_automaton(const struct sluice_match *m);
SLUICE_INLINE const struct sluice_automaton_row *sluice_row_in(const struct sluice_match *m, void *table,
                                                               __u32 index);

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

/* Its first bytes, of which `directory` has SLUICE_KEY_BYTES, against the prefixes. */
SLUICE_INLINE __u64 sluice_match_directory_start(struct sluice_match *m,
                                                 const struct sluice_hook_config *config,
                                                 struct sluice_text *directory, __u32 bytes, __u64 standing) {
  const __u32 lookup = SLUICE_LOOKUP_STRING + SLUICE_STR_DIRECTORY * SLUICE_MODES + SLUICE_MODE_PREFIX;
  __u32 count = SLUICE_PREFIX_BYTES;

  if (bytes < SLUICE_PREFIX_BYTES) {
    count = bytes + 1;
    directory->value[bytes] = 0;
  }
  directory->prefixlen = 32 + 8 * count;
  directory->lookup = m->hook * SLUICE_LOOKUPS + lookup;
  return sluice_take_entry(
      m, config, lookup,
      sluice_prefix_class(m, (const struct sluice_prefix_key *)(void *)&directory->prefixlen), standing);
}

SLUICE_INLINE __u64 sluice_match_directory(struct sluice_match *m, const struct sluice_hook_config *config,
                                           const struct sluice_long_text *path, struct sluice_text *directory,
                                           __u64 standing) {
  const __u32 first = SLUICE_LOOKUP_STRING + SLUICE_STR_DIRECTORY * SLUICE_MODES;
  const __u32 exact = first + SLUICE_MODE_EXACT, prefix = first + SLUICE_MODE_PREFIX;
  const __u32 state = m->state[SLUICE_STR_PATH];
  const __u32 *entry = 0;
  __u32 bytes;

  if (state == SLUICE_TEXT_ABSENT) {
    if (sluice_asked(config, prefix, standing))
      standing = sluice_take(m, config, prefix, config->lookups[prefix].absent, standing);
    return sluice_asked(config, exact, standing)
               ? sluice_take(m, config, exact, config->lookups[exact].absent, standing)
               : standing;
  }
  if (state != SLUICE_TEXT_PRESENT && sluice_asked(config, prefix, standing))
    standing = sluice_unknown(m, prefix, standing);
  if (state == SLUICE_TEXT_UNKNOWN)
    return sluice_asked(config, exact, standing) ? sluice_unknown(m, exact, standing) : standing;
  bytes = sluice_directory_bytes(path->value, m->bytes[SLUICE_STR_PATH] & (SLUICE_PATH_BYTES - 1));
  __builtin_memcpy(directory->value, path->value, SLUICE_KEY_BYTES);
  if (bytes == 0) {
    directory->value[0] = '/';
    bytes = 1;
  }
  if (state == SLUICE_TEXT_PRESENT && sluice_asked(config, prefix, standing))
    standing = sluice_match_directory_start(m, config, directory, bytes, standing);
  if (!sluice_asked(config, exact, standing)) return standing;
  if (bytes < SLUICE_KEY_BYTES && state == SLUICE_TEXT_PRESENT) {
    directory->lookup = m->hook * SLUICE_LOOKUPS + exact;
    entry = sluice_exact(m, &directory->lookup, directory->value, bytes);
  }
  return sluice_take_entry(m, config, exact, entry, standing);
}

/* The event's own path: SLUICE_STR_PATH with its directory or, at exec, SLUICE_STR_EXEPATH. */
SLUICE_INLINE __u64 sluice_match_path(struct sluice_match *m, const struct sluice_hook_config *config,
                                      __u32 string, struct sluice_long_text *path,
                                      struct sluice_text *directory, struct sluice_suffix_key *suffix,
                                      __u64 standing) {
  const __u32 of_directory = SLUICE_LOOKUP_STRING + SLUICE_STR_DIRECTORY * SLUICE_MODES;

  standing = sluice_match_string(m, config, string, &path->prefixlen, &path->lookup, path->value,
                                 SLUICE_PATH_BYTES, suffix, 0, standing);
  if (string == SLUICE_STR_PATH && (sluice_asked(config, of_directory + SLUICE_MODE_EXACT, standing) ||
                                    sluice_asked(config, of_directory + SLUICE_MODE_PREFIX, standing)))
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
    if (ending & SLUICE_SEVERAL) {
      standing = sluice_take_other(m, config, directory + SLUICE_MODE_EXACT, standing);
      standing = sluice_take_other(m, config, directory + SLUICE_MODE_PREFIX, standing);
    }
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
