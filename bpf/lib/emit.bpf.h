/* lib/emit.bpf.h - records into the ring buffers.
 *
 * A lost record is counted by its hook and uses up its sequence number. User space polls every 10 ms; it is
 * woken when the queue grows past control.wake_bytes, and at once by a mitigation.
 */
#pragma once

#include "stats.bpf.h"
#include "task.bpf.h"

#define RB_NO_WAKEUP 1
#define RB_FORCE_WAKEUP 2
#define RB_AVAIL_DATA 0

SLUICE_INLINE __u64 wake_flag(__u32 bytes) {
  __u64 queued = bpf_ringbuf_query(&events, RB_AVAIL_DATA);

  return queued < control.wake_bytes && queued + bytes >= control.wake_bytes ? RB_FORCE_WAKEUP : RB_NO_WAKEUP;
}

SLUICE_INLINE __u64 next_sequence(void) {
  __u32 zero = 0;
  __u64 *sequence = bpf_map_lookup_elem(&sequence_by_cpu, &zero);

  return sequence ? __sync_fetch_and_add(sequence, 1) : 0;
}

/* As stat's st_dev and /proc/PID/stat's tty_nr have it. */
SLUICE_INLINE __u32 user_device(__u32 major, __u32 minor) {
  return (minor & 0xff) | (major << 8) | ((minor & ~0xffu) << 12);
}

SLUICE_INLINE __u32 user_device_of(const struct inode *inode) {
  __u32 device = inode->i_sb->s_dev;

  return user_device(device >> 20, device & 0xfffff);
}

SLUICE_INLINE __u32 tty_of(struct signal_struct *signal) {
  struct tty_struct *tty = signal->tty;

  if (!tty) return 0;
  return user_device(tty->driver->major, tty->driver->minor_start + tty->index);
}

/* The number of a pid in its own namespace. */
SLUICE_INLINE __u32 inner_number(struct pid *pid, __u32 *ns_inode) {
  __u32 level = pid->level;
  struct upid upid = {};

  if (level > 32) level = 32;
  bpf_probe_read_kernel(&upid, sizeof(upid), (char *)&pid->numbers[0] + level * sizeof(upid));
  *ns_inode = BPF_CORE_READ(upid.ns, ns.inum);
  return upid.nr;
}

SLUICE_INLINE void read_creds(struct task_creds *creds, const struct cred *cred) {
  creds->uid = cred->euid.val;
  creds->gid = cred->egid.val;
  bpf_core_read(&creds->cap_permitted, 8, &cred->cap_permitted);
  bpf_core_read(&creds->cap_effective, 8, &cred->cap_effective);
  bpf_core_read(&creds->cap_inheritable, 8, &cred->cap_inheritable);
}

SLUICE_INLINE void fill_creds(struct sluice_record *r, const struct task_creds *creds) {
  r->uid = creds->uid;
  r->gid = creds->gid;
  r->cap_permitted = creds->cap_permitted;
  r->cap_effective = creds->cap_effective;
  r->cap_inheritable = creds->cap_inheritable;
}

/* Everything but size, set and numbers. `parent`: the one that forked it, where that is known. */
static __noinline void fill_header(struct sluice_record *r, __u32 kind, __u32 hook, struct task_struct *task,
                                   struct task_struct *parent) {
  struct task_struct *leader = task->group_leader;
  struct signal_struct *signal = task->signal;
  struct task_creds creds;
  __u32 pid_ns = 0;

  r->kind = kind;
  r->hook = hook;
  r->time_ns = bpf_ktime_get_boot_ns();
  r->sequence = next_sequence();
  r->cpu = bpf_get_smp_processor_id();
  r->generation = 0;
  r->flags = 0;
  r->type = 0;
  r->errno_value = 0;
  r->pid = task->tgid;
  r->tid = task->pid;
  r->start_ns = leader->start_boottime;
  r->parent_pid = parent->tgid;
  r->parent_start_ns = parent->group_leader->start_boottime;
  r->session_pid = signal->pids[PIDTYPE_SID]->numbers[0].nr;
  r->pgid = signal->pids[PIDTYPE_PGID]->numbers[0].nr;
  r->loginuid = task->loginuid.val;
  r->audit_session = task->sessionid;
  r->tty = tty_of(signal);
  r->vpid = inner_number(leader->thread_pid, &pid_ns);
  r->pid_ns = pid_ns;
  r->unknown = 0;
  r->cgroup_id = bpf_get_current_cgroup_id();
  r->mnt_ns = task->nsproxy->mnt_ns->ns.inum;
  read_creds(&creds, task->cred);
  fill_creds(r, &creds);
  r->result = 0;
  __builtin_memset(r->numbers, 0, sizeof(r->numbers));
  __builtin_memset(r->set, 0, sizeof(r->set));
}

