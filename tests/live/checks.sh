# checks.sh GROUP - what the scripts of this folder share: `check`, `waits`, `no`, and $failed.
# shellcheck shell=bash disable=SC2034
group=$1
failed=0

# check NAME COMMAND...: COMMAND must work
check() {
  local name=$1 out
  shift
  if out=$("$@" 2>&1); then
    echo "PASS $group/$name"
  else
    echo "FAIL $group/$name: $(tail -n 3 <<<"$out" | tr '\n' ' ')"
    failed=1
  fi
}

waits() { # until COMMAND works, 60 s at most
  local i
  for ((i = 0; i < 300; i++)); do
    "$@" && return 0
    sleep 0.2
  done
  return 1
}
no() { ! "$@"; }
