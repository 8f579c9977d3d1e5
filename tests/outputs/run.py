#!/usr/bin/env python3
"""Alerts reach their receivers whatever happens to these: `sluice replay -c` against a real rsyslog and real web servers.

Usage: run.py SLUICE [NAME...]     only the cases whose name contains a NAME

Prints `PASS name`, `FAIL name: why` or `SKIP name: why` for each case, `figure ...` lines for docs/reliability.md, and a
closing count; status 1 on a failure. Each alert has a number of its own, so that losses and duplicates are counted; for every
run the counters that sluice prints at its end must add up.
"""
import collections
import ctypes
import email.utils
import hashlib
import hmac
import json
import os
import pathlib
import random
import re
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request

import peers

RULE = """rule "Shadow read" {
  desc:      "reads the password hashes"
  condition: evt.type = openat and fd.name = /etc/shadow
  output:    "read by %proc.name number=%proc.pid"
  priority:  warning
  tags:      [T1003]
}
rule "Passwd read" {
  desc:      "reads the users"
  condition: evt.type = openat and fd.name = /etc/passwd
  output:    "read by %proc.name number=%proc.pid"
  priority:  notice
  tags:      [users]
}
"""
HERE = pathlib.Path(__file__).resolve().parent
LIBC = ctypes.CDLL(None, use_errno=True)
AT_FDCWD, RENAME_EXCHANGE = -100, 2


class Failed(Exception):
    pass


class Skipped(Exception):
    pass


def check(truth, why):
    if not truth:
        raise Failed(why)


def event(number, path="/etc/shadow"):
    return json.dumps({"evt.type": "openat", "evt.rawtime": 1785492309000000000 + number, "proc.name": "cat",
                       "proc.pid": number, "fd.name": path}) + "\n"


class Agent:
    """`sluice replay` of events that the test writes as it goes."""

    def __init__(self, case, outputs, drain="20s", environment=None, before=(), **keys):
        self.case = case
        config = case.folder / "sluice.yaml"
        config.write_text(json.dumps({"state_directory": str(case.folder / "state"), "drain": drain, "outputs": outputs, **keys}))
        self.process = subprocess.Popen(
            [*before, case.sluice, "replay", "-", "-r", case.folder / "a.rule", "-c", config], stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env={**os.environ, **(environment or {})})
        self.errors, self.prints = [], []
        self.readers = [threading.Thread(target=self.drain_pipe, args=pair, daemon=True)
                        for pair in ((self.process.stderr, self.errors), (self.process.stdout, self.prints))]
        for reader in self.readers:
            reader.start()

    @staticmethod
    def drain_pipe(pipe, lines):
        for line in pipe:
            lines.append(line)

    def feed(self, numbers, path="/etc/shadow"):
        self.process.stdin.write("".join(event(number, path) for number in numbers))
        self.process.stdin.flush()

    def end(self):
        """The counters of each output by name, which have to add up."""
        self.process.stdin.close()
        status = self.process.wait(timeout=120)
        for reader in self.readers:
            reader.join()
        found = {}
        for line in self.errors:
            if line.startswith("output name="):
                words = dict(word.split("=", 1) for word in line.split()[1:])
                name = words.pop("name")
                found[name] = {key: int(value) for key, value in words.items()}
        check(status == (3 if any(c["lost"] for c in found.values()) else 0), f"exit status {status}: {''.join(self.errors)}")
        for name, c in found.items():
            check(c["raised"] + c["recovered"] == c["delivered"] + c["waiting"] + c["dead_lettered"] + c["lost"],
                  f"the counts of {name} do not add up: {c}")
        return found

    def told(self, text):
        return text in "".join(self.errors)

    def kill(self):
        self.process.kill()
        self.process.wait()
        self.process.stdin.close()


class Case:
    def __init__(self, sluice, folder):
        self.sluice, self.folder = sluice, folder
        (folder / "a.rule").write_text(RULE)

    def once(self, numbers, outputs, **more):
        agent = Agent(self, outputs, **more)
        agent.feed(numbers)
        return agent.end()


def webhook(server, **more):
    return {"name": "hook", "type": "webhook", "url": server.url, "timeout": "5s",
            "retry": {"initial": "20ms", "max": "100ms"}, **more}


def numbers_of(texts):
    return [int(number) for text in texts for number in re.findall(r"number=(\d+)", text)]


def compare(name, expected, got, faults):
    """No alert may be missing; duplicates are told."""
    counts = collections.Counter(got)
    lost = sorted(set(expected) - set(counts))
    duplicates = sum(counts.values()) - len(counts)
    print(f"figure {name}: raised={len(expected)} faults={faults} lost={len(lost)} duplicates={duplicates}")
    check(not lost, f"{len(lost)} alerts are lost, the first is {lost[:1]}")
    check(not set(counts) - set(expected), "alerts came that were never raised")
    return duplicates


# ---- syslog


def syslog(rsyslog, transport="tcp", **more):
    address = {"local": rsyslog.socket if "protocol" in more else rsyslog.stock_socket, "udp": f"127.0.0.1:{rsyslog.udp_port}"}.get(transport, f"localhost:{rsyslog.port}")
    return {"name": "log", "type": "syslog", "transport": transport, "address": address,
            "retry": {"initial": "20ms", "max": "100ms"}, **more}


def case_syslog_every_transport_and_protocol(case):
    peers.certificates(case.folder)
    with peers.Rsyslog(case.folder / "plain") as plain, peers.Rsyslog(case.folder / "tls", tls=True) as tls:
        wanted = 0
        for transport, more in (("local", {}), ("local", {"protocol": "rfc5424"}), ("udp", {}), ("tcp", {}), ("tcp", {"framing": "newline"}),
                                ("tcp", {"protocol": "rfc3164"}), ("tls", {"tls": {"ca": str(case.folder / "ca.pem")}})):
            receiver = tls if transport == "tls" else plain
            wanted = 40 + (0 if receiver is tls else wanted)
            counts = case.once(range(40), [syslog(receiver, transport, **more)])["log"]
            check(counts["delivered"] == 40, f"{transport} {more}: {counts}")
            check(peers.wait_for(lambda r=receiver, n=wanted: len(r.lines()) == n),
                  f"{transport} {more}: {len(receiver.lines())} of {wanted}")
            line = receiver.lines()[-1]
            check(line["msg"].strip() == "read by cat number=39", f"{transport} {more}: text {line['msg']}")
            check(line["syslogseverity"] == "4" and line["syslogfacility"] == "10", f"{transport}: {line}")
            check(line["programname"] == "sluice", f"{transport}: {line}")
            if transport != "local" and "protocol" not in more or more.get("protocol") == "rfc5424":
                check('rule="Shadow read"' in line["structured-data"] and 'proc.pid="39"' in line["structured-data"], str(line))


