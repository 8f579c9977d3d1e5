/* lib/event.bpf.h - the one way from what a hook was given to what it returns.
 *
 * A program fills a hook_event and calls decide_event(): one row of compiler/check/operands.def for each
 * place that it fills. Pointers are numbers here, for the function is verified by itself; what they point at
 * is read with checks. file_open and exec, which have more to tell, are on their own (file.bpf.c,
 * exec.bpf.c).
 *
 * Fail direction: lib/decide.bpf.h.
 */
#pragma once

#include "decide.bpf.h"
#include "verity.bpf.h"

#define EVENT_OPEN_FILE 1u  /* PATH is of an open file, which may be unlinked since */
#define EVENT_ABSTRACT 2u   /* the target is the abstract name of a UNIX socket: shown with an `@` */
#define EVENT_RETURNED 4u   /* the call has returned: `result` */
#define EVENT_FAILED 8u     /* it failed before it came to the hook */
#define EVENT_DIGEST 16u    /* the text is the digest of the inode at `text` */
#define EVENT_KEPT 32u      /* in: an earlier event of this operation was kept; out: this one was */
#define EVENT_OPERATION 64u /* inside a call of another kind: operation_type() */
#define EVENT_PART 128u     /* of a call that has been judged at its own hook, with its type: this has none */
#define EVENT_UNNAMED 256u  /* a UNIX socket that may get its name before the kernel looks at it */
struct hook_event {
  __u16 hook;
  __u16 options;                   /* EVENT_* */
  __u8 ends;                       /* bit per enum sluice_end: its address is known */
  __u8 unknown_ends;               /* likewise: it has one, which cannot be told */
  __u16 target_bytes;              /* of target_text, where it has no NUL; 0: it has one */
  __u64 flags;                     /* SLUICE_WORD_EVENT, numbers[0] of the record */
  __s64 numbers[SLUICE_ARGS];      /* SLUICE_INT_ARG and on, numbers[1..] */
  __u64 mnt, dentry;               /* SLUICE_STR_PATH: struct vfsmount *, struct dentry *; 0: there is none */
  __u64 target_mnt, target_dentry; /* SLUICE_STR_TARGET, as a path */
  __u64 target_text;               /* or as a text in kernel memory */
  union {
    __u64 text;   /* SLUICE_STR_TEXT, likewise */
    __s64 result; /* with EVENT_RETURNED */
  };
  __u8 addresses[SLUICE_ENDS][16]; /* as enum sluice_end says */
};

#define SOCKET_NAME_BYTES 128 /* with the NUL that ends it */

#define NO_NUMBERS \
  { SLUICE_ABSENT_INT, SLUICE_ABSENT_INT, SLUICE_ABSENT_INT, SLUICE_ABSENT_INT, SLUICE_ABSENT_INT }

#define TARGET_LOOKUPS SLUICE_STRING_BITS(SLUICE_STR_TARGET)
#define TEXT_LOOKUPS SLUICE_STRING_BITS(SLUICE_STR_TEXT)
#define EVENT_LOOKUPS (PATH_LOOKUPS | TARGET_LOOKUPS | TEXT_LOOKUPS)

/* Paths of the event, walked into scratch. Returns the state. */
SLUICE_ONCE __u32 walk_event_path(__u32 index, __u32 string, __u64 mnt, __u64 at, __u32 options) {
  struct scratch *s = bpf_map_lookup_elem(&scratch_by_cpu, &index);
  struct dentry *dentry = (struct dentry *)at;
  __u32 bytes = 0, state;
  int deleted = (options & EVENT_OPEN_FILE) && !BPF_CORE_READ(dentry, d_hash.pprev) &&
                dentry != BPF_CORE_READ(dentry, d_parent);

  if (!s) return SLUICE_TEXT_UNKNOWN;
  if (is_detached(bpf_get_current_task_btf(), (struct vfsmount *)mnt)) {
    if (string == SLUICE_STR_TARGET)
      s->match.state[SLUICE_STR_TARGET] = SLUICE_TEXT_UNKNOWN;
    else
      s->match.state[SLUICE_STR_PATH] = SLUICE_TEXT_UNKNOWN;
    return SLUICE_TEXT_UNKNOWN;
  }
  state = path_walk(string == SLUICE_STR_TARGET ? s->target.value : s->record.path.value,
                    (struct vfsmount *)mnt, dentry, deleted, &bytes);
  BOUND(bytes, SLUICE_PATH_BYTES - 1);
  if (string == SLUICE_STR_TARGET) {
    s->match.state[SLUICE_STR_TARGET] = state;
    s->match.bytes[SLUICE_STR_TARGET] = bytes;
  } else {
    s->match.state[SLUICE_STR_PATH] = state;
    s->match.bytes[SLUICE_STR_PATH] = bytes;
  }
  return state;
}

