/* kernel_ops.c - the operations whose cost bench/kernel.sh measures. Prints nanoseconds per operation; in the
 * guest, whose clock counts instructions, that is instructions.
 *
 *   kernel_ops open PATH COUNT        open and close
 *   kernel_ops exec PROGRAM COUNT     fork, exec, exit and wait
 *   kernel_ops each FOLDER COUNT      one line for a call of every kind of hook, in a folder with nothing but
 *                                     `program`, a copy of this one: the median of nine parts, so that a timer or
 *                                     another task in one of them does not show
 *   kernel_ops connect ADDRESS COUNT  connect a UDP socket
 *   kernel_ops http PORT COUNT        a page of a web server on this host, a connection each
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/capability.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/klog.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <time.h>
#include <unistd.h>

static double now_ns(void) {
  struct timespec now;

  clock_gettime(CLOCK_MONOTONIC, &now);
  return 1e9 * (double)now.tv_sec + (double)now.tv_nsec;
}

static void open_once(const char *path) {
  int file = open(path, O_RDONLY);

  if (file < 0) {
    perror(path);
    exit(1);
  }
  close(file);
}

static void exec_once(char *program) {
  char *arguments[] = {program, NULL};
  int status = 0;
  pid_t child = fork();

  if (child == 0) {
    execv(program, arguments);
    _exit(127);
  }
  if (child < 0 || waitpid(child, &status, 0) != child || status != 0) {
    fprintf(stderr, "%s: status %d\n", program, status);
    exit(1);
  }
}

static void check(long result, const char *what) {
  if (result >= 0) return;
  perror(what);
  exit(1);
}

static int file, no_module, socket_fd, listener;
static pid_t other;
static char *anonymous;
static struct sockaddr_in address;
static struct sockaddr_un name = {.sun_family = AF_UNIX, .sun_path = "listener"};

static void do_open(void) { close(open("file", O_RDONLY)); }
static void do_open_missing(void) { close(open("missing", O_RDONLY)); }
static void do_create(void) {
  close(open("new", O_CREAT | O_WRONLY, 0644));
  check(unlink("new"), "unlink");
}
static void do_mkdir(void) {
  check(mkdir("folder", 0755), "mkdir");
  check(rmdir("folder"), "rmdir");
}
static void do_rename(void) {
  check(rename("file", "file2"), "rename");
  check(rename("file2", "file"), "rename");
}
static void do_link(void) {
  check(link("file", "link"), "link");
  check(symlink("file", "symlink"), "symlink");
  unlink("link");
  unlink("symlink");
}
static void do_mkfifo(void) {
  check(mkfifo("fifo", 0600), "mkfifo");
  unlink("fifo");
}
static void do_chmod(void) { check(chmod("file", 0600), "chmod"); }
static void do_chown(void) { check(chown("file", 0, 0), "chown"); }
static void do_xattr(void) {
  check(setxattr("file", "trusted.bench", "x", 1, 0), "setxattr");
  check(removexattr("file", "trusted.bench"), "removexattr");
}
static void do_truncate(void) { check(truncate("file", 10), "truncate"); }
static void do_socket(void) { close(socket(AF_INET, SOCK_DGRAM, 0)); }
static void do_connect(void) {
  check(connect(socket_fd, (struct sockaddr *)&address, sizeof address), "connect");
}
static void do_bind(void) {
  struct sockaddr_in any = {.sin_family = AF_INET};
  int made = socket(AF_INET, SOCK_DGRAM, 0);

  check(bind(made, (struct sockaddr *)&any, sizeof any), "bind");
  close(made);
}
static void do_listen(void) { check(listen(listener, 16), "listen"); }
static void do_accept(void) {
  int client = socket(AF_UNIX, SOCK_STREAM, 0), server;

  check(connect(client, (struct sockaddr *)&name, sizeof name), "connect");
  check(server = accept(listener, NULL, NULL), "accept");
  close(server);
  close(client);
}
static void do_sendto(void) { sendto(socket_fd, "x", 1, MSG_DONTWAIT, NULL, 0); }
static void do_mmap(void) {
  void *memory = mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE, file, 0);

  munmap(memory, 4096);
}
static void do_mprotect(void) {
  check(mprotect(anonymous, 4096, PROT_READ | PROT_EXEC), "mprotect");
  check(mprotect(anonymous, 4096, PROT_READ), "mprotect");
}
static void do_mount(void) {
  check(mount("bench", "mounted", "tmpfs", 0, NULL), "mount");
  check(umount2("mounted", MNT_DETACH), "umount2");
}
static void do_move_mount(void) {
  int tree = (int)syscall(SYS_open_tree, AT_FDCWD, "tree", OPEN_TREE_CLONE);

  check(syscall(SYS_move_mount, tree, "", AT_FDCWD, "mounted", MOVE_MOUNT_F_EMPTY_PATH), "move_mount");
  check(umount2("mounted", MNT_DETACH), "umount2");
  close(tree);
}
static void do_pivot_root(void) { syscall(SYS_pivot_root, "tree", "tree"); } /* refused behind the hook */
static void do_chroot(void) { check(chroot("/"), "chroot"); }
static void do_finit_module(void) { syscall(SYS_finit_module, no_module, "", 0); } /* of zeros: no module */
static void do_init_module(void) { syscall(SYS_init_module, anonymous, 4096, ""); }
static void do_module_request(void) { close(socket(AF_X25, SOCK_SEQPACKET, 0)); }
static void do_bpf(void) {
  union bpf_attr attr = {.map_fd = (unsigned)-1};

  syscall(SYS_bpf, BPF_MAP_LOOKUP_ELEM, &attr, sizeof attr);
}
static void do_read_other(void) {
  char byte;
  struct iovec to = {&byte, 1}, from = {anonymous, 1};

  check(process_vm_readv(other, &to, 1, &from, 1, 0), "process_vm_readv");
}
static void in_child(long (*call)(void), const char *what) {
  int status = 0;
  pid_t child = fork();

  if (child == 0) _exit(call() < 0);
  if (child < 0 || waitpid(child, &status, 0) != child || status != 0) {
    fprintf(stderr, "%s: status %d\n", what, status);
    exit(1);
  }
}
static long traceme(void) { return ptrace(PTRACE_TRACEME, 0, 0, 0); }
static long new_user(void) { return unshare(CLONE_NEWUSER); }
static long nothing(void) { return 0; }
static void do_fork(void) { in_child(nothing, "fork"); }
static void do_traceme(void) { in_child(traceme, "PTRACE_TRACEME"); }
static void do_new_user(void) { in_child(new_user, "unshare"); }
static void do_exec(void) { exec_once("./program"); }
static void do_dup(void) { close(dup(file)); }
static void do_kill(void) { check(kill(getpid(), 0), "kill"); }
static void do_setuid(void) { check(setreuid((uid_t)-1, (uid_t)-1), "setreuid"); }
static void do_setgid(void) { check(setregid((gid_t)-1, (gid_t)-1), "setregid"); }
static void do_capset(void) {
  struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
  struct __user_cap_data_struct data[2];

  check(syscall(SYS_capget, &header, data), "capget");
  check(syscall(SYS_capset, &header, data), "capset");
}
static void do_settime(void) {
  struct timespec now;

  clock_gettime(CLOCK_REALTIME, &now);
  check(clock_settime(CLOCK_REALTIME, &now), "clock_settime");
}
static void do_syslog(void) { check(klogctl(10, NULL, 0), "syslog"); } /* the size of the buffer */
static void do_getppid(void) { syscall(SYS_getppid); }