def case_syslog_tls_refuses_a_certificate_of_another_authority(case):
    peers.certificates(case.folder)
    with peers.Rsyslog(case.folder / "tls", tls=True) as tls:
        other = syslog(tls, "tls", tls={"ca": str(case.folder / "other-ca.pem")})
        counts = case.once(range(5), [other], drain="500ms")["log"]
        check(counts["waiting"] == 5 and not tls.lines(), str(counts))
        counts = case.once([], [syslog(tls, "tls", tls={"ca": str(case.folder / "ca.pem")})])["log"]
        check(counts["recovered"] == 5 and counts["delivered"] == 5, str(counts))


def case_rsyslog_stopped_and_started(case):
    for transport in ("tcp", "local"):
        rsyslog = peers.Rsyslog(case.folder / transport)
        rsyslog.start()
        agent = Agent(case, [syslog(rsyslog, transport, batch={"size": 1000}, **({"settle": "1s"} if transport == "tcp" else {}))], drain="60s")
        random.seed(1)
        stops, total = 6, 6000
        for part in range(stops):
            for number in range(part * 1000, part * 1000 + 1000, 100):
                agent.feed(range(number, number + 100))
                time.sleep(0.01)
                if number % 1000 == 500:
                    time.sleep(random.random() * 0.2)
                    rsyslog.stop()
            time.sleep(0.2)
            rsyslog.start()
        counts = agent.end()["log"]
        check(counts["delivered"] == total, str(counts))
        peers.wait_for(lambda r=rsyslog: len(set(numbers_of(l["msg"] for l in r.lines()))) == total, 60)
        rsyslog.stop()
        compare(f"rsyslog stopped and started, {transport}", range(total), numbers_of(l["msg"] for l in rsyslog.lines()), stops)


def case_syslog_local_receiver_that_dies_before_it_reads(case):
    """What lies in a local socket is gone with its receiver: it counts as delivered when it was read."""
    rsyslog = peers.Rsyslog(case.folder / "local")
    rsyslog.start()
    agent = Agent(case, [syslog(rsyslog, "local")])
    agent.feed(range(5))
    check(peers.wait_for(lambda: len(rsyslog.lines()) == 5), "not delivered at first")
    rsyslog.process.send_signal(signal.SIGSTOP)
    os.waitid(os.P_PID, rsyslog.process.pid, os.WSTOPPED | os.WEXITED | os.WNOWAIT)  # every thread has
    agent.feed(range(5, 10))
    time.sleep(1)
    rsyslog.stop(signal.SIGKILL)
    rsyslog.start()
    counts = agent.end()["log"]
    check(counts["delivered"] == 10 and counts["failures"] > 0, str(counts))
    peers.wait_for(lambda: len(set(numbers_of(l["msg"] for l in rsyslog.lines()))) == 10, 60)
    rsyslog.stop()
    compare("rsyslog killed before it reads, local", range(10), numbers_of(l["msg"] for l in rsyslog.lines()), 1)


# ---- webhooks


def case_webhook_faults(case):
    faults = [500, "hang", "reset", (302, {"Location": "http://localhost:1/"}), "slow", "cut", "drop", 503, 404, 401,
              (429, {"Retry-After": "0"}), 408, "reset", "hang", 500]
    script = []
    for fault in faults:
        script += [fault, 200, 200]
    with peers.Server(script) as server:
        counts = case.once(range(600), [webhook(server, timeout="500ms", batch={"size": 20})])["hook"]
        check(counts["delivered"] == 600, str(counts))
        compare("web server with faults", range(600), numbers_of(a["output"] for a in server.alerts()), len(faults) - 1)


def case_webhook_retry_after(case):
    with peers.Server([(429, {"Retry-After": "2"})]) as server:
        case.once([1], [webhook(server)])
        first, second = (r["time"] for r in server.requests)
        check(1.9 <= second - first < 8, f"asked to wait 2 s, waited {second - first:.2f}")
    date = email.utils.formatdate(time.time() + 4, usegmt=True)
    with peers.Server([(503, {"Retry-After": date})]) as server:
        case.once([2], [webhook(server)])
        first, second = (r["time"] for r in server.requests)
        check(1.5 <= second - first < 8, f"asked to wait until {date}, waited {second - first:.2f}")


def case_webhook_backs_off(case):
    with peers.Server([500] * 5) as server:
        case.once([1], [webhook(server, retry={"initial": "100ms", "max": "400ms"})])
        times = [r["time"] for r in server.requests]
        waits = [b - a for a, b in zip(times, times[1:])]
        for wait, most in zip(waits, (0.1, 0.2, 0.4, 0.4, 0.4)):
            check(most / 2 - 0.01 <= wait <= most + 2, f"waits were {waits}")  # a busy machine adds its own


def case_webhook_server_down_and_up(case):
    port = peers.free_port()
    agent = Agent(case, [{"name": "hook", "type": "webhook", "url": f"http://127.0.0.1:{port}/", "batch": {"size": 50},
                          "retry": {"initial": "20ms", "max": "100ms"}}])
    got, downs = [], 5
    for part in range(downs):
        agent.feed(range(part * 200, part * 200 + 200))
        time.sleep(0.1)
        with peers.Server(port=port) as server:
            agent.feed(range(1000 + part * 200, 1000 + part * 200 + 200))
            time.sleep(0.2)
            if part == downs - 1:
                counts = agent.end()["hook"]
        got += numbers_of(a["output"] for a in server.alerts())
    check(counts["delivered"] == 2000, str(counts))
    compare("web server down and up", range(2000), got, downs)


