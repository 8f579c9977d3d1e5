#!/bin/bash
# kernel_workload_guest.sh - bench/kernel.sh's part in the guest for whole programs.
#
# Usage: kernel_workload_guest.sh KERNEL_OPS   (as kernel_guest.sh)
#
# Compiling a program, pages of nginx, and dd with small blocks: CPU time bare, the agent's included, ratios under Falco's stable rules and
# under 1,000 rules at every hook, and how many hook calls ended in the kernel. What an exec tells the process tree is not counted
# as a hook call.
set -euo pipefail
source "$(dirname "$0")/guest_lib.sh"
ops=$1
falco=$(dirname "$(readlink -f "$0")")/../../shared/falco/falco_rules.yaml
work=$(mktemp -d)
chmod 755 "$work" # the web server's worker is nobody
ip link set lo up
cd "$work"
cat >a.c <<'END'
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
int main(int argc, char **argv) { return printf("%zu %s\n", strlen(argv[0]), getenv("HOME")) < argc; }
END

servants() { # CPU time of the agent and of the web server, in hundredths of a second
  local process total=0
  for process in ${pid:-} $(pgrep -x nginx || true); do
    [[ ! -e /proc/$process ]] || total=$((total + $(awk '{ print $14 + $15 }' "/proc/$process/stat")))
  done
  echo "$total"
}

timed() { # COMMAND...: CPU time of it, the agent and the server, in microseconds: waiting for the guest's slow disk is none
  local before spent TIMEFORMAT='%3U %3S'
  before=$(servants)
  spent=$({ time "$@" >/dev/null 2>&1; } 2>&1)
  awk -v servants="$(($(servants) - before))" '{ printf "%.0f\n", 1e6 * ($1 + $2) + 1e4 * servants }' <<<"$spent"
}

compile() { for _ in 1 2 3 4 5 6 7 8; do cc -O2 a.c -o a; done; }
blocks() { dd if=/dev/zero of=/dev/null bs=500 count=200000 2>/dev/null; }
pages() { "$ops" http 8080 3000 >/dev/null; }

things="compile blocks"
if command -v nginx >/dev/null; then
  things="$things pages"
  mkdir -p www
  printf 'a line of a page %.0s\n' {1..60} >www/index.html
  cat >nginx.conf <<END
worker_processes 1;
pid $work/nginx.pid;
error_log $work/error.log;
events {}
http {
  access_log off;
  client_body_temp_path $work/t1;
  proxy_temp_path $work/t2;
  fastcgi_temp_path $work/t3;
  uwsgi_temp_path $work/t4;
  scgi_temp_path $work/t5;
  server { listen 127.0.0.1:8080; root $work/www; }
}
END
  nginx -c "$work/nginx.conf"
else
  echo "nginx is not installed: its pages are left out"
fi

measure() { # NAME
  local thing
  for thing in $things; do echo "$thing $(timed "$thing")"; done >"$1"
}

sleep 3
uname -r
compile # its files are read for the first time
measure bare
rules_everywhere 1000 4 >1000.rule
sets=1000
if [[ -e $falco ]]; then
  sets="falco 1000"
  cp "$falco" falco.yaml
fi
for set in $sets; do
  start "$work/$set".[ry]*
  measure "$set"
  stop
  pid=''
  cp err "$set.err"
done
measure after
# shellcheck disable=SC2086 # a word a set
python3 - $sets <<'END'
import re
import sys

sets = sys.argv[1:]
read = lambda name: {line.split()[0]: int(line.split()[1]) for line in open(name)}
tables = {name: read(name) for name in ["bare", "after", *sets]}
print(f"{'':10} {'bare':>14}" + "".join(f"{name:>9}" for name in sets))
for name in tables["bare"]:
    bare = (tables["bare"][name] + tables["after"][name]) / 2
    print(f"{name:10} {bare:14.0f}" + "".join(f"{tables[s][name] / bare:9.3f}" for s in sets) +
          f"   (bare again: {tables['after'][name] / tables['bare'][name]:.3f})")
for name in sets:
    seen = dropped = 0
    for hook, calls, ended in re.findall(r"^counters hook=(\S+) seen=(\d+) dropped=(\d+)", open(f"{name}.err").read(), re.M):
        if hook == "bprm_check_security":
            continue
        seen, dropped = seen + int(calls), dropped + int(ended)
        if calls != ended:
            print(f"  {name}: {hook} {calls} calls, {int(calls) - int(ended)} to user space")
    print(f"{name}: {100 * dropped / max(seen, 1):.2f} % of {seen} hook calls ended in the kernel")
END
