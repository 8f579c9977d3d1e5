#!/usr/bin/env bash
# A kernel without `bpf` in its LSM list: programs would load, attach and never be called, so `sluice run` refuses.
#
#   ./dev vm --append lsm=lockdown,yama --script tests/live/no_bpf_lsm.sh
#
# Prints one PASS or FAIL line; status 1 on a failure.
set -u
folder=$(mktemp -d)
cat >"$folder/a.rule" <<'END'
rule "Watch" {
  desc:      "Watch"
  condition: evt.type = openat and fd.name = /none
  output:    "watch"
  priority:  notice
}
END
timeout 60 sluice run -r "$folder/a.rule" 2>"$folder/log"
status=$?
if [[ $status == 3 ]] && grep -q 'LSM list is .*without bpf' "$folder/log" && grep -q 'lsm=.*,bpf' "$folder/log"; then
  echo "PASS no-bpf-in-the-lsm-list"
else
  echo "FAIL no-bpf-in-the-lsm-list: status $status: $(<"$folder/log")"
  exit 1
fi
