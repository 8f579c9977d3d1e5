/* exec.bpf.c - the exec family: new images, and who forked whom.
 *
 *   exec_creds_for_exec bprm_creds_for_exec: the name of the file behind a descriptor that is asked for
 *   exec_bprm_check     bprm_check_security: decides execve and execveat, once per interpreter round
 *   exec_bprm_committed bprm_committed_creds: the task's image is the new one from here on; kills that ask its
 *                       arguments or environment
 *   exec_task_alloc     task_alloc: the child inherits image and ancestors
 *   exec_sched_fork, exec_sched_exec, exec_sched_exit   tracepoints: the records that the process tree lives on; what
 *                       still waits of a task that ends
 *   exec_seed            iterator: lineage of tasks that are older than the agent or than a rule set
 *
 * A round that a rule denies ends the exec: its record is sent at once. A set that merely survives is parked
 * with the task, joined with those of later rounds, and sent with arguments and environment when the new
 * image is in place: user space sees one record an exec. An exec that fails later counts as dropped.
 *
 * Fail direction: allow (lib/decide.bpf.h). An error that another LSM program decided on is passed on unseen.
 */
#include "lib/lineage.bpf.h"
#include "lib/stdio.bpf.h"
#include "lib/strings.bpf.h"

char LICENSE[] __weak SEC("license") = "GPL";

#define EXEC_RECORD_BYTES 65536
#define EXEC_ITEM_BYTES 16384
#define EXEC_LIMIT (EXEC_RECORD_BYTES - 8 - EXEC_ITEM_BYTES)

/* An exec's record is too large for scratch. Tracepoints are not preempted: one a CPU. The loader sizes it.
 */
struct exec_record {
  struct sluice_record header;
  char items[EXEC_RECORD_BYTES];
};
struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(max_entries, 1);
  __type(key, __u32);
  __type(value, struct exec_record);
} SLUICE_MAP(exec_record_by_cpu);

SLUICE_INLINE int is_first_round(const struct linux_binprm *bprm) { return bprm->interp == bprm->filename; }

SLUICE_INLINE struct parked_exec *parked_of(struct task_struct *task) {
  return totals.parked ? bpf_task_storage_get(&parked_by_task, task, 0, 0) : 0;
}

/* A later exec or the exit of the task: what was parked never became an image. */
SLUICE_INLINE void abandon(struct task_struct *task) {
  struct parked_exec *parked = parked_of(task);

  if (!parked || !parked->open) return;
  parked->open = 0;
  TOTAL(parked, -1);
  COUNT(SLUICE_HOOK_BPRM_CHECK, dropped, 1);
}

/* A call whose return was missed, and after which its thread made no other: its result stays unknown. */
SLUICE_INLINE void send_unreturned(struct task_struct *task) {
  struct waiting_call *waiting = waiting_of(task);

  if (waiting) send_all_waiting(waiting, task, 0, 0);
}

#define FD_FOLDER_BYTES 8 /* "/dev/fd/" */

/* Later rounds have the interpreter in bprm->file, and nothing of the file asked for. */
SLUICE_INLINE void keep_descriptor_name(struct linux_binprm *bprm) {
  struct task_state *state = state_made(bpf_get_current_task_btf());

  if (!state) return;
  state->descriptor_exec = 0;
  if (hangs_below_nothing(bprm->file->f_path.mnt, bprm->file->f_path.dentry)) return;
  SLUICE_STORE64(state->descriptor_name, 0);
  SLUICE_STORE64(state->descriptor_name + 8, 0);
  if (bpf_probe_read_kernel_str(state->descriptor_name, SLUICE_NAME_BYTES,
                                bprm->file->f_path.dentry->d_name.name) > 0)
    state->descriptor_exec = (__u64)bprm;
}

/* 0: it was not kept. */
SLUICE_INLINE int read_descriptor_name(struct scratch *s, const struct linux_binprm *bprm) {
  const struct task_state *state = state_of(bpf_get_current_task_btf());

  if (!state || state->descriptor_exec != (__u64)bprm) return 0;
  __builtin_memcpy(s->name.value, state->descriptor_name, SLUICE_NAME_BYTES);
  return 1;
}