static int by_value(const void *left, const void *right) {
  const double l = *(const double *)left, r = *(const double *)right;

  return (l > r) - (l < r);
}

static void prepare(const char *folder) {
  check(chdir(folder), folder);
  file = open("file", O_CREAT | O_RDWR, 0755);
  check(ftruncate(file, 4096), "file");
  close(open("no_module", O_CREAT | O_WRONLY, 0600));
  check(truncate("no_module", 4096), "no_module");
  check(no_module = open("no_module", O_RDONLY), "no_module");
  check(mkdir("mounted", 0755), "mounted");
  check(mkdir("tree", 0755), "tree");
  address.sin_family = AF_INET;
  address.sin_port = htons(9);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socket_fd = socket(AF_INET, SOCK_DGRAM, 0);
  listener = socket(AF_UNIX, SOCK_STREAM, 0);
  check(bind(listener, (struct sockaddr *)&name, sizeof name), "bind");
  check(listen(listener, 16), "listen");
  anonymous = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  other = fork();
  if (other == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    while (1) pause();
  }
}

static int each(const char *folder, int count) {
  enum { kParts = 9 };
  static const struct {
    const char *name;
    void (*once)(void);
    int rarer; /* what is dear is done that many times less often */
  } ops[] = {{"fork", do_fork, 5},
             {"fork+exec", do_exec, 5},
             {"open+close", do_open, 1},
             {"open of nothing", do_open_missing, 1},
             {"create+unlink", do_create, 1},
             {"mkfifo+unlink", do_mkfifo, 1},
             {"mkdir+rmdir", do_mkdir, 1},
             {"rename twice", do_rename, 1},
             {"link+symlink", do_link, 1},
             {"truncate", do_truncate, 1},
             {"chmod", do_chmod, 1},
             {"chown", do_chown, 1},
             {"set+removexattr", do_xattr, 1},
             {"socket+close", do_socket, 1},
             {"socket+bind+close", do_bind, 1},
             {"connect (UDP)", do_connect, 1},
             {"send (UDP)", do_sendto, 1},
             {"listen (UNIX)", do_listen, 1},
             {"connect+accept", do_accept, 1},
             {"mmap, executable", do_mmap, 1},
             {"mprotect twice", do_mprotect, 1},
             {"mount+umount", do_mount, 5},
             {"move_mount+umount", do_move_mount, 5},
             {"pivot_root", do_pivot_root, 1},
             {"chroot", do_chroot, 1},
             {"finit_module", do_finit_module, 1},
             {"init_module", do_init_module, 1},
             {"module request", do_module_request, 10},
             {"bpf", do_bpf, 1},
             {"process_vm_readv", do_read_other, 1},
             {"fork+traceme", do_traceme, 5},
             {"fork+user ns", do_new_user, 5},
             {"kill (0)", do_kill, 1},
             {"setreuid", do_setuid, 1},
             {"setregid", do_setgid, 1},
             {"capget+capset", do_capset, 1},
             {"clock_settime", do_settime, 1},
             {"syslog", do_syslog, 1},
             {"dup+close", do_dup, 1},
             {"getppid, no hook", do_getppid, 1}};
  size_t n;
  int i, part;

  prepare(folder);
  for (n = 0; n < sizeof ops / sizeof *ops; n++) {
    const int calls = count / kParts / ops[n].rarer + 1;
    double start, parts[kParts];

    for (i = 0; i < calls; i++) ops[n].once();
    for (part = 0; part < kParts; part++) {
      start = now_ns();
      for (i = 0; i < calls; i++) ops[n].once();
      parts[part] = (now_ns() - start) / calls;
    }
    qsort(parts, kParts, sizeof *parts, by_value);
    printf("%-18s %.0f\n", ops[n].name, parts[kParts / 2]);
  }
  return 0;
}

