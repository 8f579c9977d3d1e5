/* kernel_ops.c - the operations whose cost bench/kernel.sh measures. Prints nanoseconds per operation; in the
 * guest, whose clock counts instructions, that is instructions.
 *
 *   kernel_ops open PATH COUNT        open and close
 *   kernel_ops exec PROGRAM COUNT     fork, exec, exit and wait
 *   kernel_ops each FOLDER COUNT      one line for a call of every kind of hook, in an empty folder
 *   kernel_ops connect ADDRESS COUNT  connect a UDP socket
 *   kernel_ops http PORT COUNT        a page of a web server on this host, a connection each
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
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

static int file, socket_fd;
static struct sockaddr_in address;

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
static void do_chmod(void) { check(chmod("file", 0600), "chmod"); }
static void do_truncate(void) { check(truncate("file", 10), "truncate"); }
static void do_socket(void) { close(socket(AF_INET, SOCK_DGRAM, 0)); }
static void do_connect(void) {
  check(connect(socket_fd, (struct sockaddr *)&address, sizeof address), "connect");
}
static void do_sendto(void) { sendto(socket_fd, "x", 1, MSG_DONTWAIT, NULL, 0); }
static void do_mmap(void) {
  void *memory = mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE, file, 0);

  munmap(memory, 4096);
}
static void do_dup(void) { close(dup(file)); }
static void do_kill(void) { check(kill(getpid(), 0), "kill"); }
static void do_setuid(void) { check(setreuid((uid_t)-1, (uid_t)-1), "setreuid"); }
static void do_getppid(void) { syscall(SYS_getppid); }

static int each(const char *folder, int count) {
  static const struct {
    const char *name;
    void (*once)(void);
  } ops[] = {{"open+close", do_open},      {"open of nothing", do_open_missing},
             {"create+unlink", do_create}, {"mkdir+rmdir", do_mkdir},
             {"rename twice", do_rename},  {"link+symlink", do_link},
             {"chmod", do_chmod},          {"truncate", do_truncate},
             {"socket+close", do_socket},  {"connect (UDP)", do_connect},
             {"send (UDP)", do_sendto},    {"mmap, executable", do_mmap},
             {"dup+close", do_dup},        {"kill (0)", do_kill},
             {"setreuid", do_setuid},      {"getppid, no hook", do_getppid}};
  size_t n;
  int i;

  check(chdir(folder), folder);
  file = open("file", O_CREAT | O_RDWR, 0755);
  check(ftruncate(file, 4096), "file");
  address.sin_family = AF_INET;
  address.sin_port = htons(9);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socket_fd = socket(AF_INET, SOCK_DGRAM, 0);
  for (n = 0; n < sizeof ops / sizeof *ops; n++) {
    double start;

    for (i = 0; i < count / 10 + 1; i++) ops[n].once();
    start = now_ns();
    for (i = 0; i < count; i++) ops[n].once();
    printf("%-18s %.0f\n", ops[n].name, (now_ns() - start) / count);
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