/* proc.name of the new image: the base name of the file asked for, cut to 15 bytes. An exec of a descriptor
 * ("/dev/fd/N", which no path relative to one looks like) has the name of the file behind it. */
static __noinline void name_of_exec(struct scratch *s, struct linux_binprm *bprm) {
  char *value = s->record.more;
  long length = bpf_probe_read_kernel_str(value, SLUICE_PATH_BYTES, bprm->filename);
  __u32 start, step;
  int failed;

  s->match.state[SLUICE_STR_NAME] = SLUICE_TEXT_UNKNOWN;
  if (length <= 0) return;
  start = length - 1;
  SLUICE_ROLLED
  for (step = 0; step < 256; step++) {
    __u32 before = start - 1;

    if (start == 0) break;
    BOUND(before, SLUICE_PATH_BYTES - 1);
    if (value[before] == '/') break;
    start = before;
  }
  SLUICE_STORE64(s->name.value, 0);
  SLUICE_STORE64(s->name.value + 8, 0);
  if (bprm->fdpath && start == FD_FOLDER_BYTES)
    failed = !read_descriptor_name(s, bprm);
  else
    failed = bpf_probe_read_kernel_str(s->name.value, SLUICE_NAME_BYTES,
                                       value + (start & (SLUICE_PATH_BYTES - 1))) <= 0;
  if (failed) return;
  s->match.state[SLUICE_STR_NAME] = SLUICE_TEXT_PRESENT;
  s->match.bytes[SLUICE_STR_NAME] = name_bytes(s->name.value);
}

#define IMAGE_LOOKUPS (SLUICE_STRING_BITS(SLUICE_STR_EXEPATH) | TEXT_LOOKUPS)

/* The lookups of one round, the path last. 0: no clause survives it. */
SLUICE_INLINE __u64 match_round(struct scratch *s, const struct sluice_hook_config *config,
                                struct task_struct *task, struct linux_binprm *bprm) {
  struct sluice_match *m = &s->match;
  __u64 standing;

  if (config->used & SLUICE_INT_BITS) fill_ints(m, config, task);
  if (config->used & STDIO_BITS) fill_stdio(&m->ints[SLUICE_INT_ARG], task);
  if (config->used & SLUICE_LINEAGE_BITS) fill_lineage(m, state_of(task), s->generation);
  m->flags[SLUICE_WORD_EVENT] = image_bits(image_flags_of(bprm->file));
  if ((config->used & 1ull << SLUICE_LOOKUP_BITS) && (asked_bits(config) & CONTAINER_BITS))
    m->flags[SLUICE_WORD_EVENT] |= container_bit(s, task, state_of(task));
  fill_capabilities(m, task);
  standing = sluice_match_begin(m, config);
  if (!standing) return 0;
  if (config->used & SLUICE_STRING_BITS(SLUICE_STR_NAME)) {
    name_of_exec(s, bprm);
    standing = match_name_text(s->index, standing);
  }
  standing = match_early(s, config, standing, IMAGE_LOOKUPS);
  if (!standing) return 0;
  if (asks_file(config, SLUICE_STR_EXEPATH, standing) && is_self_mounted(bprm->file))
    sluice_doubt_path(m, config, SLUICE_STR_EXEPATH);
  match_file_of(s, config, SLUICE_STR_EXEPATH, (__u64)BPF_CORE_READ(bprm, file, f_inode), standing);
  path_of_file(s, task, bprm->file, SLUICE_STR_EXEPATH);
  read_digest(s->index, (__u64)BPF_CORE_READ(bprm, file, f_inode));
  if (!(config->used & IMAGE_LOOKUPS)) return standing;
  if (config->used & TEXT_LOOKUPS) standing = match_short_text(s->index, standing);
  if (standing && (config->used & SLUICE_STRING_BITS(SLUICE_STR_EXEPATH)))
    standing = match_exec_path(s->index, standing);
  return standing && sluice_match_finish(m, config);
}

