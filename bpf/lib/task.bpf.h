/* lib/task.bpf.h - who acts: the system call, the numbers, the image and the ancestors of a task. */
#pragma once

#include "path.bpf.h"

/* Calls that x32 has numbers of its own for. */
SLUICE_INLINE __u32 number_of_x32(__u32 number) {
  switch (number) {
    case 518:
      return 46; /* sendmsg */
    case 520:
      return 59; /* execve */
    case 521:
      return 101; /* ptrace */
    case 524:
      return 129; /* rt_sigqueueinfo */
    case 528:
      return 246; /* kexec_load */
    case 536:
      return 297; /* rt_tgsigqueueinfo */
    case 538:
      return 307; /* sendmmsg */
    case 539:
      return 310; /* process_vm_readv */
    case 540:
      return 311; /* process_vm_writev */
    case 545:
      return 322; /* execveat */
    default:
      return number;
  }
}

/* The call of i386's own that one of its socketcall(2)s stands for. */
SLUICE_INLINE __u32 socketcall_number(__u32 call) {
  switch (call) {
    case 1:
      return 359; /* socket */
    case 2:
      return 361; /* bind */
    case 3:
      return 362; /* connect */
    case 4:
      return 363; /* listen */
    case 5:
    case 18:
      return 364; /* accept4 */
    case 8:
      return 360; /* socketpair */
    case 14:
      return 366; /* setsockopt */
    case 9:
    case 11:
      return 369; /* sendto */
    case 16:
      return 370; /* sendmsg */
    case 20:
      return 345; /* sendmmsg */
    default:
      return SLUICE_CALLS;
  }
}

/* What stands for the current call at `hook`. */
SLUICE_INLINE const struct sluice_call *call_at(struct task_struct *task, __u32 hook, __u32 *flags) {
  struct pt_regs *regs = (struct pt_regs *)bpf_task_pt_regs(task);
  __u32 number = regs->orig_ax;
  __u32 index;

  *flags = 0;
  if ((task->flags & PF_IO_WORKER) || number == NR_io_uring_enter) {
    *flags = SLUICE_EVENT_IO_URING;
    index = 2 * SLUICE_CALLS + hook;
  } else if (task->thread_info.status & TS_COMPAT) {
    *flags = SLUICE_EVENT_COMPAT;
    if (number == SLUICE_NR32_SOCKETCALL) number = socketcall_number(regs->bx);
    index = number < SLUICE_CALLS ? SLUICE_CALLS + number : 0;
  } else {
    if (number & X32_BIT) number = number_of_x32(number & ~X32_BIT);
    index = number < SLUICE_CALLS ? number : 0;
  }
  return bpf_map_lookup_elem(&type_by_call, &index);
}

#define CLONE_NEWUSER 0x10000000u
#define NR_unshare 272
#define NR_unshare_compat 310

/* 0: the current call is no unshare. The register is by value: no other thread can change it. */
SLUICE_INLINE __u32 unshare_flags(struct task_struct *task) {
  struct pt_regs *regs = (struct pt_regs *)bpf_task_pt_regs(task);
  __u32 number = regs->orig_ax;

  if (task->thread_info.status & TS_COMPAT) return number == NR_unshare_compat ? regs->bx : 0;
  return (number & ~X32_BIT) == NR_unshare ? regs->di : 0;
}

#define CALL_COMPLETED 0x80000000u /* beside SLUICE_EVENT_*: a companion waits at the call's return */

SLUICE_INLINE int is_at(const struct sluice_call *call, __u32 hook) {
  return call && call->type && (call->hooks >> (hook & 63) & 1);
}

/* An operation of io_uring that had to wait goes on when the task returns from whatever call it is in, and looks like
 * a part of that. A call that reaches the hook by itself is none: an exec opens its file, an open truncates, a write
 * sends. */
SLUICE_INLINE int may_be_ring(struct task_struct *task, __u32 hook, const struct sluice_call *call) {
  const __u64 by_itself = 1ull << SLUICE_HOOK_BPRM_CHECK | 1ull << SLUICE_HOOK_FILE_OPEN;

  if (hook == SLUICE_HOOK_SOCKET_SENDMSG || !bpf_core_field_exists(task->io_uring) || !task->io_uring)
    return 0;
  return !call || !(call->hooks & by_itself);
}

