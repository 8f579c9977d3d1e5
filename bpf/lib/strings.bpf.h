/* lib/strings.bpf.h - arguments and environment of a new image, before its first instruction.
 *
 * The strings lie in the new memory, which nobody else has yet: argv, then the environment. Beyond
 * SCAN_STEPS strings or pieces of 252 bytes (64 KB and more) they are unknown.
 *
 * Fail direction: unknown variables and arguments are undecided; a rule's on_unknown says what follows.
 */
#pragma once

#include "event.bpf.h"

#define SCAN_STEPS 4096
#define PIECE_BYTES 253 /* with the NUL that ends it */
#define VARIABLE_LOOKUP(mode)                                                                            \
  (SLUICE_HOOK_BPRM_COMMITTED * SLUICE_LOOKUPS + SLUICE_LOOKUP_STRING + SLUICE_STR_PATH * SLUICE_MODES + \
   (mode))

/* The state lies in scratch: what a callback changes on its caller's stack, older kernels do not see. */
struct strings_loop {
  struct scratch *s;
};

/* Which tests hold of the string in s->text, of `bytes` without its NUL. */
SLUICE_INLINE __u32 variable_tests(struct scratch *s, __u32 bytes) {
  struct sluice_text *text = &s->text;
  const __u32 *exact = 0, *prefix;

  text->lookup = VARIABLE_LOOKUP(SLUICE_MODE_EXACT);
  if (bytes < SLUICE_SHORT_KEY_BYTES - 4)
    exact = sluice_short_class(&s->match, (const struct sluice_short_key *)&text->lookup);
  else if (bytes < SLUICE_KEY_BYTES)
    exact = sluice_long_class(&s->match, (const struct sluice_long_key *)&text->lookup);
  if (exact && (*exact & SLUICE_VARIABLE_EMPTY)) return 0;
  text->lookup = VARIABLE_LOOKUP(SLUICE_MODE_PREFIX);
  text->prefixlen = 8 * (4 + bytes);
  prefix = sluice_prefix_class(&s->match, (const struct sluice_prefix_key *)text);
  return (exact ? *exact : 0) | (prefix ? *prefix : 0);
}

static long strings_step(__u32 step, struct strings_loop *loop) {
  struct scratch *s = loop->s;
  struct strings_scan *scan = &s->strings;
  long length;
  __u32 i;

  if (scan->number >= scan->count) return 1;
  if (!scan->inside && scan->number == 1) scan->args = scan->at;
  if (!scan->inside && scan->number == scan->first_variable) scan->args_end = scan->at;
  SLUICE_UNROLLED
  for (i = 0; i < 33; i++) SLUICE_STORE64(s->text.value + 8 * i, 0);
  length = bpf_probe_read_user_str(s->text.value, PIECE_BYTES, (const void *)scan->at);
  if (length < 0) {
    scan->failed = 1;
    return 1;
  }
  if (!length) length = 1; /* so an empty string is told, and the end of one whose pieces are full */
  if (!scan->inside && scan->number >= scan->first_variable) scan->found |= variable_tests(s, length - 1);
  scan->inside = length == PIECE_BYTES;
  scan->at += scan->inside ? PIECE_BYTES - 1 : length;
  if (!scan->inside) scan->number++;
  return 0;
}

/* Arguments are shown with blanks between them. */
SLUICE_INLINE void blanks_for_ends(char *value, __u32 bytes) {
  __u32 at;

  SLUICE_ROLLED
  for (at = 0; at < SLUICE_PATH_BYTES; at += 8) {
    __u64 word;

    if (at >= bytes) break;
    word = SLUICE_LOAD64(value + at);
    SLUICE_STORE64(value + at, word | (zero_bytes(word) >> 7) * ' ');
  }
  BOUND(bytes, SLUICE_PATH_BYTES - 1);
  SLUICE_STORE64(value + bytes, 0);
}

