/* lib/result.bpf.h - events that wait for the result of their call.
 *
 * An LSM hook comes before the result. Where a surviving clause wants it, the finished record waits with the
 * task, and the companion at the call's return (exit.bpf.c) adds the result and sends it: one event a call.
 * Only calls wait that have a companion attached (sluice_call.completed); the others' events are sent at the
 * hook, with the result unknown.
 *
 * Of an exchange of two names both events wait. Another call that reaches its hook again (kill of many processes,
 * sendmmsg) sends what waited so far without a result. So does the next call when a return was missed, or the end of the task
 * (exec.bpf.c). The memory, 8 KB for each, is kept until then.
 */
#pragma once

#include "emit.bpf.h"

struct waiting_record {
  struct sluice_record header;
  char items[STORAGE_BYTES - 8 - sizeof(struct sluice_record)];
};

struct waiting_call {
  __u32 open; /* counted in totals.waiting */
  __u32 bytes;
  struct waiting_record record;
};

struct {
  __uint(type, BPF_MAP_TYPE_TASK_STORAGE);
  __uint(map_flags, BPF_F_NO_PREALLOC);
  __type(key, int);
  __type(value, struct waiting_call);
} SLUICE_MAP(waiting_by_task);

/* The second event of an exchange, while the first one waits in waiting_by_task. */
struct {
  __uint(type, BPF_MAP_TYPE_TASK_STORAGE);
  __uint(map_flags, BPF_F_NO_PREALLOC);
  __type(key, int);
  __type(value, struct waiting_call);
} SLUICE_MAP(waiting_again_by_task);

SLUICE_INLINE struct waiting_call *waiting_of(struct task_struct *task) {
  struct waiting_call *waiting;

  if (!totals.waiting) return 0;
  waiting = bpf_task_storage_get(&waiting_by_task, task, 0, 0);
  return waiting && waiting->open ? waiting : 0;
}

SLUICE_INLINE void set_result(struct sluice_record *r, __s64 result) {
  r->result = result;
  r->flags |= SLUICE_EVENT_RESULT;
}

/* Sends what waits, with what it says of the result, and counts it. */
static __noinline __attribute__((unused)) int send_waiting(struct waiting_call *waiting) {
  struct sluice_record *r = &waiting->record.header;
  __u32 hook = r->hook, bytes = waiting->bytes;
  long error;

  waiting->open = 0;
  r->time_ns = bpf_ktime_get_boot_ns();
  SLUICE_OPAQUE(bytes);
  if (bytes > sizeof(waiting->record)) bytes = sizeof(waiting->record);
  r->size = bytes;
  error = send_event(&waiting->record, bytes);
  TOTAL(waiting, -1);
  COUNT(hook, waiting, -1);
  if (error)
    COUNT(hook, lost, 1);
  else
    COUNT(hook, sent, 1);
  return 0;
}

/* All that waits for the return of the task's call: at most two. */
SLUICE_INLINE void send_all_waiting(struct waiting_call *waiting, struct task_struct *task, int known,
                                    __s64 result) {
  struct waiting_call *again = waiting->record.header.hook == SLUICE_HOOK_PATH_RENAME
                                   ? bpf_task_storage_get(&waiting_again_by_task, task, 0, 0)
                                   : 0;

  if (known) set_result(&waiting->record.header, result);
  send_waiting(waiting);
  if (!again || !again->open) return;
  if (known) set_result(&again->record.header, result);
  send_waiting(again);
}

/* The operation's earlier event waits and comes later: that one is the further one. */
SLUICE_INLINE void overtake(struct sluice_record *r, struct task_struct *task) {
  struct waiting_call *waiting = waiting_of(task);

  if (!waiting || waiting->record.header.hook != r->hook) return;
  waiting->record.header.flags |= SLUICE_EVENT_AGAIN;
  r->flags &= ~SLUICE_EVENT_AGAIN;
}

/* Keeps the finished record of scratch until the call returns. 0: there is no memory for it, or it is too long. */
SLUICE_INLINE int wait_for_result(struct scratch *s, struct task_struct *task, __u32 bytes) {
  struct waiting_call *waiting;

  SLUICE_OPAQUE(bytes);
  if (bytes > sizeof(waiting->record)) {
    TOTAL(no_storage, 1);
    return 0;
  }
  waiting = bpf_task_storage_get(&waiting_by_task, task, 0, BPF_LOCAL_STORAGE_GET_F_CREATE);
  if (waiting && waiting->open) {
    if ((s->flags & SLUICE_EVENT_AGAIN) && s->match.hook == SLUICE_HOOK_PATH_RENAME)
      waiting = bpf_task_storage_get(&waiting_again_by_task, task, 0, BPF_LOCAL_STORAGE_GET_F_CREATE);
    else
      send_all_waiting(waiting, task, 0, 0);
  }
  if (!waiting) {
    TOTAL(no_storage, 1);
    return 0;
  }
  bpf_probe_read_kernel(&waiting->record, bytes, &s->record);
  waiting->bytes = bytes;
  waiting->open = 1;
  TOTAL(waiting, 1);
  COUNT(s->match.hook, waiting, 1);
  return 1;
}

/* Whether the set that survived wants the result, and the call has a companion. */
SLUICE_INLINE int wants_result(const struct scratch *s, const struct sluice_hook_config *config) {
  __u64 wanted = 0;
  __u32 i;

  if (!s->completed) return 0;
  for (i = 0; i < SLUICE_WORDS; i++) wanted |= s->match.set[i] & config->results[i];
  return wanted != 0;
}

/* A call and an operation of io_uring inside it are two. */
SLUICE_INLINE __u32 reached_by(__u32 type, __u32 flags) {
  return type ? type | (flags & SLUICE_EVENT_IO_URING) << 16 : 0;
}

/* The call in progress, of this type, came to its hook, so that its failure is that event's. One without a type has
 * no companion that would ask. */
SLUICE_INLINE void note_reached(struct task_struct *task, __u32 type, __u32 flags) {
  struct task_state *state = bpf_task_storage_get(&task_by_storage, task, 0, 0);

  if (state && type) state->reached = reached_by(type, flags);
}

/* Whether it came there; asked once. */
SLUICE_INLINE int take_reached(struct task_struct *task, __u32 type, __u32 flags) {
  struct task_state *state = bpf_task_storage_get(&task_by_storage, task, 0, 0);
  __u32 reached = state ? state->reached : 0;

  if (reached) state->reached = 0;
  return reached && reached == reached_by(type, flags);
}