SLUICE_ONCE __u64 match_target_text(__u32 index, __u64 standing) {
  struct scratch *s = bpf_map_lookup_elem(&scratch_by_cpu, &index);
  const struct sluice_hook_config *config = s ? config_of(s->match.slot, s->match.hook) : 0;

  if (!s || !config) return standing;
  return sluice_match_path(&s->match, config, SLUICE_STR_TARGET, &s->target, &s->directory, &s->suffix,
                           standing);
}

SLUICE_ONCE __u64 match_short_text(__u32 index, __u64 standing) {
  struct scratch *s = bpf_map_lookup_elem(&scratch_by_cpu, &index);
  const struct sluice_hook_config *config = s ? config_of(s->match.slot, s->match.hook) : 0;

  if (!s || !config) return standing;
  return sluice_match_text(&s->match, config, SLUICE_STR_TEXT, &s->text, &s->suffix, 0, standing);
}

/* A text of the kernel's. One that fills its buffer is longer than what may be matched. */
SLUICE_INLINE void read_text(struct scratch *s, __u32 string, char *value, __u32 most, __u64 from) {
  long length;

  s->match.state[string] = SLUICE_TEXT_ABSENT;
  if (!from) return;
  length = bpf_probe_read_kernel_str(value, most, (const void *)from);
  s->match.state[string] = length > 0 && length < most ? SLUICE_TEXT_PRESENT : SLUICE_TEXT_UNKNOWN;
  s->match.bytes[string] = length > 0 ? length - 1 : 0;
}

/* Whether any of these bytes is not NUL. */
SLUICE_ONCE int has_text(__u32 index, __u64 from, __u32 bytes) {
  struct scratch *s = bpf_map_lookup_elem(&scratch_by_cpu, &index);
  __u64 any = 0;
  __u32 i;

  if (!s) return 1;
  __builtin_memset(s->text.value, 0, SOCKET_NAME_BYTES);
  BOUND(bytes, SOCKET_NAME_BYTES - 1);
  if (bpf_probe_read_kernel(s->text.value, bytes, (const void *)from)) return 1;
  for (i = 0; i < SOCKET_NAME_BYTES; i += 8) any |= SLUICE_LOAD64(s->text.value + i);
  return any != 0;
}

/* The name of a UNIX socket, whole. That of an abstract one may go on behind a NUL, and is no text then. */
SLUICE_INLINE void read_socket_name(struct scratch *s, const struct hook_event *e) {
  const __u32 mark = e->options & EVENT_ABSTRACT ? 1 : 0;
  __u32 most = e->target_bytes, bytes;

  if (most > SOCKET_NAME_BYTES - 1) most = SOCKET_NAME_BYTES - 1;
  s->target.value[0] = '@';
  read_text(s, SLUICE_STR_TARGET, s->target.value + mark, most + 1, e->target_text);
  bytes = s->match.bytes[SLUICE_STR_TARGET];
  s->match.bytes[SLUICE_STR_TARGET] = bytes + mark;
  s->match.state[SLUICE_STR_TARGET] = SLUICE_TEXT_PRESENT; /* one that fills the buffer is whole here */
  if (mark && bytes < most && has_text(s->index, e->target_text + bytes, most - bytes))
    s->match.state[SLUICE_STR_TARGET] = SLUICE_TEXT_UNKNOWN;
}

SLUICE_INLINE void read_target(struct scratch *s, const struct hook_event *e) {
  if (e->options & EVENT_UNNAMED)
    s->match.state[SLUICE_STR_TARGET] = SLUICE_TEXT_UNKNOWN;
  else if ((e->options & EVENT_ABSTRACT) || e->target_bytes)
    read_socket_name(s, e);
  else
    read_text(s, SLUICE_STR_TARGET, s->target.value, SLUICE_PATH_BYTES, e->target_text);
}

