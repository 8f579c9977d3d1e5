/* exit.bpf.c - companions at the return of calls, attached only where a rule needs them.
 *
 *   exit_result_N  fexit, its function chosen by the loader (the calls that rules ask the result of): completes
 *                  the event that waits for it
 *   exit_call_N    likewise; and the whole event of a call that has no hook, or that failed before it came to
 *                  its hook
 *   exit_io_uring  io_issue_sqe: completes an operation of io_uring, in whichever thread; and the whole event of
 *                  one that failed before it came to its hook
 *   exit_accept    do_accept: who is at the other end
 *   exit_open      do_filp_open (do_file_open): an open that failed, with the kernel's copy of the path
 *
 * Fail direction: nothing is refused here. Where a companion is missing or missed, the result is unknown.
 */
#include "lib/socket.bpf.h"
#include "lib/stdio.bpf.h"

char LICENSE[] __weak SEC("license") = "GPL";

#define MAX_ERRNO 4095
#define EAGAIN 11
#define ERESTARTSYS 512 /* from here on the kernel's own */
#define AT_FDCWD (-100)
#define PATH_NOT_PLAIN 2 /* scratch.path_built: for user space to tidy */
#define GIVEN_BYTES 2048 /* of a relative path; a longer one is unknown */

SLUICE_INLINE int is_error(__s64 result) { return result < 0 && result >= -MAX_ERRNO; }

SLUICE_INLINE struct sock *sock_of(struct file *file) {
  struct socket *socket = BPF_CORE_READ(file, private_data);

  return BPF_CORE_READ(socket, sk);
}

/* A descriptor's socket or file. Other threads may exchange it meanwhile: it is what stands there now. */
SLUICE_INLINE void put_descriptor(struct hook_event *e, struct task_struct *task, __u64 number) {
  struct fdtable *table = BPF_CORE_READ(task, files, fdt);
  struct file **files = BPF_CORE_READ(table, fd);
  struct file *file = 0;
  __u32 mode;

  if (number >= BPF_CORE_READ(table, max_fds)) return;
  bpf_probe_read_kernel(&file, sizeof(file), files + number);
  if (!file) return;
  mode = BPF_CORE_READ(file, f_inode, i_mode);
  if ((mode & S_IFMT) == S_IFSOCK) {
    put_socket(e, sock_of(file));
    return;
  }
  e->target_dentry = (__u64)BPF_CORE_READ(file, f_path.dentry);
  e->target_mnt = (__u64)BPF_CORE_READ(file, f_path.mnt);
  if (!BPF_CORE_READ(file, f_path.dentry, d_op, d_dname)) return;
  /* a name that the file system makes up from its own: memfd:x, [userfaultfd] */
  e->target_dentry = 0;
  e->target_text = (__u64)BPF_CORE_READ(file, f_path.dentry, d_name.name);
}

/* A call without a hook (an unshare that makes no user namespace), or one that failed before it came there. */
SLUICE_INLINE void tell_call(struct task_struct *task, __s64 result) {
  struct hook_event e = {.hook = SLUICE_HOOK_SYS_EXIT, .options = EVENT_RETURNED, .numbers = NO_NUMBERS};
  const struct sluice_hook_config *config;
  const struct sluice_call *call;
  __u32 flags, hook;

  call = call_at(task, 0, &flags);
  if (!call || !call->type) return;
  e.result = result;
  if (call->hooks & 1ull << SLUICE_HOOK_SYS_EXIT) {
    if (call->hooks & 1ull << SLUICE_HOOK_USERNS_CREATE) {
      if (take_reached(task, call->type, flags)) return;
      e.flags = unshare_flags(task);
    }
    if ((call->completed & SLUICE_CALL_DESCRIPTOR) && result >= 0) put_descriptor(&e, task, result);
    decide_event(&e);
    return;
  }
  SLUICE_ROLLED
  for (hook = 1; hook < SLUICE_HOOKS; hook++)
    if (call->hooks >> hook & 1) break;
  config = active_config(control.active & 1, hook);
  if (!config || !(config->flags & SLUICE_HOOK_FAILURES) || hook == SLUICE_HOOK_FILE_OPEN) return;
  if (take_reached(task, call->type, flags) || !is_error(result)) return;
  e.hook = hook;
  if (hook == SLUICE_HOOK_BPRM_CHECK) fill_stdio(e.numbers, task);
  e.options |= EVENT_FAILED;
  decide_event(&e);
}

