#!/usr/bin/env bash
# demo.sh - a scripted intrusion under the eyes of sluice. `./dev run` runs it, in a guest or on this host.
#
# Usage: tools/demo.sh [-r FILE...]        as root, on a kernel with BPF LSM; rules/ unless -r names others
#
# The mitigations of rules/ come in audit mode: those that the demo shows are enforced in a copy.
# Starts `sluice run`, acts as an attacker step by step, and shows every alert and denial as it happens. It touches
# only files that it makes itself, and removes them. Exit status: 0 when every step was noticed, 1 when one was
# missed, sluice's own status when that could not run.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."
command -v sluice >/dev/null || PATH=$PWD/build:$PATH
command -v sluice >/dev/null || { echo "error: sluice is not built; run ./dev build" >&2; exit 1; }
rules=(rules/)
given=0
if [[ ${1:-} == -r && $# -ge 2 ]]; then
  rules=("${@:2}") given=1
fi

if [[ -t 1 && -z ${NO_COLOR:-} ]]; then
  bold=$'\e[1m' red=$'\e[1;31m' green=$'\e[32m' plain=$'\e[0m'
else
  bold='' red='' green='' plain=''
fi

work=$(mktemp -d /run/sluice-demo.XXXXXX)    # the attacker's "web server" lives here
drop=$(mktemp -d /tmp/sluice-demo.XXXXXX)    # and here he drops his tools
shm=/dev/shm/${drop##*/}
cron=/etc/cron.d/${drop##*/}
log=/var/log/${drop##*/}.log
preload=/etc/ld.so.preload
had_preload=0
[[ ! -e $preload ]] || had_preload=1
sluice_pid='' tail_pid=''
expected=0 noticed=0

cleanup() {
  [[ -z $sluice_pid ]] || kill -INT "$sluice_pid" 2>/dev/null || true
  [[ -z $sluice_pid ]] || wait "$sluice_pid" 2>/dev/null || true
  [[ -z $tail_pid ]] || kill "$tail_pid" 2>/dev/null || true
  rm -rf "$work" "$drop" "$shm" "$cron" "$log"
  # Only an empty file can be ours: the demo opens it and writes nothing.
  [[ $had_preload == 1 || ! -e $preload || -s $preload ]] || rm -f "$preload"
}
trap cleanup EXIT

# Takes `mode: audit` out of the rules whose denials the demo shows.
enforce() {
  local file names='Shell started by a web server|Password hashes opened below a web server'
  names+='|Program run from shared memory|Program run from a memory file|Preloaded libraries of the whole host changed'
  mkdir "$work/rules"
  for file in rules/*.rule; do
    awk -v names="^rule \"($names)\"" '/^rule /{on = $0 ~ names} !(on && /^  mode: *audit$/)' "$file" >"$work/${file}"
  done
}

start() {
  local waited=0 status=0
  : >"$work/alerts"
  if ((!given)); then
    enforce
    rules=("$work/rules")
  fi
  sluice run -r "${rules[@]}" --format text >"$work/alerts" 2>"$work/log" &
  sluice_pid=$!
  tail -q -n +1 -s 0.1 -f "$work/log" "$work/alerts" 2>/dev/null &
  tail_pid=$!
  until grep -q '^sluice: ready' "$work/log"; do
    if ! kill -0 "$sluice_pid" 2>/dev/null; then
      wait "$sluice_pid" || status=$?
      sluice_pid=''
      sleep 0.5
      exit "$((status == 0 ? 1 : status))"
    fi
    waited=$((waited + 1))
    ((waited < 1200)) || { echo "error: sluice was not ready after two minutes" >&2; exit 1; }
    sleep 0.1
  done
  sleep 0.3
}

# step TEXT EXPECTED COMMAND...: announces, acts, and waits for a line of sluice that holds EXPECTED.
step() {
  local text=$1 wanted=$2 before waited=0 outcome=0
  shift 2
  printf '\n%s>>> %s%s\n' "$bold" "$text" "$plain"
  before=$(wc -l <"$work/alerts")
  expected=$((expected + 1))
  "$@" >"$work/out" 2>&1 </dev/null || outcome=$?
  until tail -n +"$((before + 1))" "$work/alerts" | grep -qF -- "$wanted" || ((waited > 50)); do
    waited=$((waited + 1))
    sleep 0.1
  done
  sleep 0.4 # for the lines to be shown
  if ((waited > 50)); then
    printf '    %smissed: no line with "%s"%s\n' "$red" "$wanted" "$plain"
  else
    noticed=$((noticed + 1))
  fi
  case $outcome in
    0) echo "    the attacker sees: it worked" ;;
    137) echo "    the attacker sees: nothing, the process is dead" ;;
    *) printf '    the attacker sees: %s\n' "$(grep . "$work/out" | tail -n 1 | sed 's/.*: //')" ;;
  esac
}

# ---- what the attacker does -------------------------------------------------------------------------------------
web_server() { "$work/nginx" -c "$1; exit \$?"; }
from_memory() {
  python3 -c '
import os
fd = os.memfd_create("payload")
with open("/usr/bin/id", "rb") as program:
    os.write(fd, program.read())
os.execve(fd, ["id"], {})'
}
append() { : >>"$1"; }
write_line() { echo "# nothing" >"$1"; }
as_service() { setpriv --reuid=33 --regid=33 --clear-groups "$@"; }

attack() {
  cp "$(command -v bash)" "$work/nginx"
  cp /usr/bin/id "$drop/kworker"
  cp /usr/lib/x86_64-linux-gnu/libm.so.6 "$drop/hook.so"

  step "a hole in the web server: it starts a shell" "(denied)" web_server 'sh -c id'
  step "with a detour over another program the shell starts, and is seen" "shell below a web server" \
    web_server 'timeout 5 sh -c id'
  step "the web server's child reads /etc/shadow" "(denied)" web_server 'cat /etc/shadow'
  step "somebody else reads /etc/shadow" "password hashes read" cat /etc/shadow
  step "a dropped program runs from /tmp" "program run from a world-writable folder" "$drop/kworker"
  if cp /usr/bin/id "$shm" 2>/dev/null; then
    step "another one from /dev/shm" "(denied)" "$shm"
  fi
  if command -v python3 >/dev/null; then
    step "a program that exists in memory only" "(killed)" from_memory
  fi
  step "a library is forced into ls" "library preloaded" env LD_PRELOAD="$drop/hook.so" ls /
  step "and into every program of the host" "(denied)" append "$preload"
  if [[ -d /etc/cron.d ]]; then
    step "a job for cron, to come back" "scheduled job written" write_line "$cron"
  fi
  if [[ $(id -u) == 0 ]]; then
    step "the web server's account tries su" "service account starts a setuid tool" as_service su --help
  fi
  step "a disk's node outside /dev" "node made outside /dev" mknod "$drop/disk" b 7 255
  : >"$log"
  step "the log goes" "log deleted" rm "$log"
  : >"$drop/.bash_history"
  step "and the history" "shell history deleted" rm "$drop/.bash_history"
}

finish() {
  local status=0
  printf '\n%s>>> the end: counters%s\n' "$bold" "$plain"
  kill -INT "$sluice_pid"
  wait "$sluice_pid" || status=$?
  sluice_pid=''
  sleep 0.5
  ((status == 0)) || { printf '%ssluice ended with %d%s\n' "$red" "$status" "$plain"; exit 1; }
}

start
attack
finish
if ((noticed == expected)); then
  printf '\n%s%d of %d steps were noticed; what was denied never happened.%s\n' "$green" "$noticed" "$expected" "$plain"
else
  printf '\n%sonly %d of %d steps were noticed%s\n' "$red" "$noticed" "$expected" "$plain"
  exit 1
fi