SLUICE_INLINE __u32 put_parked_rounds(char *buffer, __u32 at, __u32 limit, struct parked_exec *parked) {
  __u32 i;

  SLUICE_ROLLED
  for (i = 0; i < SLUICE_ROUNDS; i++) {
    __u32 bytes, from;

    if (i >= parked->rounds) break;
    bytes = parked->path_bytes[i];
    from = parked->path_at[i];
    BOUND(bytes, SLUICE_PATH_BYTES - 1);
    BOUND(from, PARKED_BYTES - 1);
    at = put_item(buffer, at, limit, SLUICE_ITEM_ROUND_SET, 0, parked->round_set[i], 8 * SLUICE_WORDS, 0);
    at = put_item(buffer, at, limit, SLUICE_ITEM_ROUND_PATH, bytes ? 0 : SLUICE_ITEM_UNKNOWN,
                  parked->paths + from, bytes, 0);
    bytes = parked->digest_bytes[i];
    if (!bytes) continue;
    BOUND(bytes, DIGEST_UNKNOWN);
    at =
        put_item(buffer, at, limit, SLUICE_ITEM_ROUND_TEXT, bytes == DIGEST_UNKNOWN ? SLUICE_ITEM_UNKNOWN : 0,
                 parked->digests[i], bytes == DIGEST_UNKNOWN ? 0 : bytes, 0);
  }
  return at;
}

/* A later round begins a record: the first one's event was counted as dropped, or, without scratch, as sent. */
SLUICE_INLINE void count_later_round(struct task_struct *task, const struct linux_binprm *bprm) {
  const struct task_state *state = state_of(task);

  if (state && state->blind_exec == (__u64)bprm)
    COUNT(SLUICE_HOOK_BPRM_CHECK, seen, 1);
  else
    COUNT(SLUICE_HOOK_BPRM_CHECK, dropped, -1);
}

/* A round that a rule denies or kills: the only record of this exec, in the mitigations' lane. */
static __noinline int refuse(struct scratch *s, struct task_struct *task, struct linux_binprm *bprm,
                             __u32 verdict) {
  struct parked_exec *parked = parked_of(task);
  struct sluice_record *r = &s->record.header;
  char *buffer = (char *)&s->record;
  __u32 bytes, at;
  int named;

  fill_header(r, SLUICE_RECORD_EVENT, SLUICE_HOOK_BPRM_CHECK, task, task->real_parent);
  fill_verdict(s, r, verdict);
  r->numbers[0] = (__u32)(s->match.flags[SLUICE_WORD_EVENT] >> 32);
  fill_stdio((__s64 *)&r->numbers[1], task);
  set_result(r, hook_result(verdict));
  note_reached(task, s->match.type, s->flags);
  name_of_exec(s, bprm);
  at = put_path(s, SLUICE_STR_EXEPATH, SLUICE_ITEM_EXEPATH);
  named = s->match.state[SLUICE_STR_NAME] == SLUICE_TEXT_PRESENT;
  bytes = named ? s->match.bytes[SLUICE_STR_NAME] : 0;
  BOUND(bytes, SLUICE_NAME_BYTES - 1);
  at = put_item(buffer, at, RECORD_LIMIT, SLUICE_ITEM_NAME, named ? 0 : SLUICE_ITEM_UNKNOWN, s->name.value,
                bytes, 0);
  at = put_text(s, at);
  at = put_doubts(s, at, verdict);
  if (parked && parked->open) {
    at = put_parked_rounds(buffer, at, RECORD_LIMIT, parked);
    parked->open = 0;
    TOTAL(parked, -1);
  } else if (!is_first_round(bprm)) {
    count_later_round(task, bprm);
  }
  count_verdict(SLUICE_HOOK_BPRM_CHECK, verdict);
  if (verdict & SLUICE_VERDICT_KILL) kill_task(SLUICE_HOOK_BPRM_CHECK);
  send_record(s, SLUICE_HOOK_BPRM_CHECK, at, 1);
  return hook_result(verdict);
}

