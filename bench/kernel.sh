#!/bin/bash
# kernel.sh - ./dev bench kernel: what the programs cost a kernel, in instructions.
#
# Usage: bench/kernel.sh [6.1|6.12]...     (both by default)
#
# Under an emulator that counts instructions, five guest runs a kernel (the last without the count):
#
#   kernel_guest.sh           opening and closing a file, and fork and exec of a static busybox's `true`: without programs, with 1
#                             clause, with 1,000 clauses over six fields, and with every open sent to user space
#   kernel_hooks_guest.sh     a call of every kind of hook under 1 and 1,000 rules at each, and under Falco's stable ones
#   kernel_workload_guest.sh  a compiler, a web server (nginx, where it is installed) and dd, bare and under those
#   kernel_protect_guest.sh   those calls without and with self_protection
#   kernel_lists_guest.sh     a list of 1,000,000 nets and one of 100,000 paths; in the emulator's time
#
# Each set of rules stands between two bare runs, and its ratio is to their mean. Cache and memory latency are not modelled: these
# are instructions, not time. BENCH="hooks lists" runs only these parts.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=${here%/*}
ops=$root/build/bench/kernel_ops
mkdir -p "${ops%/*}"
cc -O2 -static -Wall -Wextra "$here/kernel_ops.c" -o "$ops"
(($#)) || set -- 6.1 6.12
for kernel in "$@"; do
  for part in ${BENCH:-opens hooks workload protect lists}; do
    script=$here/kernel_${part}_guest.sh
    [[ $part != opens ]] || script=$here/kernel_guest.sh
    count=--icount
    [[ $part != lists ]] || count='' # loading them would take an hour
    "$root/dev" vm --kernel "$kernel" ${count:+"$count"} --timeout 1800 --memory 3072 --script "$script" "$ops"
  done
done
