#!/usr/bin/env bash
# The package installs, runs as a service would run it, is upgraded and goes away cleanly. Runs as root in a guest:
#
#   ./dev package && ./dev vm --script tests/live/package.sh
#
# Prints `PASS name` or `FAIL name: why` a line; status 1 on a failure.
set -u
source tests/live/checks.sh package

deb=$(ls build/sluice_*_amd64.deb)
log=$(mktemp)
ip link set lo up 2>/dev/null || ifconfig lo up 2>/dev/null
check installs dpkg -i "$deb"
check its-configuration-is-fine /usr/sbin/sluice config check /etc/sluice/sluice.yaml
cat >/etc/sluice/rules/mine.rule <<'END'
rule "Canary file read" {
  desc:      "for the test"
  condition: evt.type in (open, openat, openat2) and fd.name = /etc/canary
  output:    "%proc.name reads %fd.name"
  priority:  critical
  throttle:  1 per 1h by proc.name
}
rule "Canary denied" {
  desc:      "for the test"
  condition: evt.hook = file_open and fd.name = /etc/denied
  output:    "%proc.name wants %fd.name"
  priority:  critical
  action:    deny
}
END
cat >>/etc/sluice/sluice.yaml <<'END'
metrics: {address: "127.0.0.1:9464"}
END
echo x | tee /etc/canary >/etc/denied
chmod o+w /etc/sluice/rules/mine.rule
check refuses-rules-that-others-can-write no timeout 60 /usr/sbin/sluice run -c /etc/sluice/sluice.yaml
chmod 644 /etc/sluice/rules/mine.rule

python3 - /tmp/notify >/tmp/told <<'END' &
import os, socket, sys
listener = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
listener.bind(sys.argv[1])
while True:
    print(listener.recv(4096).decode().replace("\n", " "), flush=True)
END
listener=$!
waits test -S /tmp/notify
NOTIFY_SOCKET=/tmp/notify WATCHDOG_USEC=1000000 /usr/sbin/sluice run -c /etc/sluice/sluice.yaml 2>"$log" &
agent=$!
check tells-systemd-that-it-is-ready waits grep -q READY=1 /tmp/told
check feeds-the-watchdog waits grep -q WATCHDOG=1 /tmp/told
kept=$(awk '/^CapEff/ { print $2 }' /proc/$agent/status)
# SYS_ADMIN 21, BPF 39, PERFMON 38, SYS_RESOURCE 24, SYS_PTRACE 19, DAC_READ_SEARCH 2
check drops-capabilities test "$kept" = 000000c001280004
for _ in 1 2 3; do cat /etc/canary >/dev/null; done
check raises-alerts waits grep -q 'cat reads /etc/canary' /var/log/sluice/alerts.jsonl
check throttles test "$(grep -c 'cat reads /etc/canary' /var/log/sluice/alerts.jsonl)" = 1
metrics_say() { # TEXT
  curl -s http://127.0.0.1:9464/metrics >/tmp/metrics
  grep -q "$1" /tmp/metrics
}
check counts-matches waits metrics_say 'sluice_rule_matches_total{rule="Canary file read"} 3'
check counts-what-the-throttle-held-back grep -q 'sluice_rule_suppressed_total{rule="Canary file read"} 2' /tmp/metrics
check serves-hooks grep -q 'sluice_hook_seen_total{hook="file_open"} [1-9]' /tmp/metrics
check serves-the-lag grep -q 'sluice_alert_lag_seconds_bucket{le="5"} [1-9]' /tmp/metrics
check is-healthy test "$(curl -s http://127.0.0.1:9464/healthz)" = ok
check says-its-status bash -c '/usr/sbin/sluice status | grep -q "^file_open"'
check shows-its-top bash -c '/usr/sbin/sluice top -n 1 | grep -q "Canary file read"'
echo 'rule "Broken" {' >/etc/sluice/rules/broken.rule
check a-broken-file-is-told-by-itself waits grep -q 'Sluice internal: reload failed' /var/log/sluice/alerts.jsonl
sleep 2
check it-is-told-once test "$(grep -c 'Sluice internal: reload failed' /var/log/sluice/alerts.jsonl)" = 1
check the-alert-names-the-file grep -q '"reload.file":"[^"]*/broken.rule","reload.line":1' /var/log/sluice/alerts.jsonl
check metrics-say-so bash -c 'curl -s http://127.0.0.1:9464/metrics | grep -q "^sluice_last_reload_failed 1"'
rm /etc/sluice/rules/broken.rule
check a-mended-file-reloads-by-itself waits grep -q 'sluice: reloaded' "$log"
kill -TERM $agent
wait $agent
status=$?
check ends-cleanly test $status = 0
check says-that-it-stops waits grep -q STOPPING=1 /tmp/told
check its-counts-add-up grep -qE 'output name=log raised=([0-9]+) recovered=0 delivered=\1 waiting=0 dead_lettered=0 lost=0' "$log"
check leaves-no-socket no test -e /run/sluice/control.socket
check denials-stay-in-force no cat /etc/denied
check is-upgraded dpkg -i "$deb"
check and-denials-through-the-upgrade no cat /etc/denied
check keeps-the-configuration grep -q 9464 /etc/sluice/sluice.yaml
check is-removed dpkg -r sluice
check leaves-nothing-attached no test -e /sys/fs/bpf/sluice
check lets-calls-through cat /etc/denied
check removes-the-program no test -e /usr/sbin/sluice
check keeps-alerts test -s /var/log/sluice/alerts.jsonl
check is-purged dpkg -P sluice
check leaves-nothing no ls /etc/sluice /var/lib/sluice /var/log/sluice
kill $listener
((failed == 0)) || sed 's/^/    /' "$log"
exit $failed