SLUICE_INLINE void keep_digest(struct scratch *s, struct parked_exec *parked, __u32 round) {
  __u32 state = s->match.state[SLUICE_STR_TEXT];

  parked->digest_bytes[round] = state == SLUICE_TEXT_PRESENT   ? s->match.bytes[SLUICE_STR_TEXT]
                                : state == SLUICE_TEXT_UNKNOWN ? DIGEST_UNKNOWN
                                                               : 0;
  __builtin_memcpy(parked->digests[round], s->text.value, DIGEST_TEXT_BYTES);
}

/* Keeps the round's set and path until the new image is in place. 0: there is no memory for it. */
static __noinline int park(struct scratch *s, struct task_struct *task, struct linux_binprm *bprm,
                           __u32 verdict) {
  struct parked_exec *parked = bpf_task_storage_get(&parked_by_task, task, 0, BPF_LOCAL_STORAGE_GET_F_CREATE);
  __u32 round, at, bytes, i;

  if (!parked) return 0;
  if (!parked->open) {
    parked->open = 1;
    parked->slot = s->match.slot;
    parked->generation = s->generation;
    parked->type = s->match.type;
    parked->flags = s->flags;
    parked->unknown = 0;
    parked->rounds = 0;
    parked->used = 0;
    read_creds(&parked->creds, task->cred);
    fill_stdio(parked->stdio, task);
    __builtin_memset(parked->set, 0, sizeof(parked->set));
    __builtin_memset(parked->undecided, 0, sizeof(parked->undecided));
    TOTAL(parked, 1);
    if (!is_first_round(bprm)) count_later_round(task, bprm);
  }
  if (verdict & SLUICE_VERDICT_AUDIT) parked->flags |= SLUICE_EVENT_AUDITED;
  if (verdict & SLUICE_VERDICT_UNDECIDED) parked->flags |= SLUICE_EVENT_UNDECIDED;
  if (s->match.unknown & SLUICE_LINEAGE_BITS) parked->flags |= SLUICE_EVENT_NO_LINEAGE;
  parked->unknown |= s->match.unknown;
  for (i = 0; i < SLUICE_WORDS; i++) {
    parked->set[i] |= s->match.set[i];
    parked->undecided[i] |= s->match.undecided[i];
  }
  round = parked->rounds;
  if (round >= SLUICE_ROUNDS) return 1;
  for (i = 0; i < SLUICE_WORDS; i++) parked->round_set[round][i] = s->match.set[i];
  at = parked->used;
  bytes = s->match.state[SLUICE_STR_EXEPATH] == SLUICE_TEXT_PRESENT ? s->match.bytes[SLUICE_STR_EXEPATH] : 0;
  BOUND(bytes, SLUICE_PATH_BYTES - 1);
  if (at >= PARKED_BYTES) bytes = 0;
  BOUND(at, PARKED_BYTES - 1);
  bpf_probe_read_kernel(parked->paths + at, bytes, s->record.path.value);
  keep_digest(s, parked, round);
  parked->path_at[round] = at;
  parked->path_bytes[round] = bytes;
  parked->used = at + bytes;
  parked->rounds = round + 1;
  return 1;
}

/* No memory to park: an event without arguments, for user space to judge. */
SLUICE_INLINE void send_unparked(struct scratch *s, struct task_struct *task, struct linux_binprm *bprm) {
  __u32 at;

  if (!is_first_round(bprm)) count_later_round(task, bprm);
  TOTAL(no_storage, 1);
  fill_header(&s->record.header, SLUICE_RECORD_EVENT, SLUICE_HOOK_BPRM_CHECK, task, task->real_parent);
  fill_verdict(s, &s->record.header, SLUICE_VERDICT_UNDECIDED);
  at = put_path(s, SLUICE_STR_EXEPATH, SLUICE_ITEM_EXEPATH);
  send_record(s, SLUICE_HOOK_BPRM_CHECK, at, 0);
}

