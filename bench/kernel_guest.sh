#!/bin/bash
# kernel_guest.sh - bench/kernel.sh's part in the guest: every set of rules between two bare runs, as a table.
#
# Usage: kernel_guest.sh KERNEL_OPS   (as root, one CPU, a clock that counts instructions, `sluice` on PATH)
set -euo pipefail
source "$(dirname "$0")/guest_lib.sh"
ops=$1
work=$(mktemp -d)
path=$work/one/two/three/four/file # on a tmpfs: six components
mkdir -p "${path%/*}"
echo x >"$path"
cp "$(command -v busybox)" "$work/true" # static, on the tmpfs: the guest's own disk is read over the network
opens=2000
execs=300
types='evt.type in (open, openat, openat2, creat)'

one_clause() { rule one "$types and fd.name startswith /nowhere/at/all/"; }

# Six fields, none of which this machine's events match.
thousand_clauses() {
  local i
  for ((i = 0; i < 1000; i++)); do
    case $((i % 6)) in
      0) rule "r$i" "$types and fd.name startswith /nowhere/$i/" ;;
      1) rule "r$i" "$types and fd.name endswith .absent$i" ;;
      2) rule "r$i" "$types and proc.name = absent$i" ;;
      3) rule "r$i" "$types and proc.exepath startswith /absent/$i/" ;;
      4) rule "r$i" "$types and user.uid = $((100000 + i))" ;;
      5) rule "r$i" "$types and user.uid = $((200000 + i)) and proc.aname in (absent$((i % 48)))" ;;
    esac
  done
}

# Every path is built and searched.
contains() { rule contains "$types and fd.name contains not-to-be-found"; }
# Nothing of `icontains` is decided in the kernel: every open is sent and judged in user space.
every_event() { rule every "$types and fd.name icontains not-to-be-found"; }

measure() { # prints OPEN EXEC
  echo "$("$ops" open "$path" "$opens") $("$ops" exec "$work/true" "$execs")"
}

with_rules() { # RULES: prints OPEN EXEC and how many clauses file_open had
  "$1" >"$work/$1.rule"
  start "$work/$1.rule"
  measure
  stop
  grep '^counters hook=file_open' "$work/err" >>"$work/counters"
}

row() { # LABEL OPEN EXEC BARE_OPEN BARE_EXEC
  awk -v label="$1" -v o="$2" -v e="$3" -v bo="$4" -v be="$5" 'BEGIN {
    printf "%-34s %10d %6.3f %12d %6.3f\n", label, o, o / bo, e, e / be }'
}

sleep 5
uname -r
printf '%-34s %10s %6s %12s %6s\n' "" "open+close" "ratio" "fork+exec" "ratio"
read -r before_open before_exec <<<"$(measure)"
row "no programs, before" "$before_open" "$before_exec" "$before_open" "$before_exec"
for rules in one_clause thousand_clauses contains every_event; do
  read -r with_open with_exec <<<"$(with_rules $rules)"
  sleep 1
  read -r after_open after_exec <<<"$(measure)"
  bare_open=$(((before_open + after_open) / 2)) bare_exec=$(((before_exec + after_exec) / 2))
  case $rules in
    one_clause) label="1 clause" ;;
    thousand_clauses) label="1,000 clauses over six fields" ;;
    contains) label="contains, of every path" ;;
    every_event) label="every event sent to user space" ;;
  esac
  row "$label" "$with_open" "$with_exec" "$bare_open" "$bare_exec"
  row "no programs, after" "$after_open" "$after_exec" "$before_open" "$before_exec"
  before_open=$after_open before_exec=$after_exec
done
sed 's/^/  /' "$work/counters"
