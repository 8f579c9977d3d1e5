/* race: one thread changes the argument of a call that another makes, and tells what the kernel really did.
 *
 *   race open N A B       opens a path that turns from A to B and back; prints `INODE TIMES` for each of both
 *   race refused N A B    likewise, B being refused, as fast as it goes: `reached TIMES-B-WAS-OPENED` and `refused TIMES`
 *   race refusedexec N A B     runs A, which is no program, or B, which is refused: likewise; B would run instead
 *   race exec N A B       runs it in N children; prints `PID STATUS` for each
 *   race refusedconnect N P Q  likewise, port Q being refused
 *   race connect N P Q    connects a UDP socket of 127.0.0.1 to port P or Q; prints `PORT TIMES`
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { kPathBytes = 256, kBurst = 50 };

static char path[kPathBytes];
static const char *paths[2];
static struct sockaddr_in address;
static uint16_t ports[2];
static volatile int stop;
static volatile unsigned changes;

static void *change_path(void *unused) {
  /* of equal length: only the last byte differs */
  volatile char *last = path + strlen(path) - 1;
  const char ends[2] = {paths[0][strlen(paths[0]) - 1], paths[1][strlen(paths[1]) - 1]};

  for (changes = 0; !stop; changes++) *last = ends[changes & 1];
  return unused;
}

static void *change_port(void *unused) {
  volatile uint16_t *port = &address.sin_port;

  for (unsigned i = 0; !stop; i++) *port = ports[i & 1];
  return unused;
}

/* So that whoever reads along is not overrun. */
static void pause_after(long i) {
  const struct timespec a_little = {.tv_nsec = 20 * 1000 * 1000};

  if (i % kBurst == kBurst - 1) nanosleep(&a_little, NULL);
}

static void race_open(long tries, int refused) {
  struct stat status[2], opened;
  long times[2] = {0, 0}, errors = 0;

  stat(paths[0], &status[0]);
  stat(paths[1], &status[1]);
  for (long i = 0; i < tries; i++) {
    int file = open(path, O_RDONLY);

    errors += file < 0;
    if (file >= 0 && fstat(file, &opened) == 0) times[opened.st_ino == status[1].st_ino]++;
    if (file >= 0) close(file);
    if (!refused) pause_after(i);
  }
  if (refused) {
    printf("reached %ld\nrefused %ld\n", times[1], errors);
  } else {
    printf("%lu %ld\n%lu %ld\n", (unsigned long)status[0].st_ino, times[0], (unsigned long)status[1].st_ino,
           times[1]);
  }
}

static void race_exec(long tries) {
  for (long i = 0; i < tries; i++) {
    pthread_t thread;
    int status = 0;
    pid_t child = fork();

    if (child == 0) {
      char *const arguments[] = {path, NULL};

      pthread_create(&thread, NULL, change_path, NULL);
      while (changes == 0) sched_yield(); /* on one processor it has not begun by itself */
      execv(path, arguments);
      _exit(99);
    }
    waitpid(child, &status, 0);
    printf("%d %d\n", child, WEXITSTATUS(status));
  }
}

static void race_refused_exec(long tries) {
  char *const arguments[] = {path, NULL};
  long refused = 0;

  for (long i = 0; i < tries; i++) {
    execv(path, arguments);
    refused += errno == EPERM;
  }
  printf("reached 0\nrefused %ld\n", refused);
}

static void race_connect(long tries, int refused) {
  long times[2] = {0, 0}, errors = 0;

  for (long i = 0; i < tries; i++) {
    struct sockaddr_in peer = {0};
    socklen_t bytes = sizeof peer;
    int fd = socket(AF_INET, SOCK_DGRAM, 0);

    if (connect(fd, (struct sockaddr *)&address, sizeof address) != 0)
      errors++;
    else if (getpeername(fd, (struct sockaddr *)&peer, &bytes) == 0)
      times[peer.sin_port == ports[1]]++;
    close(fd);
    if (!refused) pause_after(i);
  }
  if (refused)
    printf("reached %ld\nrefused %ld\n", times[1], errors);
  else
    printf("%d %ld\n%d %ld\n", ntohs(ports[0]), times[0], ntohs(ports[1]), times[1]);
}

int main(int argc, char **argv) {
  pthread_t thread;
  long tries;

  if (argc != 5) {
    fprintf(stderr, "race: wrong usage; see the head of race.c\n");
    return 2;
  }
  tries = strtol(argv[2], NULL, 10);
  paths[0] = argv[3];
  paths[1] = argv[4];
  snprintf(path, sizeof path, "%s", argv[3]);
  if (strcmp(argv[1], "exec") == 0) {
    race_exec(tries);
    return 0;
  }
  if (strstr(argv[1], "connect") != NULL) {
    for (int i = 0; i < 2; i++) ports[i] = htons((uint16_t)strtol(argv[3 + i], NULL, 10));
    address = (struct sockaddr_in){
        .sin_family = AF_INET, .sin_port = ports[0], .sin_addr = {htonl(INADDR_LOOPBACK)}};
    pthread_create(&thread, NULL, change_port, NULL);
    race_connect(tries, strcmp(argv[1], "connect") != 0);
  } else {
    pthread_create(&thread, NULL, change_path, NULL);
    if (strcmp(argv[1], "refusedexec") == 0)
      race_refused_exec(tries);
    else
      race_open(tries, strcmp(argv[1], "refused") == 0);
  }
  stop = 1;
  pthread_join(thread, NULL);
  return 0;
}
