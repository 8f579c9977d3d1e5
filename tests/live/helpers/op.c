/* op - one system call, made as asked, and what it returned: `ok` or the name of the error.
 *
 *   op open PATH FLAG[,FLAG...]       openat; flags without O_: RDONLY WRONLY RDWR CREAT EXCL TRUNC APPEND PATH TMPFILE
 *   op openold PATH FLAG...           the system call open
 *   op openat2 PATH FLAG...           openat2
 *   op creat PATH
 *   op unlink|rmdir PATH
 *   op mknod PATH fifo|file|char
 *   op exec PATH [ARG...]             execve with argv[0] = PATH; prints only when it fails
 *   op execat PATH [ARG...]           execveat of a descriptor
 *   op memfd PATH [ARG...]            execveat of a copy of PATH in a memfd
 *   op deleted PATH [ARG...]          execveat of a descriptor of PATH after PATH was unlinked
 *   op deep DIRECTORY                 opens a file whose path is longer than 4096 bytes, made below DIRECTORY
 *   op thread PATH                    openat from a second thread
 *   op renamed NAME PATH              openat after prctl(PR_SET_NAME)
 *   op loop PATH STOP                 opens until the file STOP exists; prints how many opens succeeded
 *   op tally PATH STOP PAUSE_US       likewise, with a pause in between; prints how many it `reached` and were `refused`
 *   op handle PATH                    name_to_handle_at and open_by_handle_at
 *   op ringfirst ...                  the same behind an io_uring_setup
 * and the single calls in calls.c.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/io_uring.h>
#include <linux/openat2.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "calls.h"

extern char **environ;

static int say(long result) {
  puts(result >= 0 ? "ok" : strerrorname_np(errno));
  return result >= 0 ? 0 : 1;
}

static int die(const char *what) {
  fprintf(stderr, "op: %s: %s\n", what, strerror(errno));
  exit(2);
}

static int flags_of(const char *text) {
  static const struct {
    const char *name;
    int flag;
  } known[] = {{"RDONLY", O_RDONLY}, {"WRONLY", O_WRONLY}, {"RDWR", O_RDWR},
               {"CREAT", O_CREAT},   {"EXCL", O_EXCL},     {"TRUNC", O_TRUNC},
               {"PATH", O_PATH},     {"APPEND", O_APPEND}, {"TMPFILE", O_TMPFILE}};
  char copy[256], *rest = copy, *word;
  int flags = 0;

  snprintf(copy, sizeof copy, "%s", text);
  while ((word = strsep(&rest, ",")) != NULL) {
    size_t i = 0;
    while (i < sizeof known / sizeof *known && strcmp(known[i].name, word) != 0) i++;
    if (i == sizeof known / sizeof *known) {
      fprintf(stderr, "op: unknown flag %s\n", word);
      exit(2);
    }
    flags |= known[i].flag;
  }
  return flags;
}

static int open_any(const char *verb, const char *path, int flags) {
  struct open_how how = {.flags = (unsigned)flags, .mode = flags & (O_CREAT | O_TMPFILE) ? 0644 : 0};

  if (strcmp(verb, "openold") == 0) return say(syscall(SYS_open, path, flags, 0644));
  if (strcmp(verb, "openat2") == 0) return say(syscall(SYS_openat2, AT_FDCWD, path, &how, sizeof how));
  return say(syscall(SYS_openat, AT_FDCWD, path, flags, 0644));
}

static int make_node(const char *path, const char *kind) {
  if (strcmp(kind, "fifo") == 0) return say(mknod(path, S_IFIFO | 0600, 0));
  if (strcmp(kind, "char") == 0) return say(mknod(path, S_IFCHR | 0600, makedev(1, 3)));
  return say(mknod(path, S_IFREG | 0600, 0));
}

static int exec_descriptor(const char *verb, const char *path, char **arguments) {
  int file = open(path, O_RDONLY);

  if (file < 0) die(path);
  if (strcmp(verb, "deleted") == 0 && unlink(path) != 0) die("unlink");
  if (strcmp(verb, "memfd") == 0) {
    int copy = memfd_create("payload", MFD_CLOEXEC);
    char buffer[65536];
    ssize_t bytes;

    if (copy < 0) die("memfd_create");
    while ((bytes = read(file, buffer, sizeof buffer)) > 0)
      if (write(copy, buffer, (size_t)bytes) != bytes) die("write");
    file = copy;
  }
  return say(syscall(SYS_execveat, file, "", arguments, environ, AT_EMPTY_PATH));
}

/* 25 folders of 200 letters each, reached step by step. */
static int open_deep(const char *directory) {
  char name[201];
  int i;

  memset(name, 'd', 200);
  name[200] = 0;
  if (chdir(directory) != 0) die(directory);
  for (i = 0; i < 25; i++) {
    if (mkdir(name, 0755) != 0 && errno != EEXIST) die("mkdir");
    if (chdir(name) != 0) die("chdir");
  }
  return say(open("file", O_RDWR | O_CREAT, 0644));
}

