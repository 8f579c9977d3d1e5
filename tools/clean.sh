# ./dev clean - removes what was built.
#
# Usage: ./dev clean [--all]
#
# --all removes the guest kernels in ${XDG_CACHE_HOME:-~/.cache}/sluice, which all clones share, as well.
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

case ${1:-} in
  '' | --all) ;;
  *) die "clean knows no argument '$1'; see ./dev clean --help" ;;
esac
rm -rf build build-asan build-tsan build-fuzz build-lint
[[ ${1:-} != --all ]] || rm -rf "$cache"
