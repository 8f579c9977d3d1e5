# tools/kernel.sh - fetches one stock Debian kernel for the guest into the cache.
#
# Usage: tools/kernel.sh VERSION     (6.1, 6.12, ...)
#
# 6.1 is Debian 12's own, 6.12 that of bookworm-backports; any other is looked for in trixie-backports, where the newest one
# is. Only packages are fetched and unpacked, through an apt configuration of its own, made from the machine's apt sources:
# nothing of the machine's changes. The result:
#   kernel-VERSION/vmlinux        uncompressed, with BTF and the PVH entry
#   kernel-VERSION/release        what `uname -r` says
#   kernel-VERSION/initrd/N-*.ko  modules that the guest needs to reach its root file system, in order
#   kernel-VERSION/lib/modules    the modules, for modprobe in the guest
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

version=${1:?usage: tools/kernel.sh VERSION}
target=$cache/kernel-$version
layout=3 # raise it when what is kept changes
early_modules=(virtio_pci 9p 9pnet_virtio overlay virtio_console virtio_rng)
dropped_modules=(drivers/gpu drivers/media drivers/net/wireless drivers/infiniband/hw drivers/infiniband/sw drivers/infiniband/ulp drivers/staging drivers/iio sound)

is_complete() { [[ $(cat "$target/layout" 2>/dev/null) == "$layout" ]]; }

# Where the machine gets Debian from: the address of the suite whose name is $1.
address_of() {
  apt-get indextargets --format '$(CREATED_BY) $(RELEASE) $(COMPONENT) $(REPO_URI)' |
    awk -v suite="$1" '$1 == "Packages" && $2 == suite && $3 == "main" { print $4; exit }'
}

private_apt() {
  "$1" -q -o Dir::Etc::sourcelist="$work/apt/sources.list" -o Dir::Etc::sourceparts=/dev/null \
    -o Dir::State::lists="$work/apt/lists" -o Dir::Cache="$work/apt/cache" -o Dir::Cache::pkgcache= \
    -o Dir::Cache::srcpkgcache= -o Acquire::Languages=none -o APT::Sandbox::User= -o Acquire::Retries=3 "${@:2}"
}

# The newest package of this version: what the metapackage linux-image-amd64 depends on.
newest_package() {
  private_apt apt-cache show -a linux-image-amd64 |
    awk -v want="$version." '$1 == "Version:" { v = $2 }
      $1 == "Depends:" && index(v, want) == 1 && match($0, /linux-image-[0-9][^ ,]*/) { print v, substr($0, RSTART, RLENGTH) }' |
    sort -V | tail -n 1 | cut -d ' ' -f 2
}

# The packages that have its files: of 7.3 two that it depends on.
packages_of() { # PACKAGE
  private_apt apt-cache show --no-all-versions "$1" | grep -oE 'linux-(binary|modules)-[^ ,]*' | sort -u | grep . || echo "$1"
}

# Its status counts: set -e does not work in here.
fetch() {
  local suites=(bookworm bookworm-security) suite address main_address options='' package packages
  main_address=$(address_of bookworm)
  [[ -n $main_address ]] || die "apt has no source for Debian 12 (bookworm main); add one to /etc/apt/sources.list"
  case $version in
    6.1) ;;
    6.12) suites=(bookworm-backports) ;;
    *) suites=(trixie-backports) ;;
  esac
  [[ ! -e /usr/share/keyrings/debian-archive-keyring.gpg ]] ||
    options='[signed-by=/usr/share/keyrings/debian-archive-keyring.gpg]'
  mkdir -p "$work/apt/lists/partial" "$work/apt/cache/archives/partial"
  for suite in "${suites[@]}"; do
    address=$(address_of "$suite")
    [[ -n $address || $suite == bookworm-security ]] || address=$main_address
    [[ -z $address ]] || echo "deb $options $address $suite main"
  done >"$work/apt/sources.list"
  private_apt apt-get update >"$work/log" 2>&1 || return 1
  package=$(newest_package)
  [[ -n $package ]] || die "no $version kernel is offered by: $(cat "$work/apt/sources.list")"
  packages=$(packages_of "$package")
  say "    fetching ${packages//$'\n'/ }"
  # shellcheck disable=SC2086 # a word a package
  (cd "$work" && private_apt apt-get download $packages >>log 2>&1)
}

unpack() {
  local release tree=$work/tree out=$work/out package modules image module number=10
  for package in "$work"/linux-*.deb; do
    dpkg -x "$package" "$tree" || die "the package of the $version kernel cannot be unpacked; is the disk full?"
  done
  modules=$(dirname "$tree"/lib/modules/*/kernel "$tree"/usr/lib/modules/*/kernel | grep -v '\*') || die "the package of the $version kernel has no modules"
  release=$(basename "$modules")
  mkdir -p "$out/initrd" "$out/lib/modules"
  image=$modules/vmlinuz # of 7.3
  [[ -e $image ]] || image=$tree/boot/vmlinuz-$release
  python3 tools/extract_vmlinux.py "$image" "$out/vmlinux"
  mv "$modules" "$out/lib/modules/"
  for module in "${dropped_modules[@]}"; do rm -rf "$out/lib/modules/$release/kernel/$module"; done
  PATH=$PATH:/usr/sbin:/sbin
  depmod -b "$out" "$release"
  while read -r module; do
    cp "$module" "$out/initrd/$number-$(basename "$module")"
    number=$((number + 1))
  done < <(modprobe -d "$out" -S "$release" --show-depends -a "${early_modules[@]}" |
    awk '$1 == "insmod" && !seen[$2]++ { print $2 }')
  xz -dq "$out"/initrd/*.xz 2>/dev/null || true
  ls "$out"/initrd/*.ko >/dev/null
  echo "$release" >"$out/release"
  echo "$layout" >"$out/layout"
}

fetch_and_unpack() {
  is_complete && return # another run was faster
  rm -rf "$target".new.* # of runs that were interrupted; the lock says that none is going on
  work=$(mktemp -d "$target.new.XXXXXX")
  trap 'rm -rf "$work"' EXIT
  trap 'exit 130' INT TERM HUP
  fetch || {
    tail -n 15 "$work/log" >&2
    die "cannot fetch the $version kernel; check the network and apt's sources, then run ./dev setup again"
  }
  unpack
  [[ ! -e $target ]] || mv "$target" "$work/old"
  mv "$work/out" "$target"
}

if [[ ${2:-} == --locked ]]; then
  fetch_and_unpack
  exit
fi
is_complete && exit
mkdir -p "$cache"
exec 9>"$cache/kernel-$version.lock"
flock -n 9 || { say "    another run fetches the $version kernel, waiting for it" && flock 9; }
step "kernel $version" bash tools/kernel.sh "$version" --locked
