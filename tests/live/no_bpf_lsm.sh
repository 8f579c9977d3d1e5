#!/usr/bin/env bash
# A kernel without `bpf` in its LSM list: programs would load, attach and never be called, so `sluice run` refuses: by the
# list, and where that says otherwise, by a canary at the hooks themselves.
#
#   ./dev vm --append lsm=lockdown,yama --script tests/live/no_bpf_lsm.sh
#
# Prints a PASS or FAIL line for each; status 1 on a failure.
set -u
folder=$(mktemp -d)
failed=0

rule() { # NAME TYPE FIELD
  cat >"$folder/$1.rule" <<END
rule "Watch" {
  desc:      "Watch"
  condition: evt.type = $2 and $3 = /none
  output:    "watch"
  priority:  notice
}
END
}
rule open openat fd.name
rule folder mkdir fs.path.name

refuses() { # NAME RULE TEXT...: status 3, and standard error has each text
  local name=$1 rules=$2 status text missing=
  shift 2
  timeout 300 sluice run -r "$folder/$rules.rule" 2>"$folder/log"
  status=$?
  for text; do grep -q -- "$text" "$folder/log" || missing+=" '$text'"; done
  if [[ $status == 3 && -z $missing ]]; then
    echo "PASS $name"
  else
    echo "FAIL $name: status $status, missing:${missing:- nothing}: $(<"$folder/log")"
    failed=1
  fi
}

refuses no-bpf-in-the-lsm-list open 'LSM list is .*without bpf' 'lsm=.*,bpf'

# A list that names bpf all the same: only the canary knows.
list=/sys/kernel/security/lsm
[[ -e $list ]] || mount -t securityfs securityfs /sys/kernel/security
printf 'lockdown,yama,bpf' >"$folder/lsm"
mount --bind "$folder/lsm" "$list"
if [[ $(<"$list") != lockdown,yama,bpf ]]; then
  echo "FAIL hooks-that-are-never-called: the list is still $(<"$list")"
  exit 1
fi
never='but the kernel does not call it: its LSM list must hold bpf'
refuses hooks-that-are-never-called open "the program at the hook file_open is attached, $never"
refuses hooks-of-processes-that-are-never-called folder "the program at the hook task_alloc is attached, $never"
umount "$list"
exit $failed
