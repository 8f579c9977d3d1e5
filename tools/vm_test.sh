# tools/vm_test.sh - tests of ./dev vm itself. Prints `PASS name` or `FAIL name: why` a line; status 1 after a failure.
#
# Usage: tools/vm_test.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
failed=0

vm() { bash tools/vm.sh --no-build "$@" </dev/null; }

# check NAME WANTED GOT
check() {
  if [[ $2 == "$3" ]]; then
    echo "PASS vm/$1"
  else
    echo "FAIL vm/$1: wanted '$2', got '$3'"
    failed=1
  fi
}

# Nothing boots.
wrong_usage() {
  local status=0
  vm --script "$scratch/none" >"$scratch/out" 2>"$scratch/err" || status=$?
  check missing-script 2 "$status"
  check missing-script-is-named 1 "$(grep -c "$scratch/none" "$scratch/err")"
}

# One boot answers all of these; the script lies under /tmp, with a sibling.
one_job() {
  local status=0
  echo sibling >"$scratch/sibling file"
  cat >"$scratch/job.sh" <<'JOB'
#!/bin/bash
echo "zero=$0"
printf 'argument=%s\n' "$@"
cat "$(dirname "$0")/sibling file"
echo "directory=$(pwd) user=$(id -u)"
touch /tmp/written /run/written "$(dirname "$0")/written" && echo writable
echo complaint >/dev/stderr
sleep 1000 &
exit 7
JOB
  chmod +x "$scratch/job.sh"
  vm --kernel 6.12 --script "$scratch/job.sh" 'a b' '$x "q' --kernel >"$scratch/out" 2>"$scratch/err" || status=$?
  check exit-status 7 "$status"
  check own-path "zero=$scratch/job.sh" "$(sed -n 1p "$scratch/out")"
  check arguments "argument=a b|argument=\$x \"q|argument=--kernel" "$(sed -n 2,4p "$scratch/out" | paste -sd '|')"
  check sibling-file sibling "$(sed -n 5p "$scratch/out")"
  check repository-root "directory=$root user=0" "$(sed -n 6p "$scratch/out")"
  check writable-folders writable "$(sed -n 7p "$scratch/out")"
  check stderr-apart complaint "$(cat "$scratch/err")"
}

# Two guests at once: one sends every byte there is, the other hangs.
two_guests() {
  local program='import sys; sys.stdout.buffer.write(bytes(range(256)) * 4000)' status=0 hung
  vm --timeout 40 -- bash -c 'echo before; sleep 1000' >"$scratch/hung" 2>"$scratch/hung.err" &
  hung=$!
  vm -- python3 -c "$program" >"$scratch/bytes" 2>"$scratch/bytes.err" || status=$?
  check job-succeeds 0 "$status"
  check bytes-unchanged "$(python3 -c "$program" | sha256sum)" "$(sha256sum <"$scratch/bytes")"
  status=0
  wait "$hung" || status=$?
  check time-limit 124 "$status"
  check output-before-the-limit before "$(cat "$scratch/hung")"
  check console-at-the-limit 1 "$(grep -c "guest's console" "$scratch/hung.err")"
}

panic() {
  local status=0
  vm -- 'echo c >/proc/sysrq-trigger' >"$scratch/out" 2>"$scratch/err" || status=$?
  check panic 125 "$status"
  check panic-on-console 1 "$(grep -c 'sysrq triggered crash' "$scratch/err")"
  check stdout-without-console '' "$(cat "$scratch/out")"
}

# SIGINT, as Ctrl-C sends it, ends the guest's process too.
interrupted() {
  local runner machine status=0
  python3 -c 'import os, signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)
os.execvp("bash", ["bash", "tools/vm.sh", "--no-build", "--", "echo up; sleep 1000"])' >"$scratch/up" 2>/dev/null </dev/null &
  runner=$!
  for _ in {1..300}; do
    [[ ! -s $scratch/up ]] || break
    sleep 0.2
  done
  machine=$(pgrep -P "$runner" qemu || true)
  kill -INT "$runner"
  wait "$runner" || status=$?
  check interrupt-status 130 "$status"
  check interrupt-ends-the-guest gone "$([[ -n $machine && ! -e /proc/$machine ]] && echo gone || echo "left: $machine")"
}

wrong_usage
one_job
two_guests
panic
interrupted
exit "$failed"