/* TARGET: proc.cmdline; TEXT: proc.args. */
SLUICE_INLINE void put_lines(struct scratch *s, const struct task_state *state,
                             const struct strings_scan *scan) {
  __u32 bytes = scan->args_end > scan->args && scan->args ? scan->args_end - scan->args - 1 : 0;
  struct sluice_match *m = &s->match;
  __u32 name;

  m->state[SLUICE_STR_TARGET] = SLUICE_TEXT_UNKNOWN;
  m->state[SLUICE_STR_TEXT] = SLUICE_TEXT_UNKNOWN;
  if (scan->failed || !state) return;
  name = name_bytes(state->task.image.name);
  __builtin_memcpy(s->target.value, state->task.image.name, SLUICE_NAME_BYTES);
  BOUND(name, SLUICE_NAME_BYTES - 1);
  s->target.value[name] = ' ';
  SLUICE_OPAQUE(bytes);
  if (bytes > SLUICE_PATH_BYTES - 64) return;
  if (bytes && bpf_probe_read_user(s->target.value + name + 1, bytes, (const void *)scan->args)) return;
  bytes = bytes ? name + 1 + bytes : name;
  blanks_for_ends(s->target.value, bytes);
  m->bytes[SLUICE_STR_TARGET] = bytes;
  m->state[SLUICE_STR_TARGET] = SLUICE_TEXT_PRESENT;
  bytes = bytes > name ? bytes - name - 1 : 0;
  if (bytes >= SLUICE_IMAGE_HEAD) return;
  BOUND(bytes, SLUICE_IMAGE_HEAD - 1);
  bpf_probe_read_kernel(s->text.value, bytes, s->target.value + name + 1);
  s->text.value[bytes] = 0;
  m->bytes[SLUICE_STR_TEXT] = bytes;
  m->state[SLUICE_STR_TEXT] = SLUICE_TEXT_PRESENT;
}

SLUICE_INLINE int judge_strings(struct scratch *s, const struct sluice_hook_config *config,
                                struct task_struct *task, struct linux_binprm *bprm) {
  struct strings_scan *scan = &s->strings;
  struct strings_loop loop = {.s = s};
  __u64 standing;

  __builtin_memset(scan, 0, sizeof(*scan));
  scan->at = bprm->p;
  scan->first_variable = bprm->argc;
  scan->count = bprm->argc + bprm->envc;
  bpf_loop(SCAN_STEPS, strings_step, &loop, 0);
  if (scan->number < scan->count) scan->failed = 1;
  if (!scan->args_end) scan->args_end = scan->at; /* no environment */
  s->match.flags_unknown = scan->failed;
  standing = match_cheap(s, config, task, scan->found & ~SLUICE_VARIABLE_EMPTY);
  put_lines(s, state_of(task), scan);
  if (standing && (config->used & TARGET_LOOKUPS)) standing = match_target_text(s->index, standing);
  if (standing && (config->used & TEXT_LOOKUPS)) standing = match_short_text(s->index, standing);
  return standing && sluice_match_finish(&s->match, config);
}

/* The image of the task is the new one already. A kill ends it before its first instruction. */
static __noinline int decide_strings(struct linux_binprm *bprm) {
  struct task_struct *task = bpf_get_current_task_btf();
  __u32 slot = control.active & 1, type, flags;
  const struct sluice_hook_config *config = active_config(slot, SLUICE_HOOK_BPRM_COMMITTED);
  struct scratch *s;

  if (!config) return 0;
  COUNT(SLUICE_HOOK_BPRM_COMMITTED, seen, 1);
  type = call_type(task, SLUICE_HOOK_BPRM_COMMITTED, &flags);
  s = scratch_claim();
  if (!s) {
    if (decide_blind(slot, SLUICE_HOOK_BPRM_COMMITTED, type, flags, task))
      kill_task(SLUICE_HOOK_BPRM_COMMITTED);
    return 0;
  }
  begin(s, slot, SLUICE_HOOK_BPRM_COMMITTED, type, flags);
  s->match.state[SLUICE_STR_PATH] = SLUICE_TEXT_ABSENT;
  s->match.ends_known = 0;
  s->match.ends_unknown = 0;
  s->path_built = 0;
  if (judge_strings(s, config, task, bprm)) {
    __builtin_memset(s->numbers, 0, sizeof(s->numbers));
    conclude(s, config, task, 1, judge(s, config, task));
  } else {
    COUNT(SLUICE_HOOK_BPRM_COMMITTED, dropped, 1);
  }
  scratch_release(s);
  return 0;
}