SLUICE_INLINE int returned(void *ctx, int whole) {
  struct task_struct *task = bpf_get_current_task_btf();
  struct waiting_call *waiting = waiting_of(task);
  __u64 result = 0;

  if (!waiting && !whole) return 0;
  bpf_get_func_ret(ctx, &result);
  /* a 32-bit call's is an int */
  if (task->thread_info.status & TS_COMPAT) result = (__s64)(__s32)result;
  if (waiting) {
    if (whole) take_reached(task, 0, 0);
    send_all_waiting(waiting, task, 1, result);
  } else {
    tell_call(task, result);
  }
  return 0;
}

/* Where an operation is decided; 0: nowhere, or as an open (exit_open). Numbers of linux/io_uring.h. */
SLUICE_INLINE __u32 hook_of_operation(__u32 operation) {
  switch (operation) {
    case 9:
      return SLUICE_HOOK_SOCKET_SENDMSG;
    case 13:
      return SLUICE_HOOK_SOCKET_ACCEPT;
    case 16:
      return SLUICE_HOOK_SOCKET_CONNECT;
    case 35:
      return SLUICE_HOOK_PATH_RENAME;
    case 36:
      return SLUICE_HOOK_PATH_UNLINK;
    case 37:
      return SLUICE_HOOK_PATH_MKDIR;
    case 38:
      return SLUICE_HOOK_PATH_SYMLINK;
    case 39:
      return SLUICE_HOOK_PATH_LINK;
    case 41:
    case 42:
      return SLUICE_HOOK_INODE_SETXATTR;
    case 45:
      return SLUICE_HOOK_SOCKET_CREATE;
    case 55:
      return SLUICE_HOOK_PATH_TRUNCATE;
    case 56:
      return SLUICE_HOOK_SOCKET_BIND;
    case 57:
      return SLUICE_HOOK_SOCKET_LISTEN;
    default:
      return 0;
  }
}

/* An operation whose event does not wait: it failed before its hook, or no rule asks. */
static __noinline int tell_operation(struct io_kiocb *request, __s64 result) {
  struct hook_event e = {.options = EVENT_RETURNED | EVENT_FAILED, .numbers = NO_NUMBERS};
  struct task_struct *task = bpf_get_current_task_btf();
  __u32 hook = hook_of_operation(BPF_CORE_READ(request, opcode)), type, flags;
  const struct sluice_hook_config *config = hook ? active_config(control.active & 1, hook) : 0;

  if (!config || !(config->flags & SLUICE_HOOK_FAILURES)) return 0;
  type = call_type(task, hook, &flags);
  if (!type || !(flags & SLUICE_EVENT_IO_URING) || !state_of(task)) return 0;
  if (take_reached(task, type, flags)) return 0;
  if (result >= 0 || result == -EAGAIN || result <= -ERESTARTSYS) return 0; /* it may go on later */
  e.hook = hook;
  e.result = result;
  decide_event(&e);
  return 0;
}

#define RESULT(n) \
  SEC("fexit") int exit_result_##n(void *ctx) { return returned(ctx, 0); }
#define CALL(n) \
  SEC("fexit") int exit_call_##n(void *ctx) { return returned(ctx, 1); }
#define EIGHT(what, n) what(n##0) what(n##1) what(n##2) what(n##3) what(n##4) what(n##5) what(n##6) what(n##7)

// clang-format off
EIGHT(RESULT, 0) EIGHT(RESULT, 1) EIGHT(RESULT, 2) EIGHT(RESULT, 3)
EIGHT(CALL, 0) EIGHT(CALL, 1)
    // clang-format on

    SEC("fexit/io_issue_sqe") int exit_io_uring(void *ctx) {
  struct task_struct *task = bpf_get_current_task_btf();
  struct waiting_call *waiting = waiting_of(task);
  struct io_kiocb *request;
  __u64 value = 0;
  __s32 result;

  bpf_get_func_ret(ctx, &value);
  result = value;
  bpf_get_func_arg(ctx, 0, &value);
  request = (struct io_kiocb *)value;
  if (result >= 0) result = BPF_CORE_READ(request, cqe.res);
  if (waiting) {
    take_reached(task, 0, 0);
    send_all_waiting(waiting, task, 1, result);
  } else {
    tell_operation(request, result);
  }
  return 0;
}