SLUICE_INLINE void build_texts(struct scratch *s, const struct hook_event *e) {
  s->path_built = 1;
  s->match.state[SLUICE_STR_PATH] = SLUICE_TEXT_ABSENT;
  if (e->dentry && !e->mnt) s->match.state[SLUICE_STR_PATH] = SLUICE_TEXT_UNKNOWN;
  if (e->dentry && e->mnt) walk_event_path(s->index, SLUICE_STR_PATH, e->mnt, e->dentry, e->options);
  if (e->target_dentry)
    walk_event_path(s->index, SLUICE_STR_TARGET, e->target_mnt, e->target_dentry, 0);
  else
    read_target(s, e);
  if (e->options & EVENT_DIGEST)
    read_digest(s->index, e->text);
  else
    read_text(s, SLUICE_STR_TEXT, s->text.value, SLUICE_IMAGE_HEAD + 1,
              e->options & EVENT_RETURNED ? 0 : e->text);
}

/* 0: dropped. */
SLUICE_INLINE int judge_event(struct scratch *s, const struct sluice_hook_config *config,
                              struct task_struct *task, const struct hook_event *e) {
  __u64 standing;
  __u32 i;

  for (i = 0; i < SLUICE_ARGS; i++) s->match.ints[SLUICE_INT_ARG + i] = e->numbers[i];
  s->match.ints[SLUICE_INT_RESULT] = e->options & EVENT_RETURNED ? e->result : SLUICE_ABSENT_INT;
  s->match.ends_known = e->ends;
  s->match.ends_unknown = e->unknown_ends;
  __builtin_memcpy(s->match.ends, e->addresses, sizeof(s->match.ends));
  standing = match_cheap(s, config, task, e->flags);
  if (config->file_strings & (1u << SLUICE_STR_PATH | 1u << SLUICE_STR_TARGET)) {
    if (e->dentry) match_file_of(s, config, SLUICE_STR_PATH, inode_of(e->dentry), standing);
    if (e->target_dentry) match_file_of(s, config, SLUICE_STR_TARGET, inode_of(e->target_dentry), standing);
  }
  standing = match_early(s, config, standing, EVENT_LOOKUPS);
  if (!standing) return 0;
  build_texts(s, e);
  if (!(config->used & EVENT_LOOKUPS)) return 1;
  if (config->used & PATH_LOOKUPS) standing = match_path_text(s->index, standing);
  if (standing && (config->used & TARGET_LOOKUPS)) standing = match_target_text(s->index, standing);
  if (standing && (config->used & TEXT_LOOKUPS)) standing = match_short_text(s->index, standing);
  return standing && sluice_match_finish(&s->match, config);
}

/* The name that a failed exec asked for, as the caller's memory has it by now. */
SLUICE_INLINE __u32 put_asked(char *buffer, __u32 at, struct task_struct *task) {
  struct pt_regs *regs = (struct pt_regs *)bpf_task_pt_regs(task);
  struct sluice_item *item = (struct sluice_item *)(buffer + at);
  __u32 number = (__u32)regs->orig_ax & ~X32_BIT;
  __u64 name;
  long length;

  if (at > RECORD_LIMIT) return at;
  if (task->thread_info.status & TS_COMPAT)
    name = number == NR_execveat_compat ? (__u32)regs->cx : (__u32)regs->bx;
  else
    name = number == NR_execveat || number == NR_execveat_x32 ? regs->si : regs->di;
  length = bpf_probe_read_user_str(item + 1, SLUICE_PATH_BYTES, (const void *)name);
  item->tag = SLUICE_ITEM_FILENAME;
  item->flags = length > 0 ? 0 : SLUICE_ITEM_UNKNOWN;
  item->length = length > 0 ? length - 1 : 0;
  return position(buffer, at + 8 + ((item->length + 7) & ~7u));
}

/* A call that has returned: nothing to mitigate. What failed before its hook is for the clauses that ask for
 * failures. */