def case_webhook_https_with_everything(case):
    peers.certificates(case.folder)
    (case.folder / "token").write_text("t0ken\n")
    context = peers.server_context(case.folder, client_certificate=True)
    tls = {name: str(case.folder / file) for name, file in (("ca", "ca.pem"), ("certificate", "client.pem"), ("key", "client.key"))}
    more = {"timeout": "5s", "headers": {"X-Team": "red"}, "bearer_token_file": str(case.folder / "token"),
            "hmac": {"secret": "${HOOK_SECRET}"}, "tls": tls}
    with peers.Server(context=context) as server:
        case.once([1], [webhook(server, **more)], environment={"HOOK_SECRET": "s3cret"})
        request = server.requests[0]
        signature = "sha256=" + hmac.new(b"s3cret", request["body"], hashlib.sha256).hexdigest()
        check(request["headers"]["X-Sluice-Signature"] == signature, "the signature differs")
        check(request["headers"]["Authorization"] == "Bearer t0ken", "no token")
        check(request["headers"]["X-Team"] == "red", "no header")
        for missing in ("ca", "certificate"):
            less = {k: v for k, v in tls.items() if k == "ca"} if missing == "certificate" else {**tls, "ca": str(case.folder / "other-ca.pem")}
            counts = case.once([2], [webhook(server, **{**more, "tls": less, "hmac": {"secret": "x"}})], drain="300ms")["hook"]
            check(counts["delivered"] == 0 and counts["waiting"] > 0, f"without {missing}: {counts}")


def case_a_silent_name_server_holds_up_no_end(case):
    """Of a mount namespace of its own, whose resolv.conf names it."""
    mount = ["unshare", "-m", "sh", "-c", 'mount --bind "$0" /etc/resolv.conf && exec "$@"', case.folder / "resolv.conf"]
    (case.folder / "resolv.conf").write_text("nameserver 127.0.0.99\nnameserver 127.0.0.98\n")
    if subprocess.run([*mount, "true"], capture_output=True).returncode != 0:
        raise Skipped("no mount namespace to be had")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as two:
        try:
            one.bind(("127.0.0.99", 53))
            two.bind(("127.0.0.98", 53))
        except OSError as why:
            raise Skipped(f"port 53 is not to be had: {why}") from why
        for host, output in (("hook", {"type": "webhook", "url": "http://hook.example.com/x", "timeout": "2s"}),
                             ("udp", {"type": "syslog", "transport": "udp", "address": "udp.example.com:514"}),
                             ("tcp", {"type": "syslog", "transport": "tcp", "address": "tcp.example.com:6514", "timeout": "2s"})):
            agent = Agent(case, [{"name": host, **output}], drain="1s", before=mount)
            agent.feed(range(5))
            question = bytes([len(host)]) + host.encode() + b"\7example\3com\0"  # of this round alone
            check(peers.wait_for(lambda q=question: any(q in asked for asked in received([one, two])), 10), f"the name server is not asked for {host}.example.com")
            begin = time.monotonic()
            (counts,) = agent.end().values()
            took = time.monotonic() - begin
            check(counts["waiting"] == 5 and took < 6, f"{output}: {counts}, ended after {took:.1f} s")


def received(sockets):
    """What has come by now."""
    while ready := select.select(sockets, [], [], 0)[0]:
        yield ready[0].recv(4096)


def case_webhook_redirect_is_followed_when_allowed(case):
    with peers.Server() as target, peers.Server([(307, {"Location": target.url})]) as first:
        case.once([1], [webhook(first, redirects=1)])
        check(numbers_of(a["output"] for a in target.alerts()) == [1], "the alert did not follow the redirect")


def case_webhook_redirect_is_a_failure_by_default_and_never_leaves_https(case):
    peers.certificates(case.folder)
    with peers.Server() as plain, peers.Server([(302, {"Location": plain.url})] * 1000) as first:
        counts = case.once([1], [webhook(first)], drain="300ms")["hook"]
        check(counts["waiting"] == 1 and counts["failures"] > 0 and not plain.requests, str(counts))
        context = peers.server_context(case.folder)
        with peers.Server([(307, {"Location": plain.url})] * 1000, context=context) as https:
            tls = {"ca": str(case.folder / "ca.pem")}
            agent = Agent(case, [webhook(https, name="tls", redirects=3, tls=tls)], drain="300ms")
            agent.feed([2])
            check(peers.wait_for(lambda: https.requests), "not asked")
            counts = agent.end()["tls"]
            check(counts["waiting"] == 1 and https.requests and not plain.requests, str(counts))