/* A position goes through the record's size, its first member: a value from memory is a value of which the
 * verifier knows nothing. It would otherwise follow every combination of lengths. */
SLUICE_INLINE __u32 position(char *record, __u32 at) {
  volatile __u32 *size = (volatile __u32 *)record;

  *size = at;
  return *size;
}

/* Appends an item at `at` in a buffer with room for `limit` + 8 + `bytes`; returns where the next one goes.
 * An item that has no room is left out. REQUIRES: bytes <= 16384. */
SLUICE_INLINE __u32 put_item(char *buffer, __u32 at, __u32 limit, __u32 tag, __u32 flags, const void *from,
                             __u32 bytes, int from_user) {
  struct sluice_item *item;
  long error = 0;

  if (at > limit) return at;
  item = (struct sluice_item *)(buffer + at);
  if (bytes)
    error =
        from_user ? bpf_probe_read_user(item + 1, bytes, from) : bpf_probe_read_kernel(item + 1, bytes, from);
  item->tag = tag;
  item->flags = error ? SLUICE_ITEM_UNKNOWN : flags;
  item->length = error ? 0 : bytes;
  return position(buffer, at + 8 + (error ? 0 : (bytes + 7) & ~7u));
}

/* A text of the kernel's. REQUIRES: room for limit + 8 + SLUICE_PATH_BYTES. */
SLUICE_INLINE __u32 put_string(char *buffer, __u32 at, __u32 limit, __u32 tag, const char *from) {
  struct sluice_item *item;
  long length;

  if (at > limit) return at;
  item = (struct sluice_item *)(buffer + at);
  length = bpf_probe_read_kernel_str(item + 1, SLUICE_PATH_BYTES, from);
  item->tag = tag;
  item->flags = length > 0 ? 0 : SLUICE_ITEM_UNKNOWN;
  item->length = length > 0 ? length - 1 : 0;
  return position(buffer, at + 8 + ((item->length + 7) & ~7u));
}

/* Nobody reads any more: nothing is sent. A denial or a kill is counted, once, for the next agent to tell. */
SLUICE_INLINE int is_unattended(__u32 hook, int mitigates) {
  if (!handover.unattended) return 0;
  if (mitigates) __sync_fetch_and_add(&handover.mitigated[hook & (SLUICE_HANDOVER_HOOKS - 1)], 1);
  return 1;
}

SLUICE_INLINE long send_event(void *record, __u32 bytes) {
  if (is_unattended(0, 0)) return -1;
  return bpf_ringbuf_output(&events, record, bytes, wake_flag(bytes));
}

SLUICE_INLINE long send_mitigation(void *record, __u32 bytes) {
  return bpf_ringbuf_output(&mitigations, record, bytes, RB_FORCE_WAKEUP);
}

/* The image as the task's storage has it: NAME and EXEPATH. */
SLUICE_INLINE __u32 put_image(char *buffer, __u32 at, __u32 limit, const struct task_state *state,
                              int with_exepath) {
  const struct sluice_image *image;
  __u32 bytes;

  if (!state) return put_item(buffer, at, limit, SLUICE_ITEM_NAME, SLUICE_ITEM_UNKNOWN, 0, 0, 0);
  image = &state->task.image;
  bytes = name_bytes(image->name);
  BOUND(bytes, SLUICE_NAME_BYTES - 1);
  at = put_item(buffer, at, limit, SLUICE_ITEM_NAME, 0, image->name, bytes, 0);
  if (!with_exepath || (image->flags & SLUICE_IMAGE_EXE_ABSENT)) return at;
  bytes = image->exepath_bytes;
  if (image->flags & SLUICE_IMAGE_EXE_UNKNOWN)
    return put_item(buffer, at, limit, SLUICE_ITEM_EXEPATH, SLUICE_ITEM_UNKNOWN, 0, 0, 0);
  if (bytes < SLUICE_IMAGE_HEAD) {
    BOUND(bytes, SLUICE_IMAGE_HEAD - 1);
    return put_item(buffer, at, limit, SLUICE_ITEM_EXEPATH, 0, image->exepath, bytes, 0);
  }
  return put_item(buffer, at, limit, SLUICE_ITEM_EXEPATH, SLUICE_ITEM_TRUNCATED, image->exepath,
                  SLUICE_IMAGE_HEAD - 1, 0);
}