#define ACCEPTED_LIMIT (sizeof(struct waiting_record) - 8 - 16)

SEC("fexit/do_accept")
int exit_accept(void *ctx) {
  struct waiting_call *waiting = waiting_of(bpf_get_current_task_btf());
  struct hook_event e = {.hook = SLUICE_HOOK_SOCKET_ACCEPT, .numbers = NO_NUMBERS};
  __u64 value = 0;
  struct file *file;
  char *record;
  __u32 at;

  if (!waiting || waiting->record.header.hook != SLUICE_HOOK_SOCKET_ACCEPT) return 0;
  bpf_get_func_ret(ctx, &value);
  if (!value || is_error(value)) return 0;
  file = (struct file *)value;
  put_socket(&e, sock_of(file));
  if (!(e.ends & 1u << SLUICE_END_REMOTE)) return 0;
  waiting->record.header.numbers[1 + REMOTE_PORT] = e.numbers[REMOTE_PORT];
  record = (char *)&waiting->record;
  at = waiting->bytes;
  SLUICE_OPAQUE(at);
  if (at > ACCEPTED_LIMIT) return 0;
  waiting->bytes =
      put_item(record, at, ACCEPTED_LIMIT, SLUICE_ITEM_REMOTE, 0, e.addresses[SLUICE_END_REMOTE], 16, 0);
  return 0;
}

/* ---- opens that fail */

struct given {
  const char *text;
  __u32 bytes;
  __u64 before; /* the last bytes, the latest below; a slash at the start */
  struct scratch *s;
};

/* `..`, `.` and empty components: the path is not what it says. */
static long given_step(__u32 step, struct given *given) {
  __u8 byte = 0;

  if (step >= given->bytes) {
    byte = '/';
  } else {
    bpf_probe_read_kernel(&byte, 1, given->text + step);
  }
  given->before = (given->before << 8 | byte) & 0xffffffff;
  if (byte != '/') return 0;
  /* "//", "/./", "/../" end here */
  if ((given->before & 0xffff) == 0x2f2f || (given->before & 0xffffff) == 0x2f2e2f ||
      given->before == 0x2f2e2e2f) {
    given->s->path_built =
        PATH_NOT_PLAIN; /* in scratch: what a callback changes on the stack, older kernels do not see */
    return 1;
  }
  return step >= given->bytes;
}

/* The folder that a relative path starts from. */
SLUICE_INLINE __u32 folder_of(struct scratch *s, struct task_struct *task, int dfd) {
  struct fdtable *table;
  struct file *file = 0;
  __u64 mnt, dentry;

  if (dfd == AT_FDCWD) {
    mnt = (__u64)BPF_CORE_READ(task, fs, pwd.mnt);
    dentry = (__u64)BPF_CORE_READ(task, fs, pwd.dentry);
  } else {
    table = BPF_CORE_READ(task, files, fdt);
    if (dfd < 0 || (__u32)dfd >= BPF_CORE_READ(table, max_fds)) return SLUICE_TEXT_UNKNOWN;
    bpf_probe_read_kernel(&file, sizeof(file), BPF_CORE_READ(table, fd) + dfd);
    if (!file) return SLUICE_TEXT_UNKNOWN;
    mnt = (__u64)BPF_CORE_READ(file, f_path.mnt);
    dentry = (__u64)BPF_CORE_READ(file, f_path.dentry);
  }
  return walk_event_path(s->index, SLUICE_STR_PATH, mnt, dentry, 0);
}

/* The path as given, made absolute, in the record. One that is not plain is unknown to the tables; user space
 * tidies it. */
