#!/bin/bash
# kernel.sh - ./dev bench kernel: what the programs cost a kernel, in instructions.
#
# Usage: bench/kernel.sh [6.1|6.12]...     (both by default)
#
# In one guest run per kernel, under an emulator that counts instructions: opening and closing a file, and fork and
# exec of a static busybox's `true`, without programs, with 1 clause, with 1,000 clauses over six fields, and with every open sent to
# user space; and a call of every kind of hook under 1 and under 1,000 rules at each hook and under Falco's stable rules, where they
# are at hand, with the share of hook calls that those leave to user space. Each set of rules stands between two bare runs, and its ratio is to their mean. Cache and memory latency
# are not modelled: these are instructions, not time.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=${here%/*}
ops=$root/build/bench/kernel_ops
mkdir -p "${ops%/*}"
cc -O2 -static -Wall -Wextra "$here/kernel_ops.c" -o "$ops"
(($#)) || set -- 6.1 6.12
for kernel in "$@"; do
  "$root/dev" vm --kernel "$kernel" --icount --timeout 900 --script "$here/kernel_guest.sh" "$ops"
  "$root/dev" vm --kernel "$kernel" --icount --timeout 900 --script "$here/kernel_hooks_guest.sh" "$ops"
done
