# ./dev lint - clang-tidy 14 over the C++ sources and shellcheck over the scripts; every warning is an error.
#
# Usage: ./dev lint [PATH-REGEX]
#
# PATH-REGEX keeps to the sources whose path it matches, such as compiler/norm.
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

export SLUICE_QUIET=1
pattern=${1:-}
bash tools/setup.sh
bash tools/build.sh # generated headers must be there
unset SLUICE_QUIET

tidy() {
  local log status=0
  log=$(mktemp)
  run-clang-tidy-14 -p build -j "$jobs" -quiet "^$root/(compiler|runtime|harness|learn|cli|tests|bench|fuzz)/.*$pattern.*\.cc$" >"$log" 2>&1 || status=$?
  sed 's/\x1b\[[0-9;]*m//g' "$log" | grep -vE '^clang-tidy-14 |^[0-9]+ warnings? |^Use -header-filter|^Suppressed |^Enabled checks|^$|warnings treated as errors' |
    awk '/error:|warning:/ { told = seen[$0]++; left = 12 } left-- > 0 && !told' | head -n 300
  rm -f "$log"
  return "$status"
}

scripts() {
  local files
  mapfile -t files < <(find tools tests bench -name '*.sh' ! -path 'tools/vm/init.sh')
  # not followed: lib.sh (its variables, too); text for awk, sed and the guest stays in single quotes
  shellcheck -s bash -e SC1091,SC2154,SC2016,SC2317 dev .ci/run "${files[@]}" && shellcheck -s dash -e SC1091 tools/vm/init.sh
}

failed=0
step clang-tidy tidy || failed=1
step shellcheck scripts || failed=1
exit "$failed"
