#define _GNU_SOURCE
#include "calls.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/xattr.h>
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
static long call_setxattr(char **w) { return setxattr(w[0], w[1], w[2], strlen(w[2]), 0); }

static const struct {
  const char *name;
  int words;
  long (*run)(char **words);
} calls[] = {
    {"mkdir", 2, call_mkdir},       {"mkdirat", 2, call_mkdirat},     {"unlinkdir", 1, call_unlinkdir},
    {"rename", 2, call_rename},     {"renameat2", 3, call_renameat2}, {"link", 2, call_link},
    {"symlink", 2, call_symlink},   {"truncate", 2, call_truncate},   {"ftruncate", 2, call_ftruncate},
    {"chmod", 2, call_chmod},       {"fchmod", 2, call_fchmod},       {"chown", 3, call_chown},
    {"setxattr", 3, call_setxattr},
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
