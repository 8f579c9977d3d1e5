#define _GNU_SOURCE
#include "calls.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/capability.h>
#include <linux/io_uring.h>
#include <linux/sched.h>
#include <netinet/in.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/klog.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/personality.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <time.h>
#include <unistd.h>

static long number(const char *word) { return strtol(word, NULL, 0); }

static long call_mkdir(char **w) { return syscall(SYS_mkdir, w[0], number(w[1])); }
static long call_mkdirat(char **w) { return mkdirat(AT_FDCWD, w[0], number(w[1])); }
static long call_unlinkdir(char **w) { return unlinkat(AT_FDCWD, w[0], AT_REMOVEDIR); }
static long call_rename(char **w) { return syscall(SYS_rename, w[0], w[1]); }
static long call_renameat2(char **w) {
  return syscall(SYS_renameat2, AT_FDCWD, w[0], AT_FDCWD, w[1], number(w[2]));
}
static long call_link(char **w) { return link(w[0], w[1]); }
static long call_symlink(char **w) { return symlink(w[0], w[1]); }
static long call_truncate(char **w) { return truncate(w[0], number(w[1])); }
static long call_ftruncate(char **w) { return ftruncate(open(w[0], O_WRONLY), number(w[1])); }
static long call_chmod(char **w) { return syscall(SYS_chmod, w[0], number(w[1])); }
static long call_fchmod(char **w) { return fchmod(open(w[0], O_RDONLY), number(w[1])); }
static long call_chown(char **w) { return syscall(SYS_chown, w[0], number(w[1]), number(w[2])); }
/* An access control list that lets user 1000 read. */
static long call_setacl(char **w) {
  struct {
    uint32_t version;
    struct {
      uint16_t tag, rights;
      uint32_t id;
    } entries[5];
  } list = {2, {{1, 6, ~0u}, {2, 4, 1000}, {4, 4, ~0u}, {16, 6, ~0u}, {32, 4, ~0u}}};
  return setxattr(w[0], "system.posix_acl_access", &list, sizeof list, 0);
}
static long call_setxattr(char **w) { return setxattr(w[0], w[1], w[2], strlen(w[2]), 0); }
static long call_removexattr(char **w) { return removexattr(w[0], w[1]); }

/* ---- sockets */

static int make_address(char **w, struct sockaddr_storage *address, socklen_t *length) {
  struct sockaddr_in *v4 = (struct sockaddr_in *)address;
  struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)address;

  memset(address, 0, sizeof *address);
  if (strchr(w[0], ':')) {
    v6->sin6_family = AF_INET6;
    v6->sin6_port = htons((uint16_t)number(w[1]));
    *length = sizeof *v6;
    return inet_pton(AF_INET6, w[0], &v6->sin6_addr);
  }
  v4->sin_family = AF_INET;
  v4->sin_port = htons((uint16_t)number(w[1]));
  *length = sizeof *v4;
  return inet_pton(AF_INET, w[0], &v4->sin_addr);
}

static int make_socket(char **w, int type, struct sockaddr_storage *address, socklen_t *length) {
  if (make_address(w, address, length) != 1) exit(2);
  return socket(address->ss_family, type, 0);
}

static long connect_to(char **w, int type) {
  struct sockaddr_storage address;
  socklen_t length;
  int file = make_socket(w, type, &address, &length);
  long result = connect(file, (struct sockaddr *)&address, length);

  return result < 0 && (errno == EINPROGRESS || errno == ECONNREFUSED || errno == ENETUNREACH) ? 0 : result;
}

static long bind_to(char **w, int *file) {
  struct sockaddr_storage address;
  socklen_t length;

  *file = make_socket(w, SOCK_STREAM | SOCK_NONBLOCK, &address, &length);
  return bind(*file, (struct sockaddr *)&address, length);
}