static __noinline __u32 put_cgroup(char *buffer, __u32 at, __u32 limit, struct task_struct *task) {
  struct kernfs_node *node = BPF_CORE_READ(task, cgroups, dfl_cgrp, kn);
  struct sluice_item *item;
  __u32 length = 0, i;

  if (at > limit) return at;
  item = (struct sluice_item *)(buffer + at);
  SLUICE_ROLLED
  for (i = 0; i < CGROUP_LEVELS; i++) {
    struct kernfs_node *parent = parent_of(node);
    long bytes;

    if (!parent) break;
    BOUND(length, CGROUP_LEVELS * CGROUP_NAME_BYTES - 1);
    bytes =
        bpf_probe_read_kernel_str((char *)(item + 1) + length, CGROUP_NAME_BYTES, BPF_CORE_READ(node, name));
    if (bytes <= 0) break;
    length += bytes;
    node = parent;
  }
  item->tag = SLUICE_ITEM_CGROUP;
  item->flags = 0;
  item->length = length;
  return position(buffer, at + 8 + ((length + 7) & ~7u));
}

#define RECORD_LIMIT (sizeof(struct event_record) - 8 - SLUICE_PATH_BYTES)

/* Turns the path, where it was built, into the record's first item. */
SLUICE_INLINE __u32 put_path(struct scratch *s, __u32 string, __u32 tag) {
  struct sluice_item *item = (struct sluice_item *)&s->record.path;
  __u32 bytes = s->match.bytes[string];

  if (!s->path_built || s->match.state[string] == SLUICE_TEXT_ABSENT) return sizeof(struct sluice_record);
  BOUND(bytes, SLUICE_PATH_BYTES - 1);
  if (s->match.state[string] != SLUICE_TEXT_PRESENT) bytes = 0;
  item->tag = tag;
  item->flags = s->match.state[string] == SLUICE_TEXT_PRESENT ? 0 : SLUICE_ITEM_UNKNOWN;
  item->length = bytes;
  return sizeof(struct sluice_record) + 8 + ((bytes + 7) & ~7u);
}

SLUICE_INLINE __u32 put_text(struct scratch *s, __u32 at) {
  int present = s->match.state[SLUICE_STR_TEXT] == SLUICE_TEXT_PRESENT;
  __u32 bytes = present ? s->match.bytes[SLUICE_STR_TEXT] : 0;

  if (s->match.state[SLUICE_STR_TEXT] == SLUICE_TEXT_ABSENT) return at;
  BOUND(bytes, SLUICE_IMAGE_HEAD - 1);
  return put_item((char *)&s->record, at, RECORD_LIMIT, SLUICE_ITEM_TEXT, present ? 0 : SLUICE_ITEM_UNKNOWN,
                  s->text.value, bytes, 0);
}

SLUICE_INLINE __u32 put_end(struct scratch *s, __u32 at, __u32 end, __u32 tag) {
  const __u32 flags = s->match.ends_unknown >> end & 1 ? SLUICE_ITEM_UNKNOWN : 0;

  if (!flags && !(s->match.ends_known >> end & 1)) return at;
  return put_item((char *)&s->record, at, RECORD_LIMIT, tag, flags, s->match.ends[end], 16, 0);
}

/* Target, text and addresses, as items. */
SLUICE_INLINE __u32 put_operands(struct scratch *s, __u32 at) {
  char *buffer = (char *)&s->record;
  __u32 bytes;

  if (s->match.state[SLUICE_STR_TARGET] != SLUICE_TEXT_ABSENT) {
    int present = s->match.state[SLUICE_STR_TARGET] == SLUICE_TEXT_PRESENT;

    bytes = present ? s->match.bytes[SLUICE_STR_TARGET] : 0;
    BOUND(bytes, SLUICE_PATH_BYTES - 1);
    at = put_item(buffer, at, RECORD_LIMIT, SLUICE_ITEM_TARGET, present ? 0 : SLUICE_ITEM_UNKNOWN,
                  s->target.value, bytes, 0);
  }
  at = put_text(s, at);
  at = put_end(s, at, SLUICE_END_LOCAL, SLUICE_ITEM_LOCAL);
  return put_end(s, at, SLUICE_END_REMOTE, SLUICE_ITEM_REMOTE);
}
