#!/usr/bin/env bash
# The package under a real systemd: its unit starts, tells, is watched, restarted, upgraded, stopped and removed, and
# what it denies stays denied in between. Runs as root in a guest that systemd has booted:
#
#   ./dev package && ./dev vm --append sluice.init=systemd --script tests/live/systemd.sh
#
# Prints `PASS name` or `FAIL name: why` a line; status 1 on a failure.
set -u
source tests/live/checks.sh systemd

active() { [[ $(systemctl is-active sluice) == active ]]; }
ready() { [[ $(journalctl -u sluice -o cat --no-pager | grep -c '^sluice: ready') -ge $1 ]]; }
process() { systemctl show -p MainPID --value sluice; }
refused() { ! cat /etc/canary 2>/dev/null; }
slipped() { wc -l </tmp/slipped; }

[[ $(</proc/1/comm) == systemd ]] || { echo "FAIL systemd/boots: process 1 is $(</proc/1/comm)" && exit 1; }
deb=$(ls build/sluice_*_amd64.deb)
check installs dpkg -i "$deb"
check is-enabled-early test -e /etc/systemd/system/sysinit.target.wants/sluice.service
check waits-for-its-first-configuration no active
check its-unit-is-sound systemd-analyze verify sluice.service
check comes-before-the-network bash -c 'systemctl show -p Before --value sluice | grep -qw network-pre.target'
echo "    $(systemd-analyze security --no-pager sluice.service | tail -n 1)"
cat >/etc/sluice/rules/mine.rule <<'END'
rule "Canary file" {
  desc:      "for the test"
  condition: evt.hook = file_open and fd.name = /etc/canary
  output:    "%proc.name opens %fd.name"
  priority:  critical
  action:    deny
}
END
echo x >/etc/canary
: >/tmp/slipped
mkdir -p /etc/systemd/system/sluice.service.d
sed -i 's/^# self_protection: true/self_protection: true/' /etc/sluice/sluice.yaml
printf '[Service]\nWatchdogSec=5s\n' >/etc/systemd/system/sluice.service.d/watchdog.conf
systemctl daemon-reload
check starts-and-tells-when-ready systemctl start sluice
check is-active active
check said-so waits ready 1
check denies refused
(while [[ ! -e /tmp/stop ]]; do cat /etc/canary >>/tmp/slipped 2>/dev/null; done) &
loop=$!
check reloads systemctl reload sluice
check reloaded waits bash -c 'journalctl -u sluice -o cat | grep -q "^sluice: reloaded"'
check restarts systemctl restart sluice
check took-over waits bash -c 'journalctl -u sluice -o cat | grep -q "took over from an earlier agent"'
before=$(process)
check cannot-be-killed-by-root no kill -KILL "$before"
check nor-stopped no kill -STOP "$before"
check nor-frozen no systemctl freeze sluice
check nor-moved no sh -c "mkdir -p /sys/fs/cgroup/other && echo $before >/sys/fs/cgroup/other/cgroup.procs"
orphan=/sys/fs/cgroup$(systemctl show -p ControlGroup --value sluice)/cgroup.procs
(bash -c "until [[ \$(ps -o ppid= \$\$) -eq 1 ]]; do sleep 0.1; done; echo \$\$ >$orphan && touch /tmp/joined; touch /tmp/tried" >/dev/null 2>&1 &)
check an-orphan-tries-to-join waits test -e /tmp/tried
check and-may-not no test -e /tmp/joined
check runs-on test "$(process)" = "$before"
check says-so waits grep -q 'SIGKILL to the agent: refused' /var/log/sluice/alerts.jsonl
systemctl kill --signal=KILL sluice # init may
check is-started-again-after-sigkill waits bash -c "[[ \$(systemctl show -p MainPID --value sluice) != @(0|$before) ]]"
check is-ready-again waits ready 3
before=$(process)
systemctl kill --signal=STOP sluice
check one-that-hangs-is-replaced waits bash -c "[[ \$(systemctl show -p MainPID --value sluice) != @(0|$before) ]]"
check by-the-watchdog bash -c 'journalctl -u sluice -o cat | grep -qi "watchdog timeout"'
check is-ready-once-more waits ready 4
check is-upgraded dpkg -i "$deb"
check and-runs waits active
check stops systemctl stop sluice
check ended-well test "$(systemctl show -p Result --value sluice)" = success
check told-that-init-stopped-it grep -q 'SIGTERM to the agent: let through: it came from init' /var/log/sluice/alerts.jsonl
check denies-while-it-is-stopped refused
touch /tmp/stop
wait $loop
check not-one-call-slipped-through test "$(slipped)" = 0
check tells-what-came-in-between grep -q 'mitigations without an agent' /var/log/sluice/alerts.jsonl
check starts-again systemctl start sluice
check is-removed dpkg -r sluice
check ends-when-removed no active
check leaves-nothing-attached no test -e /sys/fs/bpf/sluice
check lets-the-call-through cat /etc/canary
check is-purged dpkg -P sluice
((failed == 0)) || journalctl -u sluice -o short-monotonic --no-pager | tail -n 60 | sed 's/^/    /'
exit $failed
