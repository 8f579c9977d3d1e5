#!/bin/bash
# kernel_hooks_guest.sh - bench/kernel.sh's part in the guest for every kind of hook.
#
# Usage: kernel_hooks_guest.sh KERNEL_OPS   (as kernel_guest.sh)
#
# Prints instructions per operation bare, and ratios under 1 rule at every hook, 1,000 rules at every hook over the same
# field, 1,000 over four fields, and Falco's stable rules.
set -euo pipefail
source "$(dirname "$0")/guest_lib.sh"
ops=$1
falco=$(dirname "$(readlink -f "$0")")/../../shared/falco/falco_rules.yaml
work=$(mktemp -d)
count=500
ip link set lo up
cp "$(command -v busybox)" "$work/true" # static, on the tmpfs
echo "$work/true" >/proc/sys/kernel/modprobe

measure() { # FILE
  rm -rf "$work/folder"
  mkdir "$work/folder"
  cp "$ops" "$work/folder/program"
  "$ops" each "$work/folder" "$count" >"$1"
}

sleep 3
uname -r
measure "$work/bare"
rules_everywhere 1 1 >"$work/1.rule"
rules_everywhere 1000 1 >"$work/1000.rule"
rules_everywhere 1000 4 >"$work/mixed.rule"
sets="1 1000 mixed"
if [[ -e $falco ]]; then
  sets="$sets falco"
  cp "$falco" "$work/falco.yaml"
fi
for set in $sets; do
  start "$work/$set".*
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
print(f"{'':18} {'bare':>8}" + "".join(f"{name:>9}" for name in sets) + "  1000/1 mixed/1")
for name in tables["bare"]:
    bare = (tables["bare"][name] + tables["after"][name]) / 2
    print(f"{name:18} {bare:8.0f}" + "".join(f"{tables[s][name] / bare:9.3f}" for s in sets) +
          "".join(f"{tables[s][name] / tables['1'][name]:8.3f}" for s in ("1000", "mixed")))
END