static long call_socket(char **w) { return socket(number(w[0]), number(w[1]), number(w[2])); }
static long call_tcp(char **w) { return connect_to(w, SOCK_STREAM | SOCK_NONBLOCK); }
static long call_mptcp(char **w) {
  struct sockaddr_storage address;
  socklen_t length;

  if (make_address(w, &address, &length) != 1) exit(2);
  return connect(socket(address.ss_family, SOCK_STREAM | SOCK_NONBLOCK, IPPROTO_MPTCP),
                 (struct sockaddr *)&address, length);
}
static long call_udp(char **w) { return connect_to(w, SOCK_DGRAM); }
static long call_bind(char **w) {
  int file;
  return bind_to(w, &file);
}
static long call_listen(char **w) {
  int file;
  long result = bind_to(w, &file);
  return result < 0 ? result : listen(file, 1);
}
static long call_accept(char **w) {
  int file;
  long result = bind_to(w, &file);
  if (result < 0 || listen(file, 1) < 0) exit(2);
  return accept(file, NULL, NULL);
}
static long call_sendto(char **w) {
  struct sockaddr_storage address;
  socklen_t length;
  int file = make_socket(w, SOCK_DGRAM, &address, &length);

  return sendto(file, "x", 1, 0, (struct sockaddr *)&address, length);
}
/* The same with an address that names no family. */
static long call_sendtonone(char **w) {
  struct sockaddr_storage address;
  socklen_t length;
  int file = make_socket(w, SOCK_DGRAM, &address, &length);

  address.ss_family = AF_UNSPEC;
  return sendto(file, "x", 1, 0, (struct sockaddr *)&address, length);
}
static long call_rawnone(char **w) {
  struct sockaddr_storage address;
  socklen_t length;
  int file;

  if (make_address(w, &address, &length) != 1) exit(2);
  file = socket(address.ss_family, SOCK_RAW, 253);
  address.ss_family = AF_UNSPEC;
  return sendto(file, "x", 1, 0, (struct sockaddr *)&address, length);
}
static long call_bindnone(char **w) {
  struct sockaddr_storage address;
  socklen_t length;
  int file = make_socket(w, SOCK_STREAM, &address, &length);

  address.ss_family = AF_UNSPEC;
  return bind(file, (struct sockaddr *)&address, length);
}
static long call_disconnect(char **w) {
  struct sockaddr_storage address;
  socklen_t length;
  int file = make_socket(w, SOCK_DGRAM, &address, &length);

  if (connect(file, (struct sockaddr *)&address, length) < 0) exit(2);
  address.ss_family = AF_UNSPEC;
  return connect(file, (struct sockaddr *)&address, length);
}
static long call_fastopen(char **w) {
  struct sockaddr_storage address;
  socklen_t length;
  int file = make_socket(w, SOCK_STREAM | SOCK_NONBLOCK, &address, &length);
  long result = sendto(file, "x", 1, MSG_FASTOPEN, (struct sockaddr *)&address, length);

  return result < 0 && (errno == EINPROGRESS || errno == ECONNREFUSED) ? 0 : result;
}
static socklen_t make_unix(const char *name, struct sockaddr_un *address) {
  memset(address, 0, sizeof *address);
  address->sun_family = AF_UNIX;
  snprintf(address->sun_path, sizeof address->sun_path, "%s", name);
  if (name[0] == '@') address->sun_path[0] = 0;
  return (socklen_t)(sizeof(sa_family_t) + strlen(name) + (name[0] != '@'));
}
static long call_unix(char **w) {
  struct sockaddr_un address;
  socklen_t length = make_unix(w[0], &address);

  return connect(socket(AF_UNIX, SOCK_STREAM, 0), (struct sockaddr *)&address, length);
}
static long call_sendunix(char **w) {
  struct sockaddr_un address;
  socklen_t length = make_unix(w[0], &address);

  return sendto(socket(AF_UNIX, SOCK_DGRAM, 0), "x", 1, 0, (struct sockaddr *)&address, length);
}
static long bind_unix(char **w, int *file) {
  struct sockaddr_un address;
  socklen_t length = make_unix(w[0], &address);

  *file = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
  return bind(*file, (struct sockaddr *)&address, length);
}
static long call_bindunix(char **w) {
  int file;
  return bind_unix(w, &file);
}
static long call_listenunix(char **w) {
  int file;
  if (bind_unix(w, &file) < 0) exit(2);
  return listen(file, 1);
}
static long call_acceptunix(char **w) {
  int file;
  if (bind_unix(w, &file) < 0 || listen(file, 1) < 0) exit(2);
  return accept(file, NULL, NULL);
}

