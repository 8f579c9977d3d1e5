# ./dev fmt - formats the C and C++ sources with clang-format 14.
#
# Usage: ./dev fmt [--check]
#
# --check changes nothing; it fails and names what is not formatted.
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

command -v clang-format-14 >/dev/null || die "clang-format-14 is missing; ./dev setup installs it"
mapfile -d '' files < <(find compiler bpf runtime harness learn cli tests fuzz bench -type f \
  \( -name '*.cc' -o -name '*.h' -o -name '*.c' \) -print0 | sort -z)
((${#files[@]})) || exit 0

case ${1:-} in
  '') clang-format-14 -i "${files[@]}" ;;
  --check)
    clang-format-14 --dry-run -Werror "${files[@]}" 2>&1 | sed -n 's/: error: code should be clang-formatted.*//p' |
      cut -d : -f 1 | sort | uniq -c | awk '{ print $2 ": not formatted, " $1 " places"; bad = 1 } END { exit bad }' ||
      die "run ./dev fmt"
    ;;
  *) die "fmt knows no argument '$1'; see ./dev fmt --help" ;;
esac
