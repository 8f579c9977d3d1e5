#!/bin/sh
# tools/vm/init.sh - first program of the guest, run by busybox from the initramfs.
#
# Makes the machine's own root file system, read-only over 9p under an overlay on a tmpfs, the guest's root, with the
# usual kernel file systems, and hands over to guest.sh. /job/settings comes from tools/vm.py.
export PATH=/bin
/bin/busybox --install -s /bin
mount -t devtmpfs d /dev
mount -t proc p /proc
mount -t sysfs s /sys
. /job/settings

fail() {
  echo "sluice guest: $*" >/dev/console
  echo o >/proc/sysrq-trigger
  while :; do sleep 1; done
}

for module in /modules/*.ko; do
  insmod "$module" || fail "cannot load $module"
done

mount -t 9p -o ro,trans=virtio,version=9p2000.L,msize=512000,cache=loose host /lower || fail "no 9p root"
mount -t tmpfs -o mode=755 t /upper
mkdir /upper/root /upper/work
mount -t overlay -o lowerdir=/lower,upperdir=/upper/root,workdir=/upper/work o /new || fail "no overlay"

mount --move /proc /new/proc
mount --move /sys /new/sys
mount --move /dev /new/dev
cd /new || fail "no root"
mkdir -p dev/pts dev/shm dev/mqueue
mount -t devpts -o mode=620,ptmxmode=666,gid=5 d dev/pts
mount -t tmpfs -o mode=1777 t dev/shm
mount -t mqueue m dev/mqueue
ln -sf /proc/self/fd dev/fd
ln -sf /proc/self/fd/0 dev/stdin
ln -sf /proc/self/fd/1 dev/stdout
ln -sf /proc/self/fd/2 dev/stderr
mount -t tmpfs -o mode=1777 t tmp
mount -t tmpfs -o mode=755 t run
mkdir -p run/lock run/user
mount -t securityfs s sys/kernel/security
mount -t bpf b sys/fs/bpf
mount -t cgroup2 c sys/fs/cgroup
mount -t debugfs d sys/kernel/debug
mount -t tracefs t sys/kernel/tracing

# What this root hides of the machine's own (/tmp, /run, /dev) and the job needs is brought in: small folders as a copy,
# others as an overlay of their own.
number=0
while read -r kind folder; do
  case $kind in
    copy)
      mkdir -p ".$folder"
      cp -a "/lower$folder/." ".$folder/"
      ;;
    file)
      mkdir -p ".${folder%/*}"
      cp -a "/lower$folder" ".$folder"
      ;;
    overlay)
      number=$((number + 1))
      mkdir -p ".$folder" "/upper/$number/root" "/upper/$number/work"
      mount -t overlay -o "lowerdir=/lower$folder,upperdir=/upper/$number/root,workdir=/upper/$number/work" o ".$folder" ||
        fail "no overlay for $folder"
      ;;
  esac
done </job/folders

mkdir -p "lib/modules/$(uname -r)"
mount --bind "/lower$GUEST_MODULES" "lib/modules/$(uname -r)"
hostname sluice-guest
ip link set lo up
mkdir -p run/sluice-vm/bin
cp -r /job/. run/sluice-vm/
ln -s "$GUEST_PROGRAM" run/sluice-vm/bin/sluice
cd /
exec switch_root /new /bin/bash /run/sluice-vm/guest.sh