/* Whether `hook` is of the call itself, or of the ring that the task runs operations of; not of one that goes on inside
 * another call. */
SLUICE_INLINE int is_call_of(struct task_struct *task, __u32 hook) {
  __u32 flags;

  return is_at(call_at(task, hook, &flags), hook);
}

/* The event type that the current call has at `hook`; 0 and a flag when the call is not of the hook's types.
 */
SLUICE_INLINE __u32 call_type(struct task_struct *task, __u32 hook, __u32 *flags) {
  const struct sluice_call *call = call_at(task, hook, flags);

  if (!is_at(call, hook) && may_be_ring(task, hook, call)) {
    __u32 index = 2 * SLUICE_CALLS + hook;

    *flags = SLUICE_EVENT_IO_URING;
    call = bpf_map_lookup_elem(&type_by_call, &index);
  }
  if (is_at(call, hook) && !(task->flags & PF_KTHREAD)) {
    if (call->completed & SLUICE_CALL_COMPLETED) *flags |= CALL_COMPLETED;
    return call->type;
  }
  *flags |= SLUICE_EVENT_NO_TYPE;
  return 0;
}

/* Likewise for an operation inside a call of another kind: the type of the call that it stands for, as io_uring's have it.
 * Nothing waits for its result. */
SLUICE_INLINE __u32 operation_type(struct task_struct *task, __u32 hook, __u32 *flags) {
  __u32 index = 2 * SLUICE_CALLS + hook;
  const struct sluice_call *call;

  call_at(task, hook, flags);
  call = bpf_map_lookup_elem(&type_by_call, &index);
  if (is_at(call, hook) && !(task->flags & PF_KTHREAD)) return call->type;
  *flags |= SLUICE_EVENT_NO_TYPE;
  return 0;
}

/* The innermost one. */
SLUICE_INLINE __u32 pid_namespace(struct task_struct *task) {
  struct pid *pid = task->thread_pid;
  struct upid upid = {};
  __u32 level = pid->level;

  if (level > 32) level = 32;
  bpf_probe_read_kernel(&upid, sizeof(upid), (char *)&pid->numbers[0] + level * sizeof(upid));
  return BPF_CORE_READ(upid.ns, ns.inum);
}

#define NS_PER_SECOND 1000000000ull
#define PLACE_INTS \
  (7ull << (SLUICE_LOOKUP_INT + SLUICE_INT_CGROUP)) /* of where a process lives: dear, and seldom asked */

SLUICE_INLINE void fill_ints(struct sluice_match *m, const struct sluice_hook_config *config,
                             struct task_struct *task) {
  const struct cred *cred = task->cred;

  if (config->used & PLACE_INTS) {
    m->ints[SLUICE_INT_CGROUP] = bpf_get_current_cgroup_id();
    m->ints[SLUICE_INT_MNT_NS] = BPF_CORE_READ(task, nsproxy, mnt_ns, ns.inum);
    m->ints[SLUICE_INT_PID_NS] = pid_namespace(task);
  }
  if (config->used & 1ull << (SLUICE_LOOKUP_INT + SLUICE_INT_UPTIME))
    m->ints[SLUICE_INT_UPTIME] = bpf_ktime_get_boot_ns() / NS_PER_SECOND;
  m->ints[SLUICE_INT_UID] = cred->euid.val;
  m->ints[SLUICE_INT_GID] = cred->egid.val;
  m->ints[SLUICE_INT_LOGINUID] = (__s32)task->loginuid.val;
}

SLUICE_INLINE void fill_capabilities(struct sluice_match *m, struct task_struct *task) {
  const struct cred *cred = task->cred;

  bpf_core_read(&m->flags[SLUICE_WORD_CAP_EFFECTIVE], 8, &cred->cap_effective);
  bpf_core_read(&m->flags[SLUICE_WORD_CAP_PERMITTED], 8, &cred->cap_permitted);
  bpf_core_read(&m->flags[SLUICE_WORD_CAP_INHERITABLE], 8, &cred->cap_inheritable);
}

SLUICE_INLINE void fill_lineage(struct sluice_match *m, const struct task_state *state, __u32 generation) {
  const __u32 slot = m->slot & 1;
  __u32 i;

  m->lineage_known = state && state->task.ancestors_generation[slot] == generation;
  if (!m->lineage_known) return;
  for (i = 0; i < SLUICE_LINEAGE_LEVELS; i++) m->atoms[i] = state->task.ancestors[slot][i];
}

