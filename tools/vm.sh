# ./dev vm - runs a job in a virtual machine with a stock Debian kernel; tools/vm.py has the options and does the work.
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

export SLUICE_QUIET=1
command -v python3 >/dev/null || bash tools/setup.sh --no-kernels >&2
cd "$OLDPWD" || exit
exec python3 "$root/tools/vm.py" "$@"
