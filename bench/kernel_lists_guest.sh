#!/bin/bash
# kernel_lists_guest.sh - bench/kernel.sh's part in the guest for long lists.
#
# Usage: kernel_lists_guest.sh KERNEL_OPS   (as kernel_guest.sh, with 3 GB)
#
# `fd.snet in (NETS)` with 1 and with 1,000,000 nets, as a threat feed has them, and `fd.name in (PATHS)` with 1 and with
# 100,000 paths: instructions of a connect or an open, and what the lists take of the host's memory and of the agent's.
set -euo pipefail
source "$(dirname "$0")/guest_lib.sh"
ops=$1
work=$(mktemp -d)
ip link set lo up
cd "$work"
echo x >file

nets() { # COUNT: of every length from 16 to 32, none of which holds 127.0.0.1
  python3 - "$1" <<'END'
import random
import sys

count, random_bits = int(sys.argv[1]), random.Random(7)
nets = set()
while len(nets) < count:
    length = 16 + len(nets) % 17
    address = random_bits.getrandbits(32) >> (32 - length) << (32 - length)
    if address >> 24 not in (0, 127):
        nets.add((address, length))
dotted = lambda a: ".".join(str(a >> shift & 255) for shift in (24, 16, 8, 0))
print("list feed = [" + ", ".join(f"{dotted(address)}/{length}" for address, length in nets) + "]")
END
}

paths() { # COUNT
  python3 -c 'import sys; print("list paths = [" + ", ".join(f"/srv/data/set{i % 97}/file{i}.dat" for i in range(int(sys.argv[1]))) + "]")' "$1"
}

free() { awk '/^MemAvailable/ { print $2 }' /proc/meminfo; }

row() { # LABEL FILE OPERATION ARGUMENT
  local before began
  before=$(free)
  began=$(date +%s%N)
  start "$2"
  printf '%-18s %10d %10d %12d %14d\n' "$1" "$("$ops" "$3" "$4" 500)" $((($(date +%s%N) - began) / 1000000)) \
    $((before - $(free))) "$(awk '/^VmRSS/ { print $2 }' "/proc/${pid:?}/status")"
  stop
  sleep 2
}

sleep 3
uname -r
for count in 1 1000000; do
  nets $count >"nets$count.rule"
  rule feed 'evt.type = connect and fd.snet in (feed)' >>"nets$count.rule"
done
for count in 1 100000; do
  paths $count >"paths$count.rule"
  rule paths 'evt.type in (open, openat) and fd.name in (paths)' >>"paths$count.rule"
done
printf '%-18s %10s %10s %12s %14s\n' "" "an event" "ready ms" "host's KB" "agent's KB"
printf '%-18s %10d\n' "connect, bare" "$("$ops" connect 127.0.0.1 500)"
row "1 net" nets1.rule connect 127.0.0.1
row "1,000,000 nets" nets1000000.rule connect 127.0.0.1
printf '%-18s %10d\n' "open, bare" "$("$ops" open "$work/file" 500)"
row "1 path" paths1.rule open "$work/file"
row "100,000 paths" paths100000.rule open "$work/file"