SLUICE_INLINE void text_from(struct sluice_text *text, const char *from, __u32 bytes) {
  if (bytes < SLUICE_SHORT_KEY_BYTES - 4)
    __builtin_memcpy(text->value, from, SLUICE_SHORT_KEY_BYTES);
  else
    __builtin_memcpy(text->value, from, SLUICE_IMAGE_HEAD);
}

SLUICE_INLINE __u32 name_bytes(const char *name) {
  __u32 i;

  for (i = 0; i < SLUICE_NAME_BYTES - 1; i++)
    if (!name[i]) return i;
  return SLUICE_NAME_BYTES - 1;
}

/* One string against its tables: functions of their own, so that each is verified once. They find the scratch
 * again by its index, for on 6.1 memory that was handed to such a function cannot be a map key. */
SLUICE_ONCE __u64 match_name_text(__u32 index, __u64 standing) {
  struct scratch *s = bpf_map_lookup_elem(&scratch_by_cpu, &index);
  const struct sluice_hook_config *config = s ? config_of(s->match.slot, s->match.hook) : 0;

  if (!s || !config) return standing;
  return sluice_match_text(&s->match, config, SLUICE_STR_NAME, &s->name, &s->suffix, 0, standing);
}

SLUICE_ONCE __u64 match_exepath_text(__u32 index, __u64 standing) {
  struct scratch *s = bpf_map_lookup_elem(&scratch_by_cpu, &index);
  const struct sluice_hook_config *config = s ? config_of(s->match.slot, s->match.hook) : 0;

  if (!s || !config) return standing;
  return sluice_match_text(&s->match, config, SLUICE_STR_EXEPATH, &s->exepath, &s->suffix, 1, standing);
}

SLUICE_ONCE __u64 match_path_text(__u32 index, __u64 standing) {
  struct scratch *s = bpf_map_lookup_elem(&scratch_by_cpu, &index);
  const struct sluice_hook_config *config = s ? config_of(s->match.slot, s->match.hook) : 0;

  if (!s || !config) return standing;
  return sluice_match_path(&s->match, config, SLUICE_STR_PATH, &s->record.path, &s->directory, &s->suffix,
                           standing);
}

SLUICE_ONCE __u64 match_exec_path(__u32 index, __u64 standing) {
  struct scratch *s = bpf_map_lookup_elem(&scratch_by_cpu, &index);
  const struct sluice_hook_config *config = s ? config_of(s->match.slot, s->match.hook) : 0;

  if (!s || !config) return standing;
  return sluice_match_path(&s->match, config, SLUICE_STR_EXEPATH, &s->record.path, &s->directory, &s->suffix,
                           standing);
}

/* What the first bytes of the image decide without a look-up. */
SLUICE_INLINE __u64 match_image(struct scratch *s, const struct sluice_hook_config *config,
                                const struct task_state *state, __u64 standing) {
  const struct sluice_image *image;
  __u64 component = 0;

  if (!state || !standing || !(config->flags & (SLUICE_HOOK_NAMES | SLUICE_HOOK_EXE_FIRSTS))) return standing;
  image = &state->task.image;
  if (!(image->flags & (SLUICE_IMAGE_EXE_ABSENT | SLUICE_IMAGE_EXE_UNKNOWN)) && image->exepath[0] == '/')
    component = sluice_component_of(SLUICE_LOAD64(image->exepath + 1));
  return sluice_match_image(&s->match, config, SLUICE_LOAD64(image->name), component, standing);
}

/* proc.name as set at the last exec. */
SLUICE_INLINE __u64 match_name(struct scratch *s, const struct sluice_hook_config *config,
                               const struct task_state *state, __u64 standing) {
  struct sluice_match *m = &s->match;

  if (!sluice_asks_string(config, SLUICE_STR_NAME, standing)) return standing;
  m->state[SLUICE_STR_NAME] = state ? SLUICE_TEXT_PRESENT : SLUICE_TEXT_UNKNOWN;
  if (state) {
    __builtin_memcpy(s->name.value, state->task.image.name, SLUICE_NAME_BYTES);
    m->bytes[SLUICE_STR_NAME] = name_bytes(s->name.value);
  }
  return match_name_text(s->index, standing);
}