/* The bytes of the name and no NUL behind them; each `@` is a NUL. */
static long call_unixexact(char **w) {
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  size_t bytes = strlen(w[0]), i;

  for (i = 0; i < bytes && i < sizeof address.sun_path; i++)
    address.sun_path[i] = w[0][i] == '@' ? 0 : w[0][i];
  return connect(socket(AF_UNIX, SOCK_STREAM, 0), (struct sockaddr *)&address,
                 (socklen_t)(sizeof(sa_family_t) + i));
}
/* ---- memory */

static long mapped(void *at) { return at == MAP_FAILED ? -1 : 0; }
static long call_mmap(char **w) {
  return mapped(mmap(NULL, 4096, (int)number(w[1]), MAP_PRIVATE, open(w[0], O_RDONLY), 0));
}
/* What can be read can be executed. */
static long call_mmapreads(char **w) {
  personality(READ_IMPLIES_EXEC);
  return call_mmap(w);
}
static long call_mprotectreads(char **w) {
  void *at = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  personality(READ_IMPLIES_EXEC);
  return mprotect(at, 4096, (int)number(w[0]));
}
static long call_mmapanon(char **w) {
  return mapped(mmap(NULL, 4096, (int)number(w[0]), MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
}
static long call_mprotect(char **w) {
  void *at = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  return mprotect(at, 4096, (int)number(w[0]));
}

static long call_mprotectfile(char **w) {
  void *at = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, open(w[0], O_RDONLY), 0);
  return mprotect(at, 4096, (int)number(w[1]));
}

/* ---- the system */

static long call_mount(char **w) { return mount(w[0], w[1], w[2], (unsigned long)number(w[3]), NULL); }
static long call_umount(char **w) { return umount2(w[0], (int)number(w[1])); }
static long call_fsmount(char **w) { /* w[2]: the device, or NULL */
  int context = (int)syscall(SYS_fsopen, w[0], 0), file;

  if (context < 0) return -1;
  if (w[2] && syscall(SYS_fsconfig, context, 1, "source", w[2], 0) < 0) return -1;
  if (syscall(SYS_fsconfig, context, 6, NULL, NULL, 0) < 0) return -1;
  file = (int)syscall(SYS_fsmount, context, 0, 0);
  if (file < 0) return -1;
  return syscall(SYS_move_mount, file, "", AT_FDCWD, w[1], 4);
}
static long call_chroot(char **w) { return chroot(w[0]); }
static long call_pivot(char **w) { return syscall(SYS_pivot_root, w[0], w[1]); }
static long call_finit(char **w) { return syscall(SYS_finit_module, open(w[0], O_RDONLY), "", 0); }
static long call_init(char **w) { return syscall(SYS_init_module, w[0], strlen(w[0]), ""); }
static long call_kexec(char **w) { return syscall(SYS_kexec_load, 0, 0, NULL, number(w[0])); }
static long call_bpf(char **w) {
  union bpf_attr attributes = {
      .map_type = BPF_MAP_TYPE_ARRAY, .key_size = 4, .value_size = 4, .max_entries = 1};
  return syscall(SYS_bpf, number(w[0]), &attributes, sizeof attributes);
}
static long call_attach(char **w) {
  int status;
  pid_t child = fork();
  long result;

  if (child == 0)
    for (;;) pause();
  result = ptrace(number(w[0]), child, NULL, NULL);
  if (result >= 0) waitpid(child, &status, __WALL);
  kill(child, SIGKILL);
  return result;
}
static long call_traceme(char **w) {
  (void)w;
  return ptrace(PTRACE_TRACEME, 0, NULL, NULL);
}
static long call_readv(char **w) {
  char buffer[8];
  struct iovec here = {buffer, 8}, there = {buffer, 8};
  return process_vm_readv((pid_t)number(w[0]), &here, 1, &there, 1, 0);
}
static long call_kill(char **w) { return kill((pid_t)number(w[0]), (int)number(w[1])); }
static long call_setuid(char **w) { return setresuid((uid_t)number(w[0]), (uid_t)number(w[1]), (uid_t)-1); }
static long call_setgid(char **w) { return setgid((gid_t)number(w[0])); }
static long call_capset(char **w) {
  struct __user_cap_header_struct head = {_LINUX_CAPABILITY_VERSION_3, 0};
  struct __user_cap_data_struct data[2] = {{0}};

  data[0].effective = data[0].permitted = (unsigned)number(w[0]);
  return syscall(SYS_capset, &head, data);
}
static long call_unshare(char **w) { return unshare((int)number(w[0])); }
/* A child, which ends at once. */
static long reaped(long child) {
  if (child == 0) _exit(0);
  if (child > 0) waitpid(child, NULL, 0);
  return child;
}
static long call_clone(char **w) { return reaped(syscall(SYS_clone, number(w[0]) | SIGCHLD, 0, 0, 0, 0)); }
static long call_clone3(char **w) {
  struct clone_args arguments = {.flags = number(w[0]), .exit_signal = SIGCHLD};

  return reaped(syscall(SYS_clone3, &arguments, sizeof arguments));
}
static long call_settime(char **w) {
  struct timespec now;

  clock_gettime(CLOCK_REALTIME, &now);
  now.tv_sec += number(w[0]);
  return clock_settime(CLOCK_REALTIME, &now);
}
static long call_syslog(char **w) { return klogctl((int)number(w[0]), NULL, 0); }

/* ---- detours */

static char *low_copy(const char *text) {
  char *low = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);
  return strcpy(low, text);
}