SLUICE_INLINE void path_of_given(struct scratch *s, struct task_struct *task, int dfd, const char *name) {
  struct sluice_match *m = &s->match;
  struct given given = {.before = '/', .s = s};
  char *value = s->record.path.value;
  __u32 at = 0;
  long length;
  __u8 first = 0;

  s->path_built = 1;
  bpf_probe_read_kernel(&first, 1, name);
  if (first != '/') {
    m->state[SLUICE_STR_PATH] = folder_of(s, task, dfd);
    if (m->state[SLUICE_STR_PATH] != SLUICE_TEXT_PRESENT) return;
    at = m->bytes[SLUICE_STR_PATH];
    if (at >= GIVEN_BYTES - 1) {
      m->state[SLUICE_STR_PATH] = SLUICE_TEXT_UNKNOWN;
      return;
    }
    BOUND(at, GIVEN_BYTES - 1);
    if (at > 1) value[at++] = '/';
    BOUND(at, GIVEN_BYTES - 1);
    length = bpf_probe_read_kernel_str(value + at, GIVEN_BYTES, name);
    given.text = value + at;
  } else {
    length = bpf_probe_read_kernel_str(value, SLUICE_PATH_BYTES, name);
    given.text = value;
    given.before = 0;
  }
  if (length <= 0 || length >= (at ? GIVEN_BYTES : SLUICE_PATH_BYTES)) {
    m->state[SLUICE_STR_PATH] = SLUICE_TEXT_UNKNOWN;
    return;
  }
  given.bytes = length - 1;
  m->bytes[SLUICE_STR_PATH] = at + given.bytes;
  m->state[SLUICE_STR_PATH] = SLUICE_TEXT_PRESENT;
  bpf_loop(SLUICE_PATH_BYTES, given_step, &given, 0);
  if (s->path_built == PATH_NOT_PLAIN) m->state[SLUICE_STR_PATH] = SLUICE_TEXT_UNKNOWN;
}

SLUICE_INLINE __u64 given_flags(const struct open_flags *how) {
  __u32 word = BPF_CORE_READ(how, open_flag);
  __u64 flags = word;

  if ((word & O_ACCMODE) == 0 || (word & O_ACCMODE) == 2) flags |= SLUICE_FLAG_READ;
  if ((word & O_ACCMODE) == 1 || (word & O_ACCMODE) == 2 || (word & O_TRUNC)) flags |= SLUICE_FLAG_WRITE;
  return flags;
}

/* 0: dropped. */
SLUICE_INLINE int judge_given(struct scratch *s, const struct sluice_hook_config *config,
                              struct task_struct *task, int dfd, const char *name,
                              const struct open_flags *how) {
  __u64 flags = given_flags(how) | (asks_given(config) ? climbs(s->index, (__u64)name) : 0);
  __u64 standing = match_early(s, config, match_cheap(s, config, task, flags), PATH_LOOKUPS);

  if (!standing) return 0;
  s->given = name;
  path_of_given(s, task, dfd, name);
  s->numbers[0] = (__u32)flags;
  s->numbers[1] = BPF_CORE_READ(how, mode) & PERMISSIONS;
  s->numbers[2] = s->numbers[3] = s->numbers[4] = s->numbers[5] = 0;
  if (!(config->used & PATH_LOOKUPS)) return 1;
  standing = match_path_text(s->index, standing);
  return standing && sluice_match_finish(&s->match, config);
}

SEC("fexit/do_filp_open")
int BPF_PROG(exit_open, int dfd, struct filename *pathname, const struct open_flags *how,
             struct file *opened) {
  struct task_struct *task = bpf_get_current_task_btf();
  __u32 slot = control.active & 1, type, flags;
  const struct sluice_hook_config *config;
  struct waiting_call *waiting;
  __s64 result = (__s64)opened;
  struct scratch *s;

  if (!is_error(result)) return 0;
  config = active_config(slot, SLUICE_HOOK_FILE_OPEN);
  if (!config || !(config->flags & SLUICE_HOOK_FAILURES)) return 0;
  type = call_type(task, SLUICE_HOOK_FILE_OPEN, &flags);
  if (!type || (result == -EAGAIN && (flags & SLUICE_EVENT_IO_URING))) return 0; /* it will be tried again */
  waiting = waiting_of(task);
  if (waiting && waiting->record.header.hook == SLUICE_HOOK_FILE_OPEN) return 0;
  if (take_reached(task, type, flags)) return 0;
  COUNT(SLUICE_HOOK_FILE_OPEN, seen, 1);
  s = scratch_claim();
  if (!s) {
    COUNT(SLUICE_HOOK_FILE_OPEN, lost, 1);
    return 0;
  }
  begin(s, slot, SLUICE_HOOK_FILE_OPEN, type, flags);
  if (judge_given(s, config, task, dfd, BPF_CORE_READ(pathname, name), how)) {
    if (s->path_built == PATH_NOT_PLAIN) s->match.state[SLUICE_STR_PATH] = SLUICE_TEXT_PRESENT;
    tell(s, config, task, result, EVENT_FAILED);
  } else {
    COUNT(SLUICE_HOOK_FILE_OPEN, dropped, 1);
  }
  scratch_release(s);
  return 0;
}