/* proc.exepath of the image that runs. */
SLUICE_INLINE __u64 match_exepath(struct scratch *s, const struct sluice_hook_config *config,
                                  const struct task_state *state, __u64 standing) {
  struct sluice_match *m = &s->match;

  if (!sluice_asks_string(config, SLUICE_STR_EXEPATH, standing)) return standing;
  m->state[SLUICE_STR_EXEPATH] = SLUICE_TEXT_UNKNOWN;
  if (state) {
    const struct sluice_image *image = &state->task.image;

    m->bytes[SLUICE_STR_EXEPATH] = image->exepath_bytes;
    m->state[SLUICE_STR_EXEPATH] = image->flags & SLUICE_IMAGE_EXE_ABSENT    ? SLUICE_TEXT_ABSENT
                                   : image->flags & SLUICE_IMAGE_EXE_UNKNOWN ? SLUICE_TEXT_UNKNOWN
                                                                             : SLUICE_TEXT_PRESENT;
    text_from(&s->exepath, image->exepath, image->exepath_bytes);
    if (config->used &
        1ull << (SLUICE_LOOKUP_STRING + SLUICE_STR_EXEPATH * SLUICE_MODES + SLUICE_MODE_SUFFIX))
      __builtin_memcpy(s->suffix.value, image->tail, SLUICE_IMAGE_TAIL);
  }
  return match_exepath_text(s->index, standing);
}

SLUICE_INLINE __u64 image_bits(__u32 image_flags) {
  return (image_flags & SLUICE_IMAGE_MEMFD ? SLUICE_FLAG_MEMFD : 0) |
         (image_flags & SLUICE_IMAGE_DELETED ? SLUICE_FLAG_DELETED : 0) |
         (image_flags & SLUICE_IMAGE_UPPER ? SLUICE_FLAG_UPPER : 0);
}

#define IMAGE_BITS (SLUICE_FLAG_MEMFD | SLUICE_FLAG_DELETED | SLUICE_FLAG_UPPER)
#define CONTAINER_BITS (SLUICE_FLAG_CONTAINER | SLUICE_FLAG_HOST)

/* All that flag tests look at, in all words. */
SLUICE_INLINE __u64 asked_bits(const struct sluice_hook_config *config) {
  __u64 asked = 0;
  __u32 i;

  for (i = 0; i < SLUICE_BIT_MASKS; i++) {
    if (config->bits_count <= 1u << i) break;
    asked |= config->bits_mask[i];
  }
  return asked;
}

SLUICE_INLINE struct task_state *state_of(struct task_struct *task) {
  return bpf_task_storage_get(&task_by_storage, task, 0, 0);
}

/* ---- whether the path that the caller gave climbs: `../` in it */

#define EVERY(byte) (0x0101010101010101ull * (byte))

/* A bit 7 in each byte of `word` that is 0. */
SLUICE_INLINE __u64 zero_bytes(__u64 word) {
  return ~(((word & EVERY(0x7f)) + EVERY(0x7f)) | word | EVERY(0x7f));
}

SLUICE_ONCE __u64 climbs(__u32 index, __u64 name) {
  struct scratch *s = bpf_map_lookup_elem(&scratch_by_cpu, &index);
  __u32 at, last;
  long length;

  if (!s || !name) return 0;
  length = bpf_probe_read_kernel_str(s->record.more, SLUICE_PATH_BYTES, (const void *)name);
  if (length <= 0) return 0;
  last = length;
  BOUND(last, SLUICE_PATH_BYTES * 2 - 1);
  SLUICE_STORE64(s->record.more + last, 0);
  SLUICE_ROLLED
  for (at = 0; at < SLUICE_PATH_BYTES; at += 6) { /* a word at 6 says where the three bytes begin */
    __u64 word, dots;

    if (at >= last) break;
    word = SLUICE_LOAD64(s->record.more + at);
    dots = zero_bytes(word ^ EVERY('.'));
    if (dots & dots >> 8 & zero_bytes(word ^ EVERY('/')) >> 16) return SLUICE_FLAG_CLIMBS;
  }
  return 0;
}

SLUICE_INLINE int asks_given(const struct sluice_hook_config *config) {
  return (config->used & 1ull << SLUICE_LOOKUP_BITS) && (asked_bits(config) & SLUICE_FLAG_CLIMBS);
}