def case_webhook_bodies_of_other_systems(case):
    def body(preset, number, count=1, **more):
        with peers.Server() as server:
            case.once(range(number, number + count), [webhook(server, preset=preset, batch={"size": count, "wait": "5s"}, **more)])
            check(len(server.requests) == 1, f"{preset}: {len(server.requests)} requests")
            check(server.requests[0]["headers"]["Content-Type"] == "application/json", preset)
            return json.loads(server.requests[0]["body"])

    slack = body("slack", 1, 2)["attachments"]
    check([a["title"] for a in slack] == ["Shadow read"] * 2 and slack[1]["text"] == "read by cat number=2", str(slack))
    check({f["title"]: f["value"] for f in slack[0]["fields"]}["Priority"] == "Warning" and slack[0]["color"][0] == "#", str(slack))
    alerts = body("alertmanager", 3, 2)
    check([a["labels"]["alertname"] for a in alerts] == ["Shadow read"] * 2, str(alerts))
    check(alerts[0]["labels"]["severity"] == "warning" and alerts[0]["labels"] == alerts[1]["labels"], str(alerts))
    check(alerts[1]["annotations"]["summary"] == "read by cat number=4" and alerts[1]["annotations"]["proc_pid"] == "4", str(alerts))
    check(re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", alerts[0]["startsAt"]), alerts[0]["startsAt"])
    logs = body("otlp", 5, 2)["resourceLogs"]
    check(logs[0]["resource"]["attributes"][0] == {"key": "service.name", "value": {"stringValue": "sluice"}}, str(logs))
    records = logs[0]["scopeLogs"][0]["logRecords"]
    check(records[1]["body"] == {"stringValue": "read by cat number=6"} and records[1]["severityNumber"] == 13, str(records))
    check(records[1]["timeUnixNano"] == str(1785492309000000006), str(records))
    attributes = {a["key"]: a["value"] for a in records[1]["attributes"]}
    check(attributes["proc.pid"] == {"intValue": "6"} and attributes["sluice.rule"] == {"stringValue": "Shadow read"}, str(attributes))
    check(attributes["sluice.tags"] == {"arrayValue": {"values": [{"stringValue": "T1003"}]}}, str(attributes))
    check(isinstance(body("falco", 7), dict) and len(body("falco", 8, 2)) == 2, "one alert is an object, more are an array")
    text = body("template", 10, body='{"a": "{{output}}", "all": {{alert}}, "none": "{{no.such}}", "pid": {{proc.pid}}}')
    check(text["a"] == "read by cat number=10" and text["all"]["rule"] == "Shadow read" and text["none"] == "" and text["pid"] == 10,
          str(text))


def case_webhook_otlp_partial_success_is_a_refusal(case):
    answer = b'{"partialSuccess": {"rejectedLogRecords": "1", "errorMessage": "too old"}}'
    with peers.Server([lambda body: (200, {}, answer) if b"number=3" in body else 200]) as server:
        counts = case.once(range(6), [webhook(server, preset="otlp", batch={"size": 6, "wait": "5s"})])["hook"]
        check(counts["delivered"] == 5 and counts["dead_lettered"] == 1, str(counts))


def case_webhook_content_type_of_the_configuration(case):
    with peers.Server() as server:
        case.once([1], [webhook(server, headers={"content-type": "text/x-alert"})])
        check(server.requests[0]["headers"].get("content-type") == "text/x-alert", str(server.requests[0]["headers"]))
        check("Content-Type" not in server.requests[0]["headers"], "two content types")


def case_webhook_through_a_proxy(case):
    with peers.Server() as proxy:
        case.once([1], [{"name": "hook", "type": "webhook", "url": "http://alerts.invalid/x", "proxy": f"http://127.0.0.1:{proxy.port}"}])
        check(proxy.requests[0]["path"] == "http://alerts.invalid/x", proxy.requests[0]["path"])
    peers.certificates(case.folder)
    tls = {"ca": str(case.folder / "ca.pem")}
    with peers.Server() as proxy, peers.Server(context=peers.server_context(case.folder)) as server:
        # Those of the environment are not asked.
        environment = {"https_proxy": "http://127.0.0.1:9", "HTTPS_PROXY": "http://127.0.0.1:9", "no_proxy": "*"}
        case.once([2], [webhook(server, name="direct", tls=tls)], environment=environment)
        case.once([3], [webhook(server, name="tunnel", tls=tls, timeout="5s", proxy=f"http://127.0.0.1:{proxy.port}")],
                  environment=environment)
        check(numbers_of(a["output"] for a in server.alerts()) == [2, 3], str(server.requests))
        check(proxy.tunnels == [f"localhost:{server.port}"], f"tunnels: {proxy.tunnels}")


def case_webhook_refused_alerts_are_dead_lettered(case):
    def picky(body):
        return 422 if b"number=7 " in body.replace(b'"', b" ") or b"number=13 " in body.replace(b'"', b" ") else 200

    with peers.Server([picky]) as server:
        counts = case.once(range(40), [webhook(server, batch={"size": 10})])["hook"]
        check(counts["delivered"] == 38 and counts["dead_lettered"] == 2, str(counts))
        letters = [json.loads(line) for line in (case.folder / "state/outputs/hook/dead-letter.jsonl").read_text().splitlines()]
        check(numbers_of(l["alert"]["output"] for l in letters) == [7, 13], str(letters))
        check("422" in letters[0]["reason"], letters[0]["reason"])


# ---- files, several outputs


def case_file_is_opened_again_on_sighup(case):
    path = case.folder / "alerts.jsonl"
    agent = Agent(case, [{"name": "file", "type": "file", "path": str(path)}])
    got = []
    for turn in range(5):
        agent.feed(range(turn * 100, turn * 100 + 100))
        check(peers.wait_for(lambda n=turn: path.exists() and path.read_text().count("\n") == 100), "not written")
        path.rename(f"{path}.{turn}")
        agent.process.send_signal(signal.SIGHUP)
        time.sleep(0.1)
    agent.end()
    for turn in range(5):
        got += numbers_of(json.loads(line)["output"] for line in pathlib.Path(f"{path}.{turn}").read_text().splitlines())
    check(got == list(range(500)), f"{len(got)} alerts")


def case_file_that_was_removed_and_a_fifo_without_a_reader(case):
    path, fifo = case.folder / "alerts.jsonl", case.folder / "fifo"
    os.mkfifo(fifo)
    agent = Agent(case, [{"name": "file", "type": "file", "path": str(path)},
                         {"name": "fifo", "type": "file", "path": str(fifo)}], drain="500ms")
    agent.feed([1])
    check(peers.wait_for(lambda: path.exists() and path.read_text()), "no alert in the file")
    path.unlink()
    agent.feed(range(2, 2000))
    check(peers.wait_for(lambda: path.exists() and path.read_text().count("\n") == 1998), "not all are in the file")
    counts = agent.end()
    check(numbers_of(json.loads(line)["output"] for line in path.read_text().splitlines()) == list(range(2, 2000)), "the file")
    check(counts["file"]["delivered"] == 1999 and counts["fifo"]["delivered"] < 1999 and counts["fifo"]["waiting"] > 0, str(counts))


def case_stdout_to_a_full_disk(case):
    rule, config, events = case.folder / "a.rule", case.folder / "sluice.yaml", case.folder / "events.jsonl"
    config.write_text(json.dumps({"drain": "300ms", "outputs": [{"name": "stdout", "type": "stdout"}]}))
    events.write_text("".join(event(number) for number in range(20)))
    with open("/dev/full", "w", encoding="utf-8") as full:
        done = subprocess.run([case.sluice, "replay", events, "-r", rule, "-c", config], stdout=full, stderr=subprocess.PIPE,
                              text=True, timeout=60, check=False)
    check("No space left on device" in done.stderr and "reader" not in done.stderr and "dead-letter" not in done.stderr, done.stderr)
    check("raised=20" in done.stderr and "delivered=0" in done.stderr, done.stderr)


def case_a_stalled_disk_holds_up_nobody_who_asks(case):
    """A spool on a disk whose fdatasync hangs: health and metrics answer all the same."""
    library, source = case.folder / "slow.so", case.folder / "slow.c"
    source.write_text('#include <unistd.h>\n#include <fcntl.h>\nint fdatasync(int f) { sleep(8); return 0; }\n')
    if subprocess.run(["cc", "-shared", "-fPIC", "-o", library, source], check=False).returncode != 0:
        raise Skipped("no C compiler")
    port = peers.free_port()
    with peers.Server(["hang"] * 1000) as server:
        agent = Agent(case, [webhook(server)], drain="100ms", environment={"LD_PRELOAD": str(library)},
                      metrics={"address": f"127.0.0.1:{port}"})
        agent.feed(range(50))
        check(peers.wait_for(lambda: get(port, "/healthz")[0] == 200), "no health")
        time.sleep(2)
        begin = time.monotonic()
        for path in ("healthz", "metrics"):
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/{path}", timeout=5) as answer:
                check(answer.status == 200, path)
        check(time.monotonic() - begin < 3, "the answer waited for the disk")
        agent.end()


def case_a_disk_that_hangs_for_ever_does_not_hold_up_the_end(case):
    library, source = case.folder / "hung.so", case.folder / "hung.c"
    source.write_text('#include <unistd.h>\nint fdatasync(int f) { for (;;) pause(); }\n')
    if subprocess.run(["cc", "-shared", "-fPIC", "-o", library, source], check=False).returncode != 0:
        raise Skipped("no C compiler")
    agent = Agent(case, [{"name": "file", "type": "file", "path": str(case.folder / "alerts")}], drain="500ms",
                  environment={"LD_PRELOAD": str(library)})
    agent.feed(range(50))
    time.sleep(2)
    begin = time.monotonic()
    agent.end()
    took = time.monotonic() - begin
    check(took < 22 and agent.told("output `file` hangs"), f"{took:.1f} s: {agent.errors}")


def case_several_outputs_with_filters_formats_and_limits(case):
    with peers.Server() as server:
        files = {name: case.folder / name for name in ("text", "users", "few")}
        agent = Agent(case, [
            {"name": "console", "type": "stdout", "format": "json"},
            {"name": "text", "type": "file", "path": str(files["text"]), "format": "text", "filter": {"priority": "warning"}},
            {"name": "users", "type": "file", "path": str(files["users"]), "filter": {"tags": ["users"]}},
            {"name": "few", "type": "file", "path": str(files["few"]), "rate_limit": "5 per 1h", "filter": {"rules": ["Passwd*"]}},
            webhook(server, preset="template", body='{"output": "{{output}}", "who": "{{proc.name}}"}', batch={"size": 7, "wait": "50ms"})])
        agent.feed(range(20))
        agent.feed(range(20, 50), "/etc/passwd")
        counts = agent.end()
        check(len(agent.prints) == 50, f"stdout has {len(agent.prints)} lines")
        check(numbers_of(files["text"].read_text().splitlines()) == list(range(20)), "priority")
        check("Warning read by cat number=0 (alert)" in files["text"].read_text(), "text")
        check(numbers_of([files["users"].read_text()]) == list(range(20, 50)), "tags")
        check(numbers_of([files["few"].read_text()]) == list(range(20, 25)), "rate limit")
        check(counts["few"]["limited"] == 25 and counts["few"]["filtered"] == 20, str(counts["few"]))
        check(sorted(numbers_of(a["output"] for a in server.alerts())) == list(range(50)), "webhook")
        check(all(a["who"] == "cat" for a in server.alerts()), "template")


# ---- seeing inside


def get(port, path):
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=5) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, ""
    except OSError:  # it does not listen yet
        return 0, ""