static void *open_in_thread(void *path) {
  int result = open(path, O_RDONLY);

  return (void *)(intptr_t)(result < 0 ? -errno : result);
}

static int in_thread(char *path) {
  pthread_t thread;
  void *result;

  if (pthread_create(&thread, NULL, open_in_thread, path) != 0) die("thread");
  pthread_join(thread, &result);
  errno = -(int)(intptr_t)result;
  return say((intptr_t)result);
}

static int loop(const char *path, const char *stop) {
  unsigned long succeeded = 0;

  do {
    int i;
    for (i = 0; i < 100; i++) {
      int file = open(path, O_RDONLY);
      if (file < 0) continue;
      succeeded++;
      close(file);
    }
  } while (access(stop, F_OK) != 0);
  printf("%lu\n", succeeded);
  return 0;
}

/* One open after the other, each counted. */
static int tally(const char *path, const char *stop, unsigned pause_us) {
  unsigned long reached = 0, refused = 0;

  do {
    int file = open(path, O_RDONLY);
    if (file < 0) {
      refused++;
    } else {
      reached++;
      close(file);
    }
    if (pause_us) usleep(pause_us);
  } while (access(stop, F_OK) != 0);
  printf("reached %lu refused %lu\n", reached, refused);
  return 0;
}

static int by_handle(const char *path) {
  struct {
    struct file_handle head;
    unsigned char bytes[MAX_HANDLE_SZ];
  } handle;
  int mount_id;

  handle.head.handle_bytes = MAX_HANDLE_SZ;
  if (name_to_handle_at(AT_FDCWD, path, &handle.head, &mount_id, 0) != 0) die("name_to_handle_at");
  return say(open_by_handle_at(open("/tmp", O_RDONLY | O_DIRECTORY), &handle.head, O_RDONLY));
}

static int run(int argc, char **argv) {
  const char *verb = argc > 1 ? argv[1] : "";
  char *path = argc > 2 ? argv[2] : NULL;
  long result = 0;

  if (strncmp(verb, "open", 4) == 0 && argc == 4) return open_any(verb, path, flags_of(argv[3]));
  if (run_call(argc, argv, &result)) return say(result);
  if (argc < 3) verb = "";
  if (strcmp(verb, "creat") == 0) return say(syscall(SYS_creat, path, 0644));
  if (strcmp(verb, "unlink") == 0) return say(unlink(path));
  if (strcmp(verb, "rmdir") == 0) return say(rmdir(path));
  if (strcmp(verb, "mknod") == 0 && argc == 4) return make_node(path, argv[3]);
  if (strcmp(verb, "exec") == 0) return say(execve(path, argv + 2, environ));
  if (strcmp(verb, "execat") == 0 || strcmp(verb, "memfd") == 0 || strcmp(verb, "deleted") == 0)
    return exec_descriptor(verb, path, argv + 2);
  if (strcmp(verb, "deep") == 0) return open_deep(path);
  if (strcmp(verb, "thread") == 0) return in_thread(path);
  if (strcmp(verb, "renamed") == 0 && argc == 4) {
    prctl(PR_SET_NAME, path);
    return say(open(argv[3], O_RDONLY));
  }
  if (strcmp(verb, "loop") == 0 && argc == 4) return loop(path, argv[3]);
  if (strcmp(verb, "tally") == 0 && argc == 5) return tally(path, argv[3], strtoul(argv[4], NULL, 10));
  if (strcmp(verb, "handle") == 0) return by_handle(path);
  fprintf(stderr, "op: wrong usage; see the head of op.c\n");
  return 2;
}

int main(int argc, char **argv) {
  struct io_uring_params params = {0};

  if (argc < 2 || strcmp(argv[1], "ringfirst") != 0) return run(argc, argv);
  if (syscall(SYS_io_uring_setup, 4, &params) < 0) die("io_uring_setup");
  return run(argc - 1, argv + 1);
}