/* Of the open that the task is in. */
SLUICE_INLINE __u64 given_bit(struct scratch *s, const struct sluice_hook_config *config,
                              struct task_struct *task) {
  return asks_given(config) ? climbs(s->index, (__u64)BPF_CORE_READ(task, nameidata, name, name)) : 0;
}

/* ---- container or host, as runtime/eval/extract_process.cc has it */

#define CONTAINER_UNNAMED 1u /* in the root of the hierarchy: the namespaces say whether it is the host's */
#define CONTAINER_HOST 2u
#define CONTAINER_ONE 3u
#define CONTAINER_DIGITS 64
#define CGROUP_LEVELS 16        /* that a record tells */
#define CGROUP_LEVELS_ASKED 256 /* whoever may make cgroups in a container must not get out of it that way */
#define CGROUP_NAME_BYTES 128

/* A container's id, 64 digits on their own, in the name in s->text. What is counted lies in memory: of a value
 * from there the verifier knows nothing, so that it need not follow every count. */
SLUICE_INLINE int names_container(struct scratch *s) {
  volatile struct cgroup_scan *scan = &s->cgroup;
  __u32 i;

  scan->run = 0;
  scan->found = 0;
  scan->last = 0;
  SLUICE_ROLLED
  for (i = 0; i <= CGROUP_NAME_BYTES; i++) {
    __u8 byte = s->text.value[i];

    if ((byte >= '0' && byte <= '9') || (byte >= 'a' && byte <= 'f')) {
      scan->run = scan->run + 1;
    } else {
      if (scan->run == CONTAINER_DIGITS) scan->found = 1;
      scan->run = 0;
    }
    scan->last = (scan->last << 8 | byte) & 0xffffffffffffull;
    if (scan->last == 0x636f6e6d6f6eull) return 0; /* conmon: a monitor on the host */
    if (!byte) break;
  }
  return scan->found;
}

static long container_step(__u32 step, struct scratch **at) {
  struct scratch *s = *at;
  struct kernfs_node *node = (struct kernfs_node *)s->cgroup.node;
  struct kernfs_node *parent = parent_of(node);

  if (!parent) {
    if (!step) s->cgroup.kind = CONTAINER_UNNAMED;
    return 1;
  }
  s->text.value[CGROUP_NAME_BYTES] = 0;
  if (bpf_probe_read_kernel_str(s->text.value, CGROUP_NAME_BYTES, BPF_CORE_READ(node, name)) <= 0) return 1;
  if (names_container(s)) {
    s->cgroup.kind = CONTAINER_ONE;
    return 1;
  }
  s->cgroup.node = (__u64)parent;
  return 0;
}

/* By the names of the cgroup and of those above it. */
SLUICE_ONCE __u32 container_kind(__u32 index, __u64 leaf) {
  struct scratch *s = bpf_map_lookup_elem(&scratch_by_cpu, &index);

  if (!s) return 0;
  s->cgroup.node = leaf;
  s->cgroup.kind = CONTAINER_HOST;
  bpf_loop(CGROUP_LEVELS_ASKED, container_step, &s, 0);
  return *(volatile __u32 *)&s->cgroup.kind;
}

SLUICE_INLINE int in_host_namespaces(struct task_struct *task) {
  return BPF_CORE_READ(task, nsproxy, mnt_ns, ns.inum) == control.host_mnt_ns &&
         pid_namespace(task) == control.host_pid_ns;
}

/* Remembered with the task, by cgroup. */
SLUICE_INLINE __u64 container_bit(struct scratch *s, struct task_struct *task, struct task_state *state) {
  __u64 id = bpf_get_current_cgroup_id();
  __u32 kind;

  if (state && state->container && state->cgroup_id == id) {
    kind = state->container;
  } else {
    kind = container_kind(s->index, (__u64)BPF_CORE_READ(task, cgroups, dfl_cgrp, kn));
    if (state) {
      state->cgroup_id = id;
      state->container = kind;
    }
  }
  if (kind == CONTAINER_ONE) return SLUICE_FLAG_CONTAINER;
  return kind == CONTAINER_HOST || in_host_namespaces(task) ? SLUICE_FLAG_HOST : 0;
}