def case_metrics_health_and_status(case):
    port, control = peers.free_port(), str(case.folder / "control.socket")
    with peers.Server(["hang"]) as server:
        agent = Agent(case, [webhook(server, timeout="60s"), {"name": "file", "type": "file", "path": str(case.folder / "f")}],
                      drain="0s", metrics={"address": f"127.0.0.1:{port}"}, control_socket=control)
        agent.feed(range(50))
        sample = lambda: dict(re.findall(r'^(sluice_output_\w+\{output="hook"\}) (\d+)$', get(port, "/metrics")[1], re.M))
        check(peers.wait_for(lambda: server.requests and sample().get('sluice_output_waiting{output="hook"}') == "50"), str(sample()))
        check(peers.wait_for(lambda: 'sluice_output_delivered_total{output="file"} 50' in get(port, "/metrics")[1]), "file")
        text = get(port, "/metrics")[1]
        for line in text.splitlines():
            check(line.startswith("# ") or re.fullmatch(r'sluice_\w+(\{\w+="[^"]*"\})? [0-9.e+-]+', line), f"no sample: {line}")
        check(get(port, "/healthz") == (200, "ok\n") and get(port, "/none")[0] == 404, "health")
        check(os.stat(control).st_mode & 0o777 == 0o600, "others may use the control socket")
        for command, wanted in ((["status"], r"hook +50 +0 +50 "), (["top", "-n", "1"], r"0\.0 +50  file"),
                                (["status", "--json"], r'"waiting":50')):
            done = subprocess.run([case.sluice, *command, "--socket", control], capture_output=True, text=True)
            check(done.returncode == 0 and re.search(wanted, done.stdout), f"{command}: {done.stdout}{done.stderr}")
        second = subprocess.run([case.sluice, "replay", "/dev/null", "-r", case.folder / "a.rule", "-c", case.folder / "sluice.yaml"],
                                capture_output=True, text=True)
        check(second.returncode == 3, second.stderr)
        agent.end()
        check(not os.path.exists(control), "the control socket is left behind")
        done = subprocess.run([case.sluice, "status", "--socket", control], capture_output=True, text=True)
        check(done.returncode == 3 and "no agent answers" in done.stderr, done.stderr)


def case_a_metrics_port_that_is_taken_keeps_nothing_from_running(case):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        agent = Agent(case, [{"name": "console", "type": "stdout"}], metrics={"address": f"127.0.0.1:{port}"})
        agent.feed(range(5))
        check(peers.wait_for(lambda: len(agent.prints) == 5, 10), f"{agent.prints} {agent.errors}")
        check(peers.wait_for(lambda: agent.told(f"metrics cannot listen on 127.0.0.1:{port}") and agent.told("in use")), f"not told: {agent.errors}")
    check(peers.wait_for(lambda: agent.told(f"metrics listen on 127.0.0.1:{port} now"), 20), f"{agent.errors}")
    check(get(port, "/healthz") == (200, "ok\n"), "not served")
    agent.end()