static long in_32_bit(long call, long a, long b, long c) {
  long result;

  __asm__ volatile("int $0x80"
                   : "=a"(result)
                   : "a"(call), "b"(a), "c"(b), "d"(c)
                   : "memory", "r8", "r9", "r10", "r11");
  if ((int)result >= 0) return 0;
  errno = -(int)result;
  return -1;
}
static long call_open32(char **w) { return in_32_bit(5, (long)low_copy(w[0]), O_RDONLY, 0); }
static long call_mkdir32(char **w) { return in_32_bit(39, (long)low_copy(w[0]), 0755, 0); }
static long call_rename32(char **w) { return in_32_bit(38, (long)low_copy(w[0]), (long)low_copy(w[1]), 0); }
static long call_exec32(char **w) { return in_32_bit(11, (long)low_copy(w[0]), 0, 0); }
static long word32(const char *word) {
  return *word == '-' || (*word >= '0' && *word <= '9') ? strtol(word, NULL, 0) : (long)low_copy(word);
}
static long call_any32(char **w) { return in_32_bit(atol(w[0]), word32(w[1]), word32(w[2]), word32(w[3])); }
static long call_socketcall(char **w) { /* connect, by socketcall(2) */
  struct sockaddr_storage address;
  socklen_t length;
  int file = make_socket(w, SOCK_DGRAM, &address, &length);
  uint32_t *words = (uint32_t *)low_copy("");

  memcpy(words + 8, &address, length);
  words[0] = (uint32_t)file;
  words[1] = (uint32_t)(uintptr_t)(words + 8);
  words[2] = length;
  return in_32_bit(102, 3, (long)words, 0);
}

