# tools/lib.sh - what the scripts behind `dev` share. Source it; it changes to the repository's root.
#
# Sets: root, cache (kernels, kept across clones), jobs. Gives: die, say, step.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$root"
cache=${XDG_CACHE_HOME:-${HOME:-/root}/.cache}/sluice
jobs=${JOBS:-$(nproc)}
export root cache jobs

if [[ -t 2 && -z ${CI:-} && ${TERM:-dumb} != dumb ]]; then
  bold=$'\e[1m' red=$'\e[31m' plain=$'\e[0m'
else
  bold='' red='' plain=''
fi

# Everything that these functions print goes to stderr: stdout belongs to the job.
say() { printf '%s\n' "$*" >&2; }
die() {
  printf '%serror:%s %s\n' "$red" "$plain" "$*" >&2
  exit 1
}

# step NAME COMMAND...: runs COMMAND and says how long it took; its status is COMMAND's. A function as COMMAND runs
# without set -e.
# SLUICE_QUIET=1 leaves out what took less than a second and worked.
step() {
  local name=$1 started=$EPOCHREALTIME status=0 tenths
  shift
  [[ -n ${SLUICE_QUIET:-} ]] || printf '%s==> %s ...%s\n' "$bold" "$name" "$plain" >&2
  "$@" || status=$?
  tenths=$(((${EPOCHREALTIME/./} - ${started/./}) / 100000))
  if ((status)); then
    printf '%s==> %s failed%s (%d.%d s)\n' "$red" "$name" "$plain" $((tenths / 10)) $((tenths % 10)) >&2
  elif [[ -z ${SLUICE_QUIET:-} ]] || ((tenths >= 10)); then
    printf '%s==> %s%s (%d.%d s)\n' "$bold" "$name" "$plain" $((tenths / 10)) $((tenths % 10)) >&2
  fi
  return "$status"
}