# ---- the disk, death, time


def case_disk_full(case):
    with peers.small_disk(case.folder / "state", "64k") as disk:
        if disk is None:
            raise Skipped("a tmpfs cannot be mounted here")
        with peers.Server() as server:
            full = threading.Event()
            server.script = [lambda body: 200 if full.wait(60) else 503]  # meanwhile the disk runs full
            agent = Agent(case, [webhook(server, batch={"size": 100}, timeout="60s")])
            agent.feed(range(1000))  # some 400 KB
            check(peers.wait_for(lambda: shutil.disk_usage(disk).free == 0), f"{shutil.disk_usage(disk).free} bytes are free: not a full disk")
            full.set()
            counts = agent.end()["hook"]
            check(counts["delivered"] == 1000 and counts["lost"] == 0, str(counts))
            check(any("No space left" in line for line in agent.errors), "the full disk is not told")
            compare("disk full", range(1000), numbers_of(a["output"] for a in server.alerts()), 1)


def case_disk_full_of_a_file_output(case):
    with peers.small_disk(case.folder / "disk", "64k") as disk:
        if disk is None:
            raise Skipped("a tmpfs cannot be mounted here")
        path, kept = disk / "alerts.jsonl", case.folder / "kept"
        agent = Agent(case, [{"name": "file", "type": "file", "path": str(path), "retry": {"initial": "20ms", "max": "50ms"}}])
        got = []
        for turn in range(60):
            if turn < 4:
                agent.feed(range(turn * 250, turn * 250 + 250))
            if not peers.wait_for(path.exists, 15 if turn < 4 else 3):
                break
            time.sleep(0.3)
            path.rename(f"{path}.1")  # what a rotation does: move away, tell, copy, delete
            agent.process.send_signal(signal.SIGHUP)
            time.sleep(0.1)
            shutil.copy(f"{path}.1", kept)
            os.unlink(f"{path}.1")
            got += numbers_of(json.loads(line)["output"] for line in kept.read_text().splitlines())
        counts = agent.end()["file"]
        check(counts["delivered"] == 1000 and counts["failures"] > 0, str(counts))
        if path.exists():
            got += numbers_of(json.loads(line)["output"] for line in path.read_text().splitlines())
        compare("disk full under a file output", range(1000), got, counts["failures"])


def case_file_size_limit(case):
    """RLIMIT_FSIZE ends writes in the middle, with a signal on top."""
    with peers.Server(["hang"]) as server:
        agent = Agent(case, [webhook(server, batch={"size": 100}, timeout="1s")], before=["prlimit", "--fsize=20000", "--"])
        agent.feed(range(500))
        counts = agent.end()["hook"]
        check(counts["delivered"] == 500, str(counts))
        compare("file size limit", range(500), numbers_of(a["output"] for a in server.alerts()), 1)


