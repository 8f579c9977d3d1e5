# ./dev package - build/sluice_VERSION_amd64.deb: the program, the shipped rules, a systemd unit.
#
# Usage: ./dev package
#
# The package brings BPF programs that fit any kernel from 6.1 on (CO-RE): no compiler is needed where it is installed.
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

[[ -n ${SLUICE_NO_BUILD:-} ]] || bash tools/build.sh sluice
version=$(build/sluice --version | cut -d ' ' -f 2)
tree=$(mktemp -d)
trap 'rm -rf "$tree"' EXIT
chmod 755 "$tree"

install -D -m 755 build/sluice "$tree/usr/sbin/sluice"
strip --strip-unneeded "$tree/usr/sbin/sluice"
install -D -m 644 packaging/sluice.service "$tree/lib/systemd/system/sluice.service"
install -D -m 640 packaging/sluice.yaml "$tree/etc/sluice/sluice.yaml"
install -d -m 755 "$tree/etc/sluice/rules" "$tree/usr/share/doc/sluice"
install -m 644 docs/*.md "$tree/usr/share/doc/sluice/"
while IFS= read -r -d '' rule; do
  install -D -m 644 "$rule" "$tree/usr/share/sluice/$rule"
done < <(find rules -name '*.rule' ! -name '*_test.rule' -print0)
install -D -m 644 /dev/stdin "$tree/etc/logrotate.d/sluice" <<'CONF'
/var/log/sluice/*.jsonl {
  weekly
  rotate 8
  compress
  delaycompress
  missingok
  notifempty
  postrotate
    systemctl kill --signal=HUP sluice.service 2>/dev/null || true
  endscript
}
CONF

# Which packages hold the libraries that the program is linked with.
depends() {
  local scratch=$tree/scratch
  mkdir -p "$scratch/debian"
  printf 'Source: sluice\n\nPackage: sluice\nArchitecture: amd64\n' >"$scratch/debian/control"
  (cd "$scratch" && dpkg-shlibdeps -O --ignore-missing-info "$tree/usr/sbin/sluice" 2>/dev/null) | sed 's/^shlibs:Depends=//'
  rm -rf "$scratch"
}

mkdir "$tree/DEBIAN"
libraries=$(depends)
cat >"$tree/DEBIAN/control" <<CONTROL
Package: sluice
Version: $version
Architecture: amd64
Maintainer: the sluice developers <sluice@localhost>
Depends: $libraries
Recommends: ca-certificates
Section: admin
Priority: optional
Description: detects and prevents intrusions on Linux hosts
 Rules in a language that reads like Falco's are compiled into BPF LSM maps and a
 user-space evaluator; they raise alerts, or deny and kill at the hook itself.
CONTROL
printf '/etc/sluice/sluice.yaml\n/etc/logrotate.d/sluice\n' >"$tree/DEBIAN/conffiles"
cat >"$tree/DEBIAN/postinst" <<'SCRIPT'
#!/bin/sh
set -e
if [ "$1" = configure ]; then
  mkdir -p -m 700 /var/lib/sluice
  mkdir -p -m 750 /var/log/sluice
  if [ -d /run/systemd/system ]; then
    systemctl daemon-reload
    systemctl enable sluice.service || true
    # An upgrade restarts what runs; a first installation waits for its configuration.
    [ -z "$2" ] || systemctl try-restart sluice.service || true
  fi
fi
SCRIPT
cat >"$tree/DEBIAN/prerm" <<'SCRIPT'
#!/bin/sh
set -e
if [ "$1" = remove ] && [ -d /run/systemd/system ]; then
  systemctl disable --now sluice.service || true
fi
# Nothing stays in the kernel of a host that has no sluice any more. An upgrade leaves no gap.
[ "$1" != remove ] || /usr/sbin/sluice unpin || true
SCRIPT
cat >"$tree/DEBIAN/postrm" <<'SCRIPT'
#!/bin/sh
set -e
[ ! -d /run/systemd/system ] || systemctl daemon-reload || true
if [ "$1" = purge ]; then
  rm -rf /var/lib/sluice /var/log/sluice /etc/sluice
fi
SCRIPT
chmod 755 "$tree"/DEBIAN/{postinst,prerm,postrm}
deb=build/sluice_${version}_amd64.deb
dpkg-deb --root-owner-group -Zxz -z1 --build "$tree" "$deb" >/dev/null
echo "$deb"