static void http_once(const char *port) {
  static const char request[] = "GET / HTTP/1.0\r\n\r\n";
  char answer[4096];
  ssize_t got, total = 0;
  int server = socket(AF_INET, SOCK_STREAM, 0);

  address.sin_port = htons((uint16_t)atoi(port));
  check(connect(server, (struct sockaddr *)&address, sizeof address), "connect");
  check(write(server, request, sizeof request - 1), "write");
  while ((got = read(server, answer, sizeof answer)) > 0) total += got;
  close(server);
  if (total < 100) {
    fprintf(stderr, "the web server answered %zd bytes\n", total);
    exit(1);
  }
}

static void connect_once(const char *unused) {
  (void)unused;
  do_connect();
}

static void exec_of(const char *program) { exec_once((char *)program); }

int main(int argc, char **argv) {
  static const struct {
    const char *name;
    void (*once)(const char *);
  } ops[] = {{"open", open_once}, {"exec", exec_of}, {"connect", connect_once}, {"http", http_once}};
  void (*once)(const char *) = NULL;
  size_t n;
  int count, i;
  double start;

  if (argc == 1) return 0; /* what do_exec runs */
  if (argc != 4) return 2;
  count = atoi(argv[3]);
  if (strcmp(argv[1], "each") == 0) return each(argv[2], count);
  for (n = 0; n < sizeof ops / sizeof *ops; n++)
    if (strcmp(argv[1], ops[n].name) == 0) once = ops[n].once;
  if (!once) return 2;
  address.sin_family = AF_INET;
  address.sin_port = htons(9);
  if (inet_pton(AF_INET, argv[2], &address.sin_addr) != 1) address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socket_fd = socket(AF_INET, SOCK_DGRAM, 0);
  for (i = 0; i < count / 10 + 1; i++) once(argv[2]); /* warm */
  start = now_ns();
  for (i = 0; i < count; i++) once(argv[2]);
  printf("%.0f\n", (now_ns() - start) / count);
  return 0;
}