SLUICE_INLINE int judge_round(struct scratch *s, const struct sluice_hook_config *config,
                              struct task_struct *task, struct linux_binprm *bprm, int first) {
  __u32 verdict;

  if (!match_round(s, config, task, bprm)) {
    if (first) COUNT(SLUICE_HOOK_BPRM_CHECK, dropped, 1);
    return 0;
  }
  verdict = judge(s, config, task);
  if (verdict & (SLUICE_VERDICT_ERRNO | SLUICE_VERDICT_KILL)) return refuse(s, task, bprm, verdict);
  if (verdict & SLUICE_VERDICT_AUDIT) COUNT(SLUICE_HOOK_BPRM_CHECK, audited, 1);
  if (verdict & SLUICE_VERDICT_UNDECIDED) COUNT(SLUICE_HOOK_BPRM_CHECK, undecided, 1);
  if (!park(s, task, bprm, verdict)) send_unparked(s, task, bprm);
  return 0;
}

/* The slot that judged the first round, while its rule set is loaded; otherwise the active one. */
SLUICE_INLINE __u32 slot_of_round(struct task_struct *task, int first) {
  struct parked_exec *parked = first ? 0 : parked_of(task);

  if (parked && parked->open && control.generation[parked->slot & 1] == parked->generation)
    return parked->slot & 1;
  return control.active & 1;
}

/* A round without scratch is sent with all rules, a record of its own. What earlier rounds came to would be told twice, and is
 * dropped; a later round that survives is told beside it. */
SLUICE_INLINE void begin_round(struct task_struct *task, struct linux_binprm *bprm, int first, int blind) {
  struct task_state *state = first ? state_of(task) : 0;

  if (state) state->blind_exec = blind ? (__u64)bprm : 0;
  if (first || !blind) return;
  abandon(task);
  COUNT(SLUICE_HOOK_BPRM_CHECK, seen, 1);
}

SLUICE_INLINE int decide_round(struct linux_binprm *bprm) {
  struct task_struct *task = bpf_get_current_task_btf();
  int first = is_first_round(bprm);
  __u32 slot = slot_of_round(task, first);
  const struct sluice_hook_config *config = active_config(slot, SLUICE_HOOK_BPRM_CHECK);
  __u32 type, flags;
  struct scratch *s;
  int result;

  if (first) abandon(task);
  if (!config) return 0;
  if (first) COUNT(SLUICE_HOOK_BPRM_CHECK, seen, 1);
  type = call_type(task, SLUICE_HOOK_BPRM_CHECK, &flags);
  s = scratch_claim();
  begin_round(task, bprm, first, !s);
  if (!s) return hook_result(decide_blind(slot, SLUICE_HOOK_BPRM_CHECK, type, flags, task));
  begin(s, slot, SLUICE_HOOK_BPRM_CHECK, type, flags);
  result = judge_round(s, config, task, bprm, first);
  scratch_release(s);
  return result;
}

/* Without scratch or storage the image is unknown, and so is the lineage of its children. */
static __noinline int commit_image(struct linux_binprm *bprm) {
  struct task_struct *task = bpf_get_current_task_btf();
  struct task_state *state = state_made(task);
  struct scratch *s;
  __u32 flags;

  if (!state) return 0;
  state->task.self_generation[0] = 0;
  state->task.self_generation[1] = 0;
  note_executable(state, bprm->file);
  s = scratch_claim();
  if (!s) {
    state->task.image.flags = SLUICE_IMAGE_EXE_UNKNOWN;
    return 0;
  }
  flags = image_flags_of(bprm->file);
  s->match.state[SLUICE_STR_NAME] = SLUICE_TEXT_UNKNOWN;
  if (bprm->fdpath) name_of_exec(s, bprm); /* kernels differ in what comm is then */
  if (s->match.state[SLUICE_STR_NAME] != SLUICE_TEXT_PRESENT) {
    SLUICE_STORE64(s->name.value, 0); /* 6.1 leaves what is beyond the name's end */
    SLUICE_STORE64(s->name.value + 8, 0);
    bpf_get_current_comm(s->name.value, SLUICE_NAME_BYTES); /* the base name of bprm->filename by now */
    s->match.state[SLUICE_STR_NAME] = SLUICE_TEXT_PRESENT;
    s->match.bytes[SLUICE_STR_NAME] = name_bytes(s->name.value);
  }
  path_of_file(s, task, bprm->file, SLUICE_STR_EXEPATH);
  store_image(s, &state->task.image, flags);
  state->image_set = 1;
  judge_image(s, &state->task, 0);
  judge_image(s, &state->task, 1);
  scratch_release(s);
  return 0;
}

