# ./dev bench - measures what sluice costs.
#
# Usage: ./dev bench kernel|engine [ARGUMENT...]
#
#   kernel   instructions of open/close and fork+exec with and without sluice, in guests
#   engine   events and rules per second in user space, and the comparison with peers
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

name=${1:-}
[[ $name == kernel || $name == engine ]] || die "say which: ./dev bench kernel or ./dev bench engine"
shift
export SLUICE_QUIET=1
bash tools/setup.sh
bash tools/build.sh
exec bash "bench/$name.sh" "$@"