def case_sigkill_at_any_moment(case):
    """What was raised a moment before the kill is delivered by the next process, and there is no hole before that."""
    random.seed(2)
    kills, sure = 15, 0
    with peers.Server() as server:
        server.script = [lambda body: random.choice((200, 200, 500, "reset"))]
        for turn in range(kills):
            agent = Agent(case, [webhook(server, batch={"size": 10}, retry={"initial": "10ms", "max": "20ms"})])
            first = turn * 10000
            fed = 1000 if turn % 2 else 0  # more than a pipe holds: so it reads already
            agent.feed(range(first, first + fed))
            end = time.monotonic() + random.uniform(0.05, 0.3)
            while time.monotonic() < end:
                agent.feed(range(first + fed, first + fed + 10))
                fed += 10
                time.sleep(0.002)
            agent.kill()
        counts = Agent(case, [webhook(server, batch={"size": 100}, retry={"initial": "10ms", "max": "20ms"})]).end()["hook"]
        check(counts["waiting"] == 0 and counts["lost"] == 0, str(counts))
        got = numbers_of(a["output"] for a in server.alerts())
        for turn in range(kills):
            mine = sorted(set(n for n in got if n // 10000 == turn))
            sure += len(mine)
            check(mine == list(range(turn * 10000, turn * 10000 + len(mine))), f"after kill {turn} there is a hole")
        check(sure > 500, f"only {sure} alerts came that far")
        compare("SIGKILL at any moment", sorted(set(got)), got, kills)


def case_sigkill_loses_nothing_that_was_raised(case):
    """Half a second after an alert was raised it outlives the process, whatever its receiver does."""
    kills = 8
    with peers.Server() as server:
        server.script = ["hang"] * 1000
        for turn in range(kills):
            spool = case.folder / "state/outputs/hook"
            spooled = lambda: len(set(numbers_of(f.read_bytes().decode(errors="replace") for f in spool.glob("*.segment"))))
            agent = Agent(case, [webhook(server, timeout="60s")])
            agent.feed(range(turn * 500, turn * 500 + 500))
            check(peers.wait_for(lambda: spooled() == turn * 500 + 500, 30), f"{spooled()} are spooled")
            agent.kill()
        server.script = []
        counts = Agent(case, [webhook(server, batch={"size": 100})]).end()["hook"]
        check(counts["recovered"] == kills * 500, str(counts))
        compare("SIGKILL half a second after", range(kills * 500), numbers_of(a["output"] for a in server.alerts()), kills)


CLOCK = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <time.h>
/* The wall clock jumps by years, to and fro, every 50 ms; the monotonic one is left alone. */
int clock_gettime(clockid_t id, struct timespec* now) {
  static int (*real)(clockid_t, struct timespec*);
  struct timespec steady;
  if (!real) real = (int (*)(clockid_t, struct timespec*))dlsym(RTLD_NEXT, "clock_gettime");
  int status = real(id, now);
  if (id != CLOCK_REALTIME || real(CLOCK_MONOTONIC, &steady)) return status;
  now->tv_sec += (steady.tv_nsec / 50000000 % 3 - 1) * 100000000L;
  return status;
}
"""


def case_a_clock_that_jumps(case):
    source, library = case.folder / "clock.c", case.folder / "clock.so"
    source.write_text(CLOCK)
    if not peers.have("cc"):
        raise Skipped("no C compiler")
    subprocess.run(["cc", "-shared", "-fPIC", "-o", library, source, "-ldl"], check=True)
    with peers.Server([500, (429, {"Retry-After": "1"}), "reset"] * 3) as server:
        begin = time.monotonic()
        counts = case.once(range(200), [webhook(server, batch={"size": 20})], environment={"LD_PRELOAD": str(library)})["hook"]
        took = time.monotonic() - begin
        check(counts["delivered"] == 200 and 3 <= took < 40, f"{counts} after {took:.1f} s")
        compare("a clock that jumps", range(200), numbers_of(a["output"] for a in server.alerts()), 9)


STARVED = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdlib.h>
#include <unistd.h>
/* Threads but the first get no memory once the file STARVE is there. */
void* malloc(size_t bytes) {
  static void* (*real)(size_t);
  if (!real) real = (void* (*)(size_t))dlsym(RTLD_NEXT, "malloc");
  const char* file = getenv("STARVE");
  if (file && getpid() != gettid() && access(file, F_OK) == 0) return 0;
  return real(bytes);
}
"""


def case_a_thread_without_memory_ends_the_agent_with_a_message(case):
    source, library, starve = (case.folder / name for name in ("starved.c", "starved.so", "starve"))
    source.write_text(STARVED)
    if not peers.have("cc"):
        raise Skipped("no C compiler")
    subprocess.run(["cc", "-shared", "-fPIC", "-o", library, source, "-ldl"], check=True)
    with peers.Server() as server:
        agent = Agent(case, [webhook(server)], environment={"LD_PRELOAD": str(library), "STARVE": str(starve)})
        agent.feed([1])
        check(peers.wait_for(lambda: server.requests), "not delivered")
        starve.touch()
        agent.feed([2])
        status = agent.process.wait(timeout=20)
        for reader in agent.readers:
            reader.join()
        check(status == 3 and agent.told("sluice: error: cannot go on: std::bad_alloc"), f"status {status}: {agent.errors}")


def case_the_bound_of_the_spool(case):
    spool = {"max": "64KiB", "dead_letter": "64KiB"}
    output = {"name": "hook", "type": "webhook", "url": "http://127.0.0.1:9/", "spool": spool}
    agent = Agent(case, [output], drain="0s")
    agent.feed(range(2000))
    check(peers.wait_for(lambda: agent.told("error: output `hook`: ") and agent.told("the spool is full"), 20), "the loss is not told while it runs")
    counts = agent.end()["hook"]
    check(counts["waiting"] > 50 and counts["dead_lettered"] > 50 and counts["lost"] > 500, str(counts))
    told = [re.search(r"alerts lost: (\d+)(?:, put into its dead-letter file: (\d+))?;", line) for line in agent.errors]
    lost, dead = (sum(int(match[group] or 0) for match in told if match) for group in (1, 2))
    check((lost, dead) == (counts["lost"], counts["dead_lettered"]), f"told {lost} and {dead}, counted {counts}")
    letters = (case.folder / "state/outputs/hook/dead-letter.jsonl").read_text().splitlines()
    check(len(letters) == counts["dead_lettered"] and all(json.loads(line) for line in letters), "dead letters")
    with peers.Server() as server:
        after = case.once([], [webhook(server, spool=spool, batch={"size": 10})])["hook"]
        check(after["delivered"] == counts["waiting"], str(after))


def spooled(case, numbers, **more):
    """Leaves a spool of several segments, and returns their paths and the output's configuration."""
    output = {"name": "hook", "type": "webhook", "url": f"http://127.0.0.1:{peers.free_port()}/", "timeout": "500ms",
              "retry": {"initial": "20ms", "max": "200ms"}, "spool": {"max": "64KiB"}, "batch": {"size": 10}, **more}
    counts = case.once(numbers, [output], drain="100ms")["hook"]
    check(counts["waiting"] == len(numbers), str(counts))
    segments = sorted((case.folder / "state/outputs/hook").glob("*.segment"))
    check(len(segments) >= 3, f"{len(segments)} segments")
    return segments, output


def port_of(output):
    return int(output["url"].rstrip("/").rpartition(":")[2])


def exchange(one, other):
    """Without a moment in which a name is missing: a segment that is away counts as lost."""
    fine = LIBC.renameat2(AT_FDCWD, os.fsencode(one), AT_FDCWD, os.fsencode(other), RENAME_EXCHANGE) == 0
    check(fine, f"renameat2: {os.strerror(ctypes.get_errno())}")


def case_a_segment_that_goes_away_costs_its_records_and_nothing_else(case):
    """While the agent runs. The first one is open already: removed, it can be read all the same."""
    for name, harm in (("removed", os.unlink), ("truncated", lambda path: os.truncate(path, 0)), ("cut", lambda path: os.truncate(path, 3000))):
        for which in (0, 1, -1):
            shutil.rmtree(case.folder / "state", ignore_errors=True)
            segments, output = spooled(case, range(60))
            agent = Agent(case, [output], drain="10s")
            check(peers.wait_for(lambda a=agent: a.told("cannot deliver"), 10), "the receiver was there too early")
            harm(segments[which])
            agent.feed(range(60, 80))
            with peers.Server(port=port_of(output)) as server:
                counts = agent.end()["hook"]
                got = set(numbers_of(a["output"] for a in server.alerts()))
            why = f"segment {which} {name}: {counts}, {len(got)} arrived"
            check((counts["lost"] > 0 or which == 0) and counts["lost"] < 40 and counts["waiting"] == 0 and counts["delivered"] == len(got) == 80 - counts["lost"], why)
            check(set(range(60, 80)) <= got, f"{why}; new alerts are missing")
            check(counts["lost"] == 0 or agent.told(f"alerts lost: {counts['lost']};") and agent.told("the disk did not keep it"), f"{why}; not told: {agent.errors}")


def case_a_spool_that_cannot_be_read_for_now_is_told_and_goes_on(case):
    segments, output = spooled(case, range(60))
    port = peers.free_port()
    agent = Agent(case, [output], drain="10s", metrics={"address": f"127.0.0.1:{port}"})
    check(peers.wait_for(lambda: agent.told("cannot deliver"), 10), "the receiver was there too early")
    other = case.folder / "other"
    other.mkdir()
    exchange(segments[1], other)
    with peers.Server(port=port_of(output)) as server:
        check(peers.wait_for(lambda: 'sluice_output_failing{output="hook"} 1' in get(port, "/metrics")[1]
                             and len(server.alerts()) >= 10 and agent.told("failures"), 20), f"{agent.errors}")
        check(peers.wait_for(lambda: agent.told("its spool cannot be read") and agent.told(str(segments[1])), 10), f"not told: {agent.errors}")
        exchange(segments[1], other)
        counts = agent.end()["hook"]
        check(counts["delivered"] == 60 and counts["lost"] == 0, str(counts))


def case_a_spool_that_cannot_be_used_at_the_start_keeps_nothing_from_running(case):
    segments, output = spooled(case, range(60))
    other = case.folder / "other"
    other.mkdir()
    exchange(segments[1], other)
    port = peers.free_port()
    with peers.Server(port=port_of(output)) as server:
        agent = Agent(case, [output], drain="5s", metrics={"address": f"127.0.0.1:{port}"})
        agent.feed(range(60, 70))
        check(peers.wait_for(lambda: len(server.alerts()) == 10, 10), "what waits in memory is not delivered")
        check(peers.wait_for(lambda: agent.told("its spool cannot be used") and agent.told(str(segments[1])), 10), f"not told: {agent.errors}")
        check('sluice_output_failing{output="hook"} 1' in get(port, "/metrics")[1], "not failing")
        exchange(segments[1], other)  # mended: tried again after ten seconds
        check(peers.wait_for(lambda: len(server.alerts()) == 70, 20), f"{len(server.alerts())} of 70")
        check('sluice_output_failing{output="hook"} 0' in get(port, "/metrics")[1], "still failing")
        counts = agent.end()["hook"]
        check(counts["delivered"] == 70 and counts["recovered"] == 60, str(counts))


def case_a_state_folder_that_cannot_be_written(case):
    (case.folder / "state").write_text("a file")
    with peers.Server() as server:
        agent = Agent(case, [webhook(server)])
        agent.feed(range(20))
        counts = agent.end()["hook"]
        check(counts["delivered"] == 20 and agent.told("its spool cannot be used"), f"{counts} {agent.errors}")
    agent = Agent(case, [{"name": "hook", "type": "webhook", "url": "http://127.0.0.1:9/"}], drain="100ms")
    agent.feed(range(20))
    counts = agent.end()["hook"]
    check(counts["lost"] == 20 and agent.told("alerts lost: 20;"), f"{counts} {agent.errors}")


def case_alerts_that_no_output_delivers_any_more_are_told(case):
    _, output = spooled(case, range(60))
    waiting = f"alerts that wait in {case.folder / 'state/outputs/hook'} and are not delivered: 60;"
    with peers.Server() as server:
        for outputs in ([{**output, "name": "oncall"}], [{**output, "spool": {"enabled": False}}], [{"name": "console", "type": "stdout"}]):
            agent = Agent(case, outputs, drain="100ms")
            agent.end()
            check(agent.told(waiting), f"{outputs}: {agent.errors}")
        agent = Agent(case, [webhook(server)])
        check(agent.end()["hook"]["delivered"] == 60 and not agent.told("no output named"), f"{agent.errors}")
        agent = Agent(case, [{**webhook(server), "name": "oncall"}])
        agent.end()
        check(not agent.told("no output"), f"an empty spool is told: {agent.errors}")


def case_a_spool_that_another_process_uses_keeps_nothing_from_running(case):
    with peers.Server() as shared, peers.Server() as own:
        first = Agent(case, [webhook(shared)])
        first.feed([1])
        check(peers.wait_for(lambda: shared.requests), "not delivered")
        port = peers.free_port()
        second = Agent(case, [webhook(shared), {**webhook(own), "name": "own"}], metrics={"address": f"127.0.0.1:{port}"})
        second.feed(range(100, 120))
        failing = lambda output: f'sluice_output_failing{{output="{output}"}} 1' in get(port, "/metrics")[1]
        check(peers.wait_for(lambda: second.told("another process uses this spool")), f"not told: {second.errors}")
        check(peers.wait_for(lambda: len(shared.alerts()) == 21 and len(own.alerts()) == 20), f"{len(shared.alerts())} and {len(own.alerts())} arrived")
        check(failing("hook") and not failing("own"), "failing")
        first.feed([2])  # is not disturbed
        check(first.end()["hook"]["delivered"] == 2, "the first one's")
        check(peers.wait_for(lambda: not failing("hook"), 20), "the spool is free, and not used")
        second.feed([120])
        counts = second.end()
        check(counts["hook"]["delivered"] == counts["own"]["delivered"] == 21 and counts["hook"]["recovered"] == 0, str(counts))


def case_examples_of_the_documentation(case):
    page = (HERE.parent.parent / "docs/operations.md").read_text()
    examples = re.findall(r"^```yml\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
    check(examples, "docs/operations.md has no example")
    for number, text in enumerate(examples):
        path = case.folder / f"{number}.yaml"
        path.write_text(text)
        done = subprocess.run([case.sluice, "config", "check", path], capture_output=True, text=True,
                              env={**os.environ, "HOOK_SECRET": "x", "SLACK_PATH": "y"})
        check(done.returncode == 0, f"example {number}: {done.stderr}")


def main():
    if len(sys.argv) < 2:
        print(__doc__, file=sys.stderr)
        return 2
    sluice, words = os.path.abspath(sys.argv[1]), sys.argv[2:]
    os.environ["PATH"] += ":/usr/sbin:/sbin"
    os.environ["TZ"] = "UTC"
    failed = 0
    for name, run in list(globals().items()):
        name = name.replace("_", "-")
        if not name.startswith("case-") or (words and not any(word in name for word in words)):
            continue
        name = name.removeprefix("case-")
        begin = time.monotonic()
        with tempfile.TemporaryDirectory(prefix="sluice-outputs.") as folder:
            try:
                run(Case(sluice, pathlib.Path(folder)))
                print(f"PASS {name} ({time.monotonic() - begin:.1f} s)", flush=True)
            except Skipped as why:
                print(f"SKIP {name}: {why}", flush=True)
            except (Failed, subprocess.SubprocessError, RuntimeError, OSError, KeyError, ValueError, IndexError) as why:
                print(f"FAIL {name}: {why!r}", flush=True)
                failed += 1
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