/* Arguments or environment of the new image, as the kernel laid them out. */
SLUICE_INLINE __u32 put_user(char *buffer, __u32 at, __u32 tag, __u64 start, __u64 end, __u32 most) {
  __u32 flags = end - start > most ? SLUICE_ITEM_TRUNCATED : 0;
  __u32 bytes = flags ? most : end - start;

  if (end < start) return at;
  SLUICE_OPAQUE(bytes);
  if (bytes > most) bytes = most;
  return put_item(buffer, at, EXEC_LIMIT, tag, flags, (void *)start, bytes, 1);
}

/* The working directory, walked in scratch. */
SLUICE_INLINE __u32 put_cwd(char *buffer, __u32 at, struct task_struct *task) {
  struct scratch *s = scratch_claim();
  __u32 bytes = 0, state;

  if (!s) return put_item(buffer, at, EXEC_LIMIT, SLUICE_ITEM_CWD, SLUICE_ITEM_UNKNOWN, 0, 0, 0);
  state = path_walk(s->record.path.value, task->fs->pwd.mnt, task->fs->pwd.dentry,
                    is_unlinked(task->fs->pwd.dentry), &bytes);
  BOUND(bytes, SLUICE_PATH_BYTES - 1);
  if (state != SLUICE_TEXT_PRESENT) bytes = 0;
  at = put_item(buffer, at, EXEC_LIMIT, SLUICE_ITEM_CWD,
                state == SLUICE_TEXT_PRESENT ? 0 : SLUICE_ITEM_UNKNOWN, s->record.path.value, bytes, 0);
  scratch_release(s);
  return at;
}

/* What the parked rounds add. The user is the one that called: whom the rules were asked about. */
static __noinline __u32 put_decision(struct exec_record *record, __u32 at, struct parked_exec *parked) {
  struct sluice_record *r = &record->header;
  char *buffer = (char *)record;

  r->generation = parked->generation;
  r->type = parked->type;
  r->flags = parked->flags;
  r->unknown = parked->unknown;
  set_result(r, 0);
  fill_creds(r, &parked->creds);
  __builtin_memcpy(r->set, parked->set, sizeof(r->set));
  if (parked->flags & SLUICE_EVENT_UNDECIDED)
    at = put_item(buffer, at, EXEC_LIMIT, SLUICE_ITEM_UNDECIDED, 0, parked->undecided,
                  sizeof(parked->undecided), 0);
  return put_parked_rounds(buffer, at, EXEC_LIMIT, parked);
}

/* What rules want to know of any process, from its exec alone: environment and working directory. */
static __noinline __u32 put_needs(struct exec_record *record, __u32 at, struct task_struct *task,
                                  __u32 slot) {
  const struct sluice_hook_config *config = config_of(slot, SLUICE_HOOK_BPRM_CHECK);
  char *buffer = (char *)record;

  if (config && (config->flags & SLUICE_HOOK_NEEDS_ENV))
    at = put_user(buffer, at, SLUICE_ITEM_ENV, task->mm->env_start, task->mm->env_end, SLUICE_ENV_BYTES);
  if (config && (config->flags & SLUICE_HOOK_NEEDS_CWD)) at = put_cwd(buffer, at, task);
  return at;
}

