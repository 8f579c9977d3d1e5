# ./dev setup - installs the packages of tools/packages.txt and fetches the guest kernels.
#
# Usage: ./dev setup [--no-kernels]
#
# Quick when nothing is missing. Packages are installed with apt as root or through sudo. The kernels are kept in
# ${XDG_CACHE_HOME:-~/.cache}/sluice and shared by all clones.
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

missing_packages() {
  local installed
  installed=$(dpkg-query -W -f '${db:Status-Abbrev} ${Package}\n' | sed -n 's/^ii  *//p' | sort -u)
  sed 's/#.*//' tools/packages.txt | tr -d ' ' | grep . | sort -u | comm -23 - <(echo "$installed")
}

install_packages() {
  local as_root=() log
  if ((EUID != 0)); then
    command -v sudo >/dev/null || die "packages are missing and you are not root; as root run: apt-get install $*"
    as_root=(sudo)
  fi
  log=$(mktemp)
  say "    installing $# packages: $*"
  if ! "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -q -o DPkg::Lock::Timeout=600 update >"$log" 2>&1 ||
    ! "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -q -y -o DPkg::Lock::Timeout=600 \
      install --no-install-recommends "$@" 2>&1 | tee -a "$log" |
      awk '/^Get:/ || /^Setting up/ { n++; if (n % 25 == 0) { print "    " $0; fflush() } }' >&2; then
    tail -n 25 "$log" >&2
    rm -f "$log"
    die "apt-get could not install the packages; check the network and /etc/apt/sources.list*, then run ./dev setup again"
  fi
  rm -f "$log"
}

main() {
  local kernels=1 missing
  case ${1:-} in
    '') ;;
    --no-kernels) kernels=0 ;;
    *) die "setup knows no argument '$1'; see ./dev setup --help" ;;
  esac
  command -v dpkg-query >/dev/null || die "this is not Debian; sluice builds on Debian 12"
  [[ $(uname -m) == x86_64 ]] || die "the guest kernels are for x86-64, this machine is $(uname -m)"
  missing=$(missing_packages)
  # shellcheck disable=SC2086  # one word a package
  [[ -z $missing ]] || step packages install_packages $missing
  if ((kernels)); then
    bash tools/kernel.sh 6.1
    bash tools/kernel.sh 6.12
  fi
}

main "$@"
