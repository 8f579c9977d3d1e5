# tools/vm/guest.sh - process 1 of the guest, once its root is there.
#
# Runs /run/sluice-vm/job.sh, made by tools/vm.py, with its output on virtio ports of their own: byte for byte, with no
# console line between. Reports the exit status; tools/vm.py then cuts the power.
#
# With `sluice.init=systemd` among the kernel's arguments (--append) process 1 is a real systemd, and this is a service of it.
if [[ $$ == 1 && $(</proc/cmdline) == *sluice.init=systemd* ]]; then
  mkdir -p /run/systemd/system
  cat >/run/systemd/system/sluice-vm.service <<'UNIT'
[Unit]
Requires=sysinit.target
After=sysinit.target
DefaultDependencies=no

[Service]
ExecStart=/bin/bash /run/sluice-vm/guest.sh
StandardError=null
KillMode=none
OOMScoreAdjust=-1000
UNIT
  exec /lib/systemd/systemd --unit=sluice-vm.service --log-target=journal --show-status=no
fi
. /run/sluice-vm/settings
export PATH=/run/sluice-vm/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
export HOME=/root USER=root LOGNAME=root SHELL=/bin/bash LANG=C.UTF-8 TERM="$GUEST_TERM"
unset OLDPWD
ulimit -n 65536
ulimit -c 0
cd "$GUEST_DIRECTORY" || exit 1
shopt -s nullglob

# The device of the virtio port that has this name.
port() {
  local name
  for name in /sys/class/virtio-ports/*/name; do
    [[ $(<"$name") != "$1" ]] || { name=${name%/name} && echo "/dev/${name##*/}"; }
  done
}

# Whatever the job left behind holds its output open and would keep the guest.
kill_leftovers() {
  local process pid
  for process in /proc/[0-9]*; do
    pid=${process#/proc/}
    case " 1 $$ $pumps " in *" $pid "*) continue ;; esac
    [[ ! -e $process/exe ]] || kill -KILL "$pid" 2>/dev/null
  done
}

# Opened before the job can forbid it.
exec 3>"$(port status)"
echo started >&3

if [[ $GUEST_INTERACTIVE == 1 ]]; then
  stty -F /dev/hvc0 sane cols "$GUEST_COLUMNS" rows "$GUEST_ROWS"
  setsid --ctty --wait bash /run/sluice-vm/job.sh <>/dev/hvc0 >&0 2>&1 3>&-
  echo "exit $?" >&3
else
  mkfifo /run/sluice-vm/stdout /run/sluice-vm/stderr
  cat /run/sluice-vm/stdout >"$(port stdout)" 3>&- &
  pumps=$!
  cat /run/sluice-vm/stderr >"$(port stderr)" 3>&- &
  pumps+=" $!"
  setsid bash /run/sluice-vm/job.sh </dev/null >/run/sluice-vm/stdout 2>/run/sluice-vm/stderr 3>&- &
  wait $!
  status=$?
  kill_leftovers
  # shellcheck disable=SC2086  # two process ids
  wait $pumps
  echo "exit $status" >&3
fi
while :; do sleep 1000; done