SLUICE_INLINE void send_exec(struct task_struct *task, struct linux_binprm *bprm) {
  __u32 cpu = bpf_get_smp_processor_id();
  struct exec_record *record = bpf_map_lookup_elem(&exec_record_by_cpu, &cpu);
  struct parked_exec *parked = totals.parked ? bpf_task_storage_get(&parked_by_task, task, 0, 0) : 0;
  const struct task_state *state = state_of(task);
  char *buffer = (char *)record;
  __u32 at = sizeof(struct sluice_record), slot;
  long error;

  if (parked && !parked->open) parked = 0;
  slot = parked && control.generation[parked->slot & 1] == parked->generation ? parked->slot & 1
                                                                              : control.active & 1;
  if (!record) { /* the map is smaller than the machine: the loader's fault; a parked set stays counted as
                    parked */
    TOTAL(tree_lost, 1);
    return;
  }
  fill_header(&record->header, SLUICE_RECORD_EXEC, SLUICE_HOOK_BPRM_CHECK, task, task->real_parent);
  record->header.numbers[0] = state ? state->task.image.flags : 0;
  record->header.numbers[1] = parked ? parked->stdio[0] : SLUICE_ABSENT_INT;
  record->header.numbers[2] = parked ? parked->stdio[1] : SLUICE_ABSENT_INT;
  record->header.numbers[3] = parked ? parked->stdio[2] : SLUICE_ABSENT_INT;
  at = put_image(buffer, at, EXEC_LIMIT, state, 1);
  at = put_cgroup(buffer, at, EXEC_LIMIT, task);
  at = put_string(buffer, at, EXEC_LIMIT, SLUICE_ITEM_FILENAME, bprm->filename);
  at = put_user(buffer, at, SLUICE_ITEM_ARGS, task->mm->arg_start, task->mm->arg_end, SLUICE_ARGS_BYTES);
  if (parked) at = put_decision(record, at, parked);
  at = put_needs(record, at, task, slot);
  if (at > sizeof(*record)) at = sizeof(*record); /* cannot be: every item was checked */
  record->header.size = at;
  error = send_event(record, at);
  if (!parked) {
    if (error)
      TOTAL(tree_lost, 1);
    else
      TOTAL(tree_sent, 1);
    return;
  }
  parked->open = 0;
  TOTAL(parked, -1);
  if (error)
    COUNT(SLUICE_HOOK_BPRM_CHECK, lost, 1);
  else
    COUNT(SLUICE_HOOK_BPRM_CHECK, sent, 1);
  bpf_task_storage_delete(&parked_by_task, task);
}

/* FORK and EXIT: a header alone. */
static __noinline void send_tree(__u32 kind, struct task_struct *task, struct task_struct *parent) {
  struct sluice_record *r = is_unattended(0, 0) ? 0 : bpf_ringbuf_reserve(&events, sizeof(*r), 0);

  if (!r) {
    next_sequence();
    TOTAL(tree_lost, 1);
    return;
  }
  fill_header(r, kind, SLUICE_HOOK_IMAGE, task, parent);
  r->size = sizeof(*r);
  bpf_ringbuf_submit(r, wake_flag(sizeof(*r)));
  TOTAL(tree_sent, 1);
}

SLUICE_INLINE int same_image(const struct sluice_image *a, const struct sluice_image *b) {
  __u64 differs = 0;
  __u32 i;

  for (i = 0; i < sizeof(*a) / 8; i++) differs |= ((const __u64 *)a)[i] ^ ((const __u64 *)b)[i];
  return !differs;
}

/* /proc says when a process started in clock ticks. */
#define TICK_NS 10000000ull
SLUICE_INLINE int is_seed_of(const struct sluice_seed *from, struct task_struct *task) {
  return from->start_ns / TICK_NS == task->group_leader->start_boottime / TICK_NS;
}

/* Fills one slot of a task from its seed. What the kernel knows better, an image from an exec, stays: the
 * seed's own bits count only when they were made from this very image. Returns 0 when something is still
 * missing. */
