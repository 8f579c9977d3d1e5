/* kernel_ops.c - the operations whose cost bench/kernel.sh measures. Prints nanoseconds per operation; in the
 * guest, whose clock counts instructions, that is instructions.
 *
 *   kernel_ops open PATH COUNT        open and close
 *   kernel_ops exec PROGRAM COUNT     fork, exec, exit and wait
 */
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
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

int main(int argc, char **argv) {
  int opens, count, i;
  double start;

  if (argc != 4) return 2;
  opens = strcmp(argv[1], "open") == 0;
  count = atoi(argv[3]);
  for (i = 0; i < count / 10 + 1; i++) opens ? open_once(argv[2]) : exec_once(argv[2]); /* warm */
  start = now_ns();
  for (i = 0; i < count; i++) opens ? open_once(argv[2]) : exec_once(argv[2]);
  printf("%.0f\n", (now_ns() - start) / count);
  return 0;
}
