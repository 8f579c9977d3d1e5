# ./dev test - every test: format, structure, unit, golden and differential tests, the same under sanitizers, fuzzing for
# a short time, the rules' own tests, outputs against real receivers, and live tests in guests with both kernels.
#
# Usage: ./dev test [--quick] [--sanitize]
#
#   --quick      unit, golden and differential tests only
#   --sanitize   ThreadSanitizer as well
#
# Each step says how long it took. All steps that can run do run. The last line is `N passed, N failed, N skipped`; the
# status is 1 if anything failed. Logs: build/test-logs/.
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

quick=0 sanitize=0
for argument in "$@"; do
  case $argument in
    --quick) quick=1 ;;
    --sanitize) sanitize=1 ;;
    *) die "test knows no argument '$argument'; see ./dev test --help" ;;
  esac
done

fuzz_seconds=${FUZZ_SECONDS:-20}
logs=build/test-logs
summary=()
started=$SECONDS

# run NAME COMMAND...: one step. Lines of COMMAND's output that start with PASS, FAIL or SKIP are its results; when it has
# none, the step itself is one. The whole output is in the step's log; what failed is shown.
run() {
  local name=$1 log=$logs/${1// /-}.log begin=$EPOCHREALTIME status=0 passed failed skipped tenths ticker
  shift
  printf '%s==> %s ...%s\n' "$bold" "$name" "$plain"
  : >"$log"
  (while sleep 30; do echo "    $(tail -n 1 "$log" | cut -c 1-110)"; done) &
  ticker=$!
  "$@" >"$log" 2>&1 </dev/null || status=$?
  kill "$ticker" && wait "$ticker" 2>/dev/null
  tenths=$(((${EPOCHREALTIME/./} - ${begin/./}) / 100000))
  if ((status)) && ! grep -q '^FAIL ' "$log"; then
    tail -n 60 "$log" | sed 's/^/    /'
    echo "FAIL $name: status $status, see $log" >>"$log"
  elif ((status == 0)) && ! grep -qE '^(PASS|FAIL|SKIP) ' "$log"; then
    echo "PASS $name" >>"$log"
  fi
  grep -E '^(PASS|FAIL|SKIP) ' "$log" >>"$logs/results"
  passed=$(grep -c '^PASS ' "$log" || true) failed=$(grep -c '^FAIL ' "$log" || true) skipped=$(grep -c '^SKIP ' "$log" || true)
  if ((failed)); then
    grep -vE '^(PASS|SKIP) ' "$log" | grep -B 40 '^FAIL ' | tail -n 120 | sed 's/^/    /'
  fi
  printf '%s==> %s: %d passed, %d failed, %d skipped%s (%d.%d s)\n' \
    "$([[ $failed == 0 ]] && echo "$bold" || echo "$red")" "$name" "$passed" "$failed" "$skipped" "$plain" \
    $((tenths / 10)) $((tenths % 10))
  summary+=("$(printf '%-28s %6d passed %4d failed %4d skipped %7d.%d s' "$name" "$passed" "$failed" "$skipped" \
    $((tenths / 10)) $((tenths % 10)))")
  return "$status"
}

# unit FOLDER: the ctest tests of a build, two at a time.
unit() {
  local status=0
  rm -rf "$1/gtest"
  mkdir -p "$1/gtest"
  GTEST_OUTPUT="xml:$root/$1/gtest/" ASAN_OPTIONS=detect_leaks=1 UBSAN_OPTIONS=print_stacktrace=1 \
    TSAN_OPTIONS=halt_on_error=1 ctest --test-dir "$1" -j 2 --timeout 600 --no-tests=error --output-on-failure \
    --output-junit "$root/$1/gtest.junit" || status=$?
  python3 tools/count_tests.py "${1/build/unit}" "$1/gtest.junit" "$1/gtest" || return 1
  return "$status"
}

build_and_unit() {
  SLUICE_QUIET='' bash tools/build.sh --kind "$1" || return
  unit "build-$1"
}

rules() {
  build/sluice check -W error rules/ && build/sluice fmt --check rules/ && build/sluice test rules/ --fail-under 100 &&
    (cd examples/web-host && PATH=$root/build:$PATH ./pre-commit && "$root/build/sluice" test rules/ --fail-under 100)
}

outputs() {
  python3 tests/outputs/run.py build/sluice
}

live() {
  bash tools/vm.sh --no-build --kernel "$1" --timeout 2700 --script tests/live/run.sh --kernel "$1" |
    sed -u "s#^\(PASS\|FAIL\|SKIP\) #\1 live-$1/#"
  return "${PIPESTATUS[0]}"
}

# The guests run at once, each on one processor: what the other has printed by now.
beside() {
  local status=0
  wait "$other_guest" || status=$?
  cat "$logs/other-guest"
  return "$status"
}

package() {
  SLUICE_NO_BUILD=1 bash tools/package.sh && bash tools/vm.sh --no-build --script tests/live/package.sh
}

# The package again, with a systemd that boots the guest. Uses the one that package() made.
systemd() {
  bash tools/vm.sh --no-build --append sluice.init=systemd --timeout 900 --script tests/live/systemd.sh
}

# A kernel that has BPF LSM, and does not use it.
live_without_lsm() {
  bash tools/vm.sh --no-build --append lsm=lockdown,yama --timeout 900 --script tests/live/no_bpf_lsm.sh
}

fuzz() {
  FUZZ_SEED=1 SLUICE_QUIET='' bash tools/fuzz.sh "$fuzz_seconds"
}

finish() {
  local passed failed skipped
  passed=$(grep -c '^PASS ' "$logs/results" || true) failed=$(grep -c '^FAIL ' "$logs/results" || true)
  skipped=$(grep -c '^SKIP ' "$logs/results" || true)
  printf '\n' && printf '%s\n' "${summary[@]}"
  if ((failed)); then
    printf '\nfailed:\n'
    sed -n 's/^FAIL /  /p' "$logs/results"
  fi
  if ((skipped)); then
    printf '\nskipped:\n'
    sed -n 's/^SKIP /  /p' "$logs/results"
  fi
  printf '\ntook %d min %d s\n' $(((SECONDS - started) / 60)) $(((SECONDS - started) % 60))
  printf '%d passed, %d failed, %d skipped\n' "$passed" "$failed" "$skipped"
  ((failed == 0))
}

trap 'trap - INT TERM; kill 0; exit 130' INT TERM # the steps' processes too
mkdir -p "$logs"
: >"$logs/results"
bash tools/setup.sh
built=1
run build bash tools/build.sh || built=0
if ((quick)); then
  ((!built)) || run unit unit build || true
  finish
  exit
fi
run format bash tools/fmt.sh --check || true
run "include direction" python3 tools/check_includes.py || true
run "diagnostic codes" python3 tools/check_codes.py || true
((!built)) || run unit unit build || true
run "address and undefined" build_and_unit asan || true
((!sanitize)) || run "thread" build_and_unit tsan || true
run fuzz fuzz || true
((!built)) || run rules rules || true
((!built)) || run "rules page" python3 tools/rules_page.py --check || true
((!built)) || run outputs outputs || true
run vm bash tools/vm_test.sh || true
if ((built)); then
  live 6.12 >"$logs/other-guest" 2>&1 </dev/null &
  other_guest=$!
  run "live 6.1" live 6.1 || true
  run "live 6.12" beside || true
fi
((!built)) || run package package || true
((!built)) || run systemd systemd || true
((!built)) || run "live without bpf lsm" live_without_lsm || true
finish