SLUICE_INLINE int seed(struct task_struct *task, const struct sluice_seed *from) {
  const __u32 slot = control.seed_slot & 1;
  __u32 generation = control.generation[slot];
  struct task_state *state;
  __u32 i;

  if (!from || !is_seed_of(from, task)) return 0;
  state = state_made(task);
  if (!state) return 0;
  if (!state->image_set) {
    __builtin_memcpy(&state->task.image, &from->task.image, sizeof(state->task.image));
    note_executable(state, BPF_CORE_READ(task, mm, exe_file));
    state->image_set = 1;
  }
  if (state->task.ancestors_generation[slot] != generation &&
      from->task.ancestors_generation[slot] == generation) {
    for (i = 0; i < SLUICE_LINEAGE_LEVELS; i++)
      state->task.ancestors[slot][i] = from->task.ancestors[slot][i];
    state->task.ancestors_generation[slot] = generation;
  }
  if (state->task.self_generation[slot] != generation && from->task.self_generation[slot] == generation &&
      same_image(&state->task.image, &from->task.image)) {
    state->task.self[slot] = from->task.self[slot];
    state->task.self_generation[slot] = generation;
  }
  return state->task.self_generation[slot] == generation &&
         state->task.ancestors_generation[slot] == generation;
}

SEC("lsm/bprm_creds_for_exec")
int BPF_PROG(exec_creds_for_exec, struct linux_binprm *bprm, int ret) {
  if (!ret && bprm->fdpath) keep_descriptor_name(bprm);
  return ret;
}

SEC("lsm/bprm_check_security")
int BPF_PROG(exec_bprm_check, struct linux_binprm *bprm, int ret) {
  if (ret) return ret;
  return decide_round(bprm);
}

SEC("lsm/bprm_committed_creds")
int BPF_PROG(exec_bprm_committed, struct linux_binprm *bprm) {
  commit_image(bprm);
  decide_strings(bprm);
  return 0;
}

SEC("lsm/task_alloc")
int BPF_PROG(exec_task_alloc, struct task_struct *task, unsigned long clone_flags, int ret) {
  if (ret) return ret;
  inherit(task, (clone_flags & CLONE_THREAD) != 0);
  return 0;
}

SEC("tp_btf/sched_process_fork")
int BPF_PROG(exec_sched_fork, struct task_struct *parent, struct task_struct *child) {
  if (child->pid != child->tgid) return 0;
  send_tree(SLUICE_RECORD_FORK, child, parent);
  return 0;
}

SEC("tp_btf/sched_process_exec")
int BPF_PROG(exec_sched_exec, struct task_struct *task, pid_t old_pid, struct linux_binprm *bprm) {
  send_exec(task, bprm);
  return 0;
}

SEC("tp_btf/sched_process_exit")
int BPF_PROG(exec_sched_exit, struct task_struct *task) {
  abandon(task);
  send_unreturned(task);
  if (task->signal->live.counter > 0) return 0;
  if ((__u32)task->tgid == handover.agent_pid) {
    handover.unattended = 1;
    handover.agent_pid = 0;
    control.agent_task = 0;
  }
  send_tree(SLUICE_RECORD_EXIT, task, task->real_parent);
  return 0;
}

/* The agent reads the iterator: itself and its root are at hand. */
SLUICE_INLINE void note_root(struct task_struct *agent) {
  struct fs_struct *fs = agent->fs;
  int whole = root_is_whole(agent);

  if ((__u32)agent->tgid != handover.agent_pid) return;
  control.agent_task = (__u64)agent->group_leader;
  control.root_dentry = 0;
  control.root_mnt = whole ? (__u64)fs->root.mnt : 0;
  control.root_dentry = whole ? (__u64)fs->root.dentry : 0;
}

SEC("iter/task")
int exec_seed(struct bpf_iter__task *ctx) {
  struct task_struct *task = ctx->task;
  __u32 pid;

  if (ctx->meta->seq_num == 0) note_root(bpf_get_current_task_btf());
  if (!task || (task->flags & PF_EXITING)) return 0;
  pid = task->tgid;
  if (!seed(task, bpf_map_lookup_elem(&seed_by_pid, &pid))) TOTAL(unfilled, 1);
  return 0;
}
