#!/bin/bash
# kernel_hooks_guest.sh - bench/kernel.sh's part in the guest for every kind of hook, and for a workload.
#
# Usage: kernel_hooks_guest.sh KERNEL_OPS   (as kernel_guest.sh)
#
# Prints instructions per operation bare, and ratios under 1 rule at every hook, 1,000 rules at every hook, and Falco's
# stable rules; then, for the last, how many hook calls of a workload (compiling a program, dd) ended in the kernel.
set -euo pipefail
ops=$1
falco=$(dirname "$(readlink -f "$0")")/../../shared/falco/falco_rules.yaml
work=$(mktemp -d)
count=500
ip link set lo up

rule() { # NAME CONDITION
  printf 'rule "%s" {\n  desc: "-"\n  condition: %s\n  output: "%%proc.name"\n  priority: notice\n}\n' "$1" "$2"
}

hooks='evt.hook in (file_open, path_mknod, path_unlink, path_mkdir, path_rmdir, path_rename, path_link, path_symlink, path_chmod,
  path_truncate, socket_create, socket_connect, socket_sendmsg, mmap_file, task_kill, task_fix_setuid)'
dup='evt.type = dup'

rules() { # COUNT: at every hook as many, over fields that all hooks have
  local i what
  for ((i = 0; i < $1; i++)); do
    case $((i % 4)) in
      0) what="proc.name = absent$i" ;;
      1) what="proc.exepath startswith /absent/$i/" ;;
      2) what="user.uid = $((100000 + i))" ;;
      3) what="proc.aname in (absent$((i % 40)))" ;;
    esac
    rule "h$i" "$hooks and $what"
    rule "d$i" "$dup and $what"
  done
}

start() { # FILE
  sluice run -r "$1" >"$work/out" 2>"$work/err" &
  pid=$!
  for ((i = 0; i < 1200; i++)); do
    grep -q '^sluice: ready' "$work/err" && break
    kill -0 $pid 2>/dev/null || break
    sleep 0.1
  done
  if ! grep -q '^sluice: ready' "$work/err"; then
    tail -5 "$work/err" >&2
    exit 1
  fi
  sleep 3
}

stop() {
  kill -INT $pid
  wait $pid || true
}

measure() { # FILE
  mkdir -p "$work/folder"
  "$ops" each "$work/folder" "$count" >"$1"
}

sleep 3
uname -r
measure "$work/bare"
rules 1 >"$work/1.rule"
rules 1000 >"$work/1000.rule"
sets="1 1000"
if [[ -e $falco ]]; then
  sets="$sets falco"
  cp "$falco" "$work/falco.yaml"
fi
for set in $sets; do
  if [[ $set == falco ]]; then start "$work/falco.yaml"; else start "$work/$set.rule"; fi
  measure "$work/$set"
  stop
done
measure "$work/after"
# shellcheck disable=SC2086 # a word a set
python3 - "$work" $sets <<'END'
import sys

work, sets = sys.argv[1], sys.argv[2:]
read = lambda name: [(line[:18].strip(), int(line[18:])) for line in open(f"{work}/{name}")]
tables = {name: dict(read(name)) for name in ["bare", "after", *sets]}
print(f"{'':18} {'bare':>8}" + "".join(f"{name:>9}" for name in sets) + "  1000/1")
for name in tables["bare"]:
    bare = (tables["bare"][name] + tables["after"][name]) / 2
    print(f"{name:18} {bare:8.0f}" + "".join(f"{tables[s][name] / bare:9.3f}" for s in sets) +
          f"{tables['1000'][name] / tables['1'][name]:8.3f}")
END
[[ -e $falco ]] || exit 0
printf '#include <stdio.h>\nint main(void) { return puts("x") < 0; }\n' >"$work/a.c"
start "$work/falco.yaml"
cd "$work"
cc -O2 a.c -o a && ./a >a.out
dd if=/dev/zero of=/dev/null bs=500 count=20000 2>/dev/null
stop
grep '^counters hook=' "$work/err"
awk -F'[ =]' '/^counters hook=/ && !/bprm_check/ { seen += $5; dropped += $7 } END {
  printf "ended in the kernel: %.2f %% of %d (execs apart)\n", 100 * dropped / seen, seen }' "$work/err"
