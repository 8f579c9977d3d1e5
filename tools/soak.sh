# ./dev soak - a bounded storm in a guest: forks, opens, connects, reloads, outputs that fail; what it did to the agent.
#
# Usage: ./dev soak [--minutes N] [--kernel 6.1|6.12] [--no-build]
#
# Prints figures: memory of the agent and of the kernel, lag from hook to alert, losses, and whether the counts add up.
# Fails when memory grows, when counts do not add up, or when an alert is lost. Minutes: 3, kernel: 6.1.
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

minutes=3 kernel=6.1 build=1
while (($#)); do
  [[ $1 != --minutes && $1 != --kernel ]] || (($# > 1)) || die "$1 needs a value"
  case $1 in
    --minutes) minutes=$2 && shift ;;
    --kernel) kernel=$2 && shift ;;
    --no-build) build=0 ;;
    *) die "unknown option '$1'; ./dev soak --help says more" ;;
  esac
  shift
done
[[ $minutes =~ ^[0-9]{1,5}$ && $minutes =~ [1-9] ]] || die "--minutes is a number from 1 on"
[[ $kernel == 6.1 || $kernel == 6.12 ]] || die "--kernel is 6.1 or 6.12"
minutes=$((10#$minutes))
export SLUICE_QUIET=1
((!build)) || bash tools/build.sh
exec bash tools/vm.sh --no-build --kernel "$kernel" --timeout $((minutes * 60 + 600)) --script tests/live/soak.py "$minutes"
