#!/bin/bash
# kernel_protect_guest.sh - bench/kernel.sh's part in the guest for self_protection.
#
# Usage: kernel_protect_guest.sh KERNEL_OPS   (as kernel_guest.sh)
#
# Prints instructions per operation bare, and ratios with one rule at a hook that none of them comes by, without and with
# self-protection.
set -euo pipefail
source "$(dirname "$0")/guest_lib.sh"
ops=$1
work=$(mktemp -d)
count=500
ip link set lo up
mkdir "$work/bin"
cp "$(command -v busybox)" "$work/bin/true" # static, on the tmpfs

measure() { # FILE
  mkdir -p "$work/folder"
  "$ops" each "$work/folder" "$count" >"$1"
  printf '%-18s%9d\n' fork+exec "$("$ops" exec "$work/bin/true" 300)" >>"$1"
}

protected() { # true|false: as start(), by a configuration
  printf 'rules: [%s]\nself_protection: %s\nwatch: false\ncontrol_socket: %s\n' "$work/one.rule" "$1" "$work/socket" >"$work/sluice.yaml"
  start -c "$work/sluice.yaml"
}

sleep 3
uname -r
measure "$work/bare"
rule one "evt.hook = sb_pivotroot and proc.name = absent" >"$work/one.rule"
for set in false true; do
  protected "$set"
  measure "$work/$set"
  sluice stop --socket "$work/socket" >/dev/null
  wait "$pid" || true
done
measure "$work/after"
python3 - "$work" <<'END'
import sys

work = sys.argv[1]
read = lambda name: dict((line[:18].strip(), int(line[18:])) for line in open(f"{work}/{name}"))
tables = {name: read(name) for name in ("bare", "after", "false", "true")}
print(f"{'':18} {'bare':>8}{'without':>9}{'with':>9}  more")
for name in tables["bare"]:
    bare = (tables["bare"][name] + tables["after"][name]) / 2
    print(f"{name:18} {bare:8.0f}{tables['false'][name] / bare:9.3f}{tables['true'][name] / bare:9.3f}"
          f"{tables['true'][name] - tables['false'][name]:6.0f}")
END