/* One operation through a ring. */
static long by_ring(struct io_uring_sqe entry) {
  struct io_uring_params params = {0};
  int ring = (int)syscall(SYS_io_uring_setup, 4, &params);
  char *queue, *done;
  struct io_uring_sqe *entries;
  int result;

  if (ring < 0) return -1;
  queue = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, ring, IORING_OFF_SQ_RING);
  done = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, ring, IORING_OFF_CQ_RING);
  entries = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, ring, IORING_OFF_SQES);
  if (queue == MAP_FAILED || done == MAP_FAILED || entries == MAP_FAILED) exit(2);
  entries[0] = entry;
  *(uint32_t *)(queue + params.sq_off.array) = 0;
  *(uint32_t *)(queue + params.sq_off.tail) = 1;
  if (syscall(SYS_io_uring_enter, ring, 1, 1, IORING_ENTER_GETEVENTS, NULL, 0) < 0) return -1;
  result = ((struct io_uring_cqe *)(done + params.cq_off.cqes))->res;
  if (result >= 0) return 0;
  errno = -result;
  return -1;
}
/* An operation that waits for a pipe and goes on when this task returns from the write to it. */
static long in_task_work(struct io_uring_sqe entry) {
  struct io_uring_params params = {0};
  int ring = (int)syscall(SYS_io_uring_setup, 4, &params), pipes[2], wait, result = -ETIME;
  char *queue, *done;
  struct io_uring_sqe *entries;
  struct io_uring_cqe *completed;

  if (ring < 0 || pipe(pipes) < 0) return -1;
  queue = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, ring, IORING_OFF_SQ_RING);
  done = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, ring, IORING_OFF_CQ_RING);
  entries = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, ring, IORING_OFF_SQES);
  if (queue == MAP_FAILED || done == MAP_FAILED || entries == MAP_FAILED) exit(2);
  entries[0] = (struct io_uring_sqe){
      .opcode = IORING_OP_POLL_ADD, .fd = pipes[0], .poll32_events = 1, .flags = IOSQE_IO_LINK};
  entries[1] = entry;
  ((uint32_t *)(queue + params.sq_off.array))[0] = 0;
  ((uint32_t *)(queue + params.sq_off.array))[1] = 1;
  *(uint32_t *)(queue + params.sq_off.tail) = 2;
  if (syscall(SYS_io_uring_enter, ring, 2, 0, 0, NULL, 0) != 2) return -1;
  if (write(pipes[1], "x", 1) != 1) return -1;
  completed = (struct io_uring_cqe *)(done + params.cq_off.cqes);
  for (wait = 0; wait < 200; wait++) {
    if (*(volatile uint32_t *)(done + params.cq_off.tail) == 2) {
      result = completed[1].res;
      break;
    }
    usleep(10000);
  }
  if (result >= 0) return 0;
  errno = -result;
  return -1;
}

static long call_ringlinked(char **w) {
  return in_task_work(
      (struct io_uring_sqe){.opcode = IORING_OP_OPENAT, .fd = AT_FDCWD, .addr = (uintptr_t)w[0]});
}
static long call_ringcreate(char **w) {
  return by_ring((struct io_uring_sqe){.opcode = IORING_OP_OPENAT,
                                       .fd = AT_FDCWD,
                                       .addr = (uintptr_t)w[0],
                                       .open_flags = O_CREAT | O_WRONLY,
                                       .len = 0644});
}
static long call_ringopen(char **w) {
  return by_ring((struct io_uring_sqe){.opcode = IORING_OP_OPENAT, .fd = AT_FDCWD, .addr = (uintptr_t)w[0]});
}
static long call_ringasync(char **w) {
  return by_ring((struct io_uring_sqe){
      .opcode = IORING_OP_OPENAT, .flags = IOSQE_ASYNC, .fd = AT_FDCWD, .addr = (uintptr_t)w[0]});
}
static long call_ringmkdir(char **w) {
  return by_ring((struct io_uring_sqe){
      .opcode = IORING_OP_MKDIRAT, .fd = AT_FDCWD, .addr = (uintptr_t)w[0], .len = 0755});
}
/* And once more by itself. */
static long call_ringmkdirs(char **w) {
  if (call_ringmkdir(w) < 0) exit(2);
  return mkdirat(AT_FDCWD, w[0], 0755);
}
static long call_ringrename(char **w) {
  return by_ring((struct io_uring_sqe){.opcode = IORING_OP_RENAMEAT,
                                       .fd = AT_FDCWD,
                                       .addr = (uintptr_t)w[0],
                                       .addr2 = (uintptr_t)w[1],
                                       .len = (uint32_t)AT_FDCWD});
}
static long call_ringconnect(char **w) {
  struct sockaddr_storage address;
  socklen_t length;
  int file = make_socket(w, SOCK_DGRAM, &address, &length);

  return by_ring((struct io_uring_sqe){
      .opcode = IORING_OP_CONNECT, .fd = file, .addr = (uintptr_t)&address, .off = length});
}