static __noinline __attribute__((unused)) int tell(struct scratch *s, const struct sluice_hook_config *config,
                                                   struct task_struct *task, __s64 result, __u32 options) {
  struct sluice_match *m = &s->match;
  struct sluice_record *r = &s->record.header;
  __u64 any = 0, doubt = 0;
  __u32 hook = m->hook, verdict, at, i;

  for (i = 0; i < SLUICE_WORDS; i++) {
    if (options & EVENT_FAILED) m->set[i] &= config->failures[i];
    m->undecided[i] &= m->set[i];
    any |= m->set[i];
    doubt |= m->undecided[i];
  }
  if (!any) {
    COUNT(hook, dropped, 1);
    return 0;
  }
  verdict = doubt ? SLUICE_VERDICT_UNDECIDED : 0;
  fill_header(r, SLUICE_RECORD_EVENT, hook, task, task->real_parent);
  fill_verdict(s, r, verdict);
  if (options & EVENT_FAILED) r->flags |= SLUICE_EVENT_GIVEN;
  set_result(r, result);
  __builtin_memcpy(r->numbers, s->numbers, sizeof(r->numbers));
  at = put_path(s, SLUICE_STR_PATH, SLUICE_ITEM_PATH);
  if (hook == SLUICE_HOOK_BPRM_CHECK)
    at = put_asked((char *)&s->record, at, task);
  else if (hook != SLUICE_HOOK_FILE_OPEN)
    at = put_operands(s, at);
  else if (config->flags & SLUICE_HOOK_NEEDS_GIVEN)
    at = put_string((char *)&s->record, at, RECORD_LIMIT, SLUICE_ITEM_FILENAME, s->given);
  at = put_image((char *)&s->record, at, RECORD_LIMIT, state_of(task), 1);
  at = put_cgroup((char *)&s->record, at, RECORD_LIMIT, task);
  at = put_doubts(s, at, verdict);
  count_verdict(hook, verdict);
  send_record(s, hook, at, 0);
  return 1;
}

SLUICE_INLINE __u32 type_of_event(struct task_struct *task, __u32 hook, __u32 options, __u32 *flags) {
  if (!(options & EVENT_PART))
    return options & EVENT_OPERATION ? operation_type(task, hook, flags) : call_type(task, hook, flags);
  call_at(task, hook, flags);
  *flags |= SLUICE_EVENT_NO_TYPE;
  return 0;
}

/* Judges the event, mitigates, sends and counts. Returns the errno of a denial, positive, or 0. */
SLUICE_ONCE int decide_event(struct hook_event *e) {
  struct task_struct *task = bpf_get_current_task_btf();
  __u32 slot = control.active & 1;
  const struct sluice_hook_config *config;
  __u32 type, flags, hook, i;
  struct scratch *s;
  int result = 0;

  if (!e) return 0;
  hook = e->hook;
  config = active_config(slot, hook);
  if (!config) return 0;
  COUNT(hook, seen, 1);
  type = type_of_event(task, hook, e->options, &flags);
  if (e->options & EVENT_KEPT) flags |= SLUICE_EVENT_AGAIN;
  s = scratch_claim();
  if (!s) return decide_blind(slot, hook, type, flags, task);
  begin(s, slot, hook, type, flags);
  if (s->completed && ((config->flags & SLUICE_HOOK_FAILURES) || hook == SLUICE_HOOK_USERNS_CREATE) &&
      !(e->options & EVENT_FAILED))
    note_reached(task, type, flags);
  if (judge_event(s, config, task, e)) {
    e->options |= EVENT_KEPT;
    s->numbers[0] = e->flags;
    for (i = 0; i < SLUICE_ARGS; i++) s->numbers[1 + i] = e->numbers[i];
    if (e->options & EVENT_RETURNED)
      tell(s, config, task, e->result, e->options);
    else
      result = conclude(s, config, task, 1, judge(s, config, task));
  } else {
    COUNT(hook, dropped, 1);
  }
  scratch_release(s);
  return result;
}

/* What a program returns. */
SLUICE_INLINE int decided(struct hook_event *e) { return hook_result(decide_event(e)); }

/* An event about one path. */
#define ENTRY_EVENT(which, directory, entry) \
  { .hook = which, .numbers = NO_NUMBERS, .mnt = (__u64)(directory)->mnt, .dentry = (__u64)(entry) }
