# ./dev build - builds build/sluice and the test programs.
#
# Usage: ./dev build [--kind default|asan|tsan|fuzz] [TARGET...]
#
#   default  build/        g++, what is used
#   asan     build-asan/   AddressSanitizer and UndefinedBehaviourSanitizer
#   tsan     build-tsan/   ThreadSanitizer
#   fuzz     build-fuzz/   clang and libFuzzer, with both of asan's
#
# Installs packages and fetches the 6.1 kernel, whose types the BPF programs use, where these are missing. Quiet but for the
# progress; a failure shows what the compiler said.
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

kind=default
if [[ ${1:-} == --kind ]]; then
  kind=${2:?--kind needs default, asan, tsan or fuzz}
  shift 2
fi
options=("-DSLUICE_VMLINUX=$cache/kernel-6.1/vmlinux")
instrumented=(-DCMAKE_BUILD_TYPE=None "-DCMAKE_CXX_FLAGS=-O1 -g1" "-DCMAKE_C_FLAGS=-O1 -g1" -DSLUICE_BENCH=OFF)
case $kind in
  default) folder=build ;;
  asan) folder=build-asan options+=("${instrumented[@]}" "-DSLUICE_SANITIZE=address,undefined") ;;
  tsan) folder=build-tsan options+=("${instrumented[@]}" "-DSLUICE_SANITIZE=thread") ;;
  fuzz)
    folder=build-fuzz
    options+=("${instrumented[@]}" "-DSLUICE_SANITIZE=address,undefined" -DSLUICE_FUZZ=ON
      -DCMAKE_CXX_COMPILER=clang++-14 -DCMAKE_C_COMPILER=clang-14)
    ;;
  *) die "no kind of build is called '$kind': default, asan, tsan or fuzz" ;;
esac

# Objects are shared by all clones.
export CCACHE_BASEDIR=$root CCACHE_NOHASHDIR=1

configure() {
  local log
  log=$(mktemp)
  cmake -S . -B "$folder" -G Ninja "${options[@]}" >"$log" 2>&1 || {
    cat "$log" >&2
    rm -f "$log"
    say "if packages changed, ./dev setup installs them; ./dev clean starts anew"
    return 1
  }
  rm -f "$log"
}

# On a terminal ninja shows its one line; elsewhere the last of its lines comes now and then. A failure is shown whole.
compile() {
  local log status=0 ninja line shown=''
  if [[ -n $bold ]]; then
    NINJA_STATUS='    [%f/%t] ' ninja -C "$folder" -j "$jobs" "$@" >&2
    return
  fi
  log=$(mktemp)
  NINJA_STATUS='[%f/%t] ' ninja -C "$folder" -j "$jobs" "$@" >"$log" 2>&1 8>&- &
  ninja=$!
  while sleep 0.2 && kill -0 "$ninja" 2>/dev/null; do
    ((SECONDS >= 20)) || continue
    line=$(tail -n 1 "$log" | cut -c 1-100)
    [[ $line == "$shown" || $line != \[* ]] || say "    $line"
    shown=$line SECONDS=0
  done
  wait "$ninja" || status=$?
  ((status == 0)) || sed -n '/^FAILED: \|error:/,$p' "$log" | grep -v '^\[[0-9]*/[0-9]*\] ' | head -n 200 >&2
  rm -f "$log"
  return "$status"
}

bash tools/setup.sh --no-kernels
bash tools/kernel.sh 6.1

# One build of a folder at a time: two ninjas would spoil each other's work.
mkdir -p "$folder"
exec 8>"$folder/.dev-lock"
flock -n 8 || { say "    another build of $folder/ is going on, waiting for it" && flock 8; }
step "configure $folder" configure
step "build $folder" compile "$@"