static const struct {
  const char *name;
  int words;
  long (*run)(char **words);
} calls[] = {
    {"mkdir", 2, call_mkdir},
    {"mkdirat", 2, call_mkdirat},
    {"unlinkdir", 1, call_unlinkdir},
    {"rename", 2, call_rename},
    {"renameat2", 3, call_renameat2},
    {"link", 2, call_link},
    {"symlink", 2, call_symlink},
    {"truncate", 2, call_truncate},
    {"ftruncate", 2, call_ftruncate},
    {"chmod", 2, call_chmod},
    {"fchmod", 2, call_fchmod},
    {"chown", 3, call_chown},
    {"setxattr", 3, call_setxattr},
    {"removexattr", 2, call_removexattr},
    {"setacl", 1, call_setacl},
    {"socket", 3, call_socket},
    {"tcp", 2, call_tcp},
    {"mptcp", 2, call_mptcp},
    {"udp", 2, call_udp},
    {"bind", 2, call_bind},
    {"listen", 2, call_listen},
    {"accept", 2, call_accept},
    {"sendto", 2, call_sendto},
    {"sendtonone", 2, call_sendtonone},
    {"rawnone", 2, call_rawnone},
    {"bindnone", 2, call_bindnone},
    {"disconnect", 2, call_disconnect},
    {"fastopen", 2, call_fastopen},
    {"unix", 1, call_unix},
    {"unixexact", 1, call_unixexact},
    {"sendunix", 1, call_sendunix},
    {"bindunix", 1, call_bindunix},
    {"listenunix", 1, call_listenunix},
    {"acceptunix", 1, call_acceptunix},
    {"mmap", 2, call_mmap},
    {"mmapanon", 1, call_mmapanon},
    {"mmapreads", 2, call_mmapreads},
    {"mprotectreads", 1, call_mprotectreads},
    {"mprotect", 1, call_mprotect},
    {"mprotectfile", 2, call_mprotectfile},
    {"mount", 4, call_mount},
    {"umount", 2, call_umount},
    {"fsmount", 2, call_fsmount},
    {"fsmountdev", 3, call_fsmount},
    {"chroot", 1, call_chroot},
    {"pivot", 2, call_pivot},
    {"finit", 1, call_finit},
    {"init", 1, call_init},
    {"kexec", 1, call_kexec},
    {"bpf", 1, call_bpf},
    {"attach", 1, call_attach},
    {"traceme", 0, call_traceme},
    {"readv", 1, call_readv},
    {"kill", 2, call_kill},
    {"setuid", 2, call_setuid},
    {"setgid", 1, call_setgid},
    {"capset", 1, call_capset},
    {"unshare", 1, call_unshare},
    {"clone", 1, call_clone},
    {"clone3", 1, call_clone3},
    {"settime", 1, call_settime},
    {"syslog", 1, call_syslog},
    {"open32", 1, call_open32},
    {"call32", 4, call_any32},
    {"mkdir32", 1, call_mkdir32},
    {"rename32", 2, call_rename32},
    {"exec32", 1, call_exec32},
    {"socketcall", 2, call_socketcall},
    {"ringlinked", 1, call_ringlinked},
    {"ringopen", 1, call_ringopen},
    {"ringcreate", 1, call_ringcreate},
    {"ringasync", 1, call_ringasync},
    {"ringmkdir", 1, call_ringmkdir},
    {"ringmkdirs", 1, call_ringmkdirs},
    {"ringrename", 2, call_ringrename},
    {"ringconnect", 2, call_ringconnect},
};

int run_call(int argc, char **argv, long *result) {
  size_t i;

  for (i = 0; argc > 1 && i < sizeof calls / sizeof *calls; i++) {
    if (strcmp(argv[1], calls[i].name) != 0 || argc != calls[i].words + 2) continue;
    *result = calls[i].run(argv + 2);
    return 1;
  }
  return 0;
}
