# ./dev fuzz - runs the fuzz targets under AddressSanitizer and UndefinedBehaviourSanitizer.
#
# Usage: ./dev fuzz [TARGET] [SECONDS]
#
# Without TARGET all of them, two at a time; SECONDS each (60). A target is a program in build-fuzz/fuzz; its
# seeds are fuzz/corpus/TARGET/, its dictionary fuzz/TARGET.dict. What it finds goes to build-fuzz/corpus/TARGET/ and
# build-fuzz/crashes/.
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

seconds=60
wanted=''
for argument in "$@"; do
  if [[ $argument =~ ^[0-9]+$ ]]; then seconds=$argument; else wanted=$argument; fi
done

run_target() {
  local name=$1 found=build-fuzz/corpus/$1 log=build-fuzz/$1.log options=() seeds=() status=0
  mkdir -p "$found" build-fuzz/crashes
  [[ ! -d fuzz/corpus/$name ]] || seeds=("fuzz/corpus/$name")
  [[ ! -e fuzz/$name.dict ]] || options=("-dict=fuzz/$name.dict")
  [[ -z ${FUZZ_SEED:-} ]] || options+=("-seed=$FUZZ_SEED")
  "build-fuzz/fuzz/${name}_fuzz" "-max_total_time=$seconds" -timeout=20 -rss_limit_mb=3072 -print_final_stats=1 \
    "-artifact_prefix=build-fuzz/crashes/$name-" "${options[@]}" "$found" "${seeds[@]}" >"$log" 2>&1 || status=$?
  if ((status)); then
    grep -vE '^(#|NEW_FUNC|REDUCE)' "$log" | tail -n 60
    echo "FAIL fuzz/$name: the input is in build-fuzz/crashes/"
    return 1
  fi
  echo "PASS fuzz/$name ($(sed -n 's/^stat::number_of_executed_units: *//p' "$log") runs)"
}

bash tools/setup.sh --no-kernels
bash tools/kernel.sh 6.1
bash tools/build.sh --kind fuzz fuzz_targets
mapfile -t targets < <(find build-fuzz/fuzz -maxdepth 1 -type f -executable -printf '%f\n' 2>/dev/null | sed -n 's/_fuzz$//p' | sort)
[[ -z $wanted ]] || {
  [[ " ${targets[*]} " == *" $wanted "* ]] || die "no fuzz target '$wanted'; there are: ${targets[*]:-none}"
  targets=("$wanted")
}
failed=0 running=0
for target in "${targets[@]}"; do
  ((running < 2)) || { wait -n || failed=1; running=$((running - 1)); }
  run_target "$target" &
  running=$((running + 1))
done
for ((; running > 0; --running)); do wait -n || failed=1; done
exit "$failed"
