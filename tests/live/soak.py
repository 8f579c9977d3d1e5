#!/usr/bin/env python3
"""The storm of ./dev soak. Runs as root in a guest: soak.py MINUTES

One agent with a file, a syslog and a webhook output. Processes fork, execute, open, are denied and connect as fast as they
can; the rules are exchanged every few seconds, now and then for broken ones; the web server answers with 500, late or not
at all, and the syslog receiver goes away and comes back. Every second the agent is asked for its state.
"""
import json
import os
import pathlib
import random
import re
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "outputs"))
import peers  # noqa: E402

MOST_GROWTH = 0.10  # of the agent's memory, from the second quarter of the storm to its last
SLACK_BYTES = 4 << 20

RULES = """
rule "Opened" {{
  desc:      "some of many"
  condition: evt.type in (open, openat, openat2) and fd.name startswith {folder}/watched and proc.cmdline contains soak
  output:    "%proc.cmdline opens %fd.name"
  priority:  notice
  throttle:  20 per 1s
}}
rule "Denied" {{
  desc:      "never reached"
  condition: evt.hook = file_open and fd.name = {folder}/secret
  output:    "%proc.name wants %fd.name"
  priority:  warning
  action:    deny
}}
rule "Executed" {{
  desc:      "by lineage"
  condition: evt.type in (execve, execveat) and proc.aname = bash and proc.name = true
  output:    "%proc.pname runs %proc.exepath"
  priority:  notice
  throttle:  20 per 1s
}}
rule "Connected" {{
  desc:      "to the discard port"
  condition: evt.type = connect and fd.rport = 9
  output:    "%proc.name connects to %fd.rip"
  priority:  notice
  throttle:  20 per 1s
}}
"""
CONFIG = """
rules: [soak.rule]
watch: false
drain: 30s
state_directory: state
control_socket: control.socket
outputs:
  - {{name: log, type: file, path: alerts.jsonl}}
  - name: siem
    type: syslog
    transport: tcp
    address: "127.0.0.1:{syslog}"
    retry: {{initial: 100ms, max: 1s}}
  - name: hook
    type: webhook
    url: http://127.0.0.1:{web}/hook
    timeout: 1s
    batch: {{size: 50}}
    retry: {{initial: 100ms, max: 1s}}
"""
STORM = {
    "forks": "while :; do /bin/true soak; done",
    "opens": "while :; do : <{folder}/watched; cat {folder}/watched soak 2>/dev/null; done",
    "denials": "while :; do for i in 1 2 3 4 5 6 7 8 9; do : <{folder}/secret; done 2>/dev/null; sleep 0.1; done",
    "connects": "while :; do : >/dev/tcp/127.0.0.1/9; done 2>/dev/null",
}


class Agent:
    def __init__(self, folder):
        self.folder = folder
        self.log = open(folder / "log", "wb")
        self.process = subprocess.Popen(["sluice", "run", "-c", "soak.yaml"], cwd=folder, stdin=subprocess.DEVNULL,
                                        stdout=self.log, stderr=self.log)

    def text(self):
        return (self.folder / "log").read_text(errors="replace")

    def count(self, line):
        return len(re.findall(f"^{line}", self.text(), re.M))

    def status(self):
        done = subprocess.run(["sluice", "status", "--json", "--socket", "control.socket"], cwd=self.folder, capture_output=True,
                              text=True, timeout=30, check=False)
        return json.loads(done.stdout) if done.returncode == 0 else None


def kernel_bytes():
    """What all BPF maps hold."""
    done = subprocess.run(["/usr/sbin/bpftool", "-j", "map", "list"], capture_output=True, text=True, check=False)
    return sum(int(row.get("bytes_memlock", 0)) for row in json.loads(done.stdout or "[]"))


def every(seconds, ending, action):
    def loop():
        while not ending.wait(seconds):
            action()

    threading.Thread(target=loop, daemon=True).start()


def median(values):
    return statistics.median(values) if values else 0


def lag_at(histogram, share):
    """An upper bound of the lag that `share` of the alerts had, in seconds."""
    total, so_far = sum(histogram["counts"]), 0
    for bound, count in zip([*histogram["bounds_seconds"], float("inf")], histogram["counts"]):
        so_far += count
        if total and so_far >= share * total:
            return bound
    return 0.0


def storm(folder, agent, minutes, syslog, web):
    """Samples of the agent's state."""
    ending = threading.Event()
    processes = [subprocess.Popen(["bash", "-c", text.format(folder=folder)], stdin=subprocess.DEVNULL, cwd=folder,
                                  stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
                 for text in STORM.values()]
    rules = (folder / "soak.rule").read_text()
    turns = [0]

    def reload():
        turns[0] += 1
        broken = turns[0] % 7 == 0
        extra = f'list turn_{turns[0] % 50} = [a]\n' + ("rule {" if broken else "")
        (folder / "soak.rule").write_text(extra + rules)
        agent.process.send_signal(signal.SIGHUP)

    def disturb():
        syslog.stop()
        ending.wait(2)
        syslog.start()

    every(3, ending, reload)
    every(15, ending, disturb)
    web.script[:] = [lambda _: random.choices([200, 500, "slow", "reset", (429, {"Retry-After": "1"})], [12, 2, 1, 1, 1])[0]]
    samples, end = [], time.monotonic() + minutes * 60
    while time.monotonic() < end and agent.process.poll() is None:
        status = agent.status()
        if status:
            samples.append((status, kernel_bytes()))
        time.sleep(1)
    ending.set()
    for process in processes:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    web.script[:] = []
    time.sleep(3)
    (folder / "soak.rule").write_text(rules)
    return samples


def main(minutes):
    faults, figures = [], {}
    folder = pathlib.Path(tempfile.mkdtemp(prefix="soak-"))
    folder.chmod(0o755)
    for name in ("watched", "secret"):
        (folder / name).write_text("x\n")
    syslog = peers.Rsyslog(folder)
    with syslog, peers.Server() as web:
        (folder / "soak.rule").write_text(RULES.format(folder=folder))
        (folder / "soak.yaml").write_text(CONFIG.format(syslog=syslog.port, web=web.port))
        agent = Agent(folder)
        if not peers.wait_for(lambda: agent.count("sluice: ready"), 120):
            sys.exit(f"FAIL soak: the agent is not ready: {agent.text()[-2000:]}")
        samples = storm(folder, agent, minutes, syslog, web)
        if agent.process.poll() is not None:
            sys.exit(f"FAIL soak: the agent ended with {agent.process.returncode}: {agent.text()[-2000:]}")
        last = agent.status()
        agent.process.send_signal(signal.SIGTERM)
        status = agent.process.wait(120)
        if status:
            faults.append(f"the agent ended with {status}")
        delivered = {alert["id"] for alert in web.alerts()}
        written = {json.loads(line)["id"] for line in (folder / "alerts.jsonl").read_text().splitlines()}

    log = agent.text()
    hooks = {hook: {k: int(v) for k, v in re.findall(r"(\w+)=(\d+)", text)}
             for hook, text in re.findall(r"^counters hook=(\S+) (.*)$", log, re.M)}
    outputs = {name: {k: int(v) for k, v in re.findall(r"(\w+)=(\d+)", text)}
               for name, text in re.findall(r"^output name=(\S+) (.*)$", log, re.M)}
    for hook, row in hooks.items():
        if row["seen"] != row["dropped"] + row["sent"] + row["lost"]:
            faults.append(f"{hook}: the counters do not add up: {row}")
    for name, row in outputs.items():
        if row["raised"] + row["recovered"] != row["delivered"] + row["waiting"] + row["dead_lettered"] + row["lost"]:
            faults.append(f"output {name}: the counters do not add up: {row}")
        if row["lost"] or row["dead_lettered"]:
            faults.append(f"output {name} lost alerts: {row}")
    if len(written) != outputs["log"]["delivered"]:
        faults.append(f"the file has {len(written)} alerts, not {outputs['log']['delivered']}")
    if not delivered <= written or len(delivered) < outputs["hook"]["delivered"]:
        faults.append(f"the web server has {len(delivered)} alerts, not {outputs['hook']['delivered']}")

    quarter = max(1, len(samples) // 4)
    early, late = samples[quarter:2 * quarter], samples[-quarter:]
    for what, of in (("agent", lambda s: s[0]["resident_bytes"]), ("maps", lambda s: s[1])):
        before, after = median([of(s) for s in early]), median([of(s) for s in late])
        figures[f"memory of the {what}, MiB"] = f"{before / 2**20:.1f} in the second quarter, {after / 2**20:.1f} in the last"
        if after > before * (1 + MOST_GROWTH) + SLACK_BYTES:
            faults.append(f"the memory of the {what} grows: {figures[f'memory of the {what}, MiB']}")
    lag = last["engine"]["lag"]
    figures["events seen"] = sum(row["seen"] for row in hooks.values())
    figures["events sent"] = sum(row["sent"] for row in hooks.values())
    figures["events lost"] = sum(row["lost"] for row in hooks.values())
    figures["denied"] = sum(row["denied"] for row in hooks.values())
    figures["alerts raised"] = outputs["log"]["raised"]
    figures["alerts lost"] = sum(row["lost"] for row in outputs.values())
    figures["failed deliveries"] = sum(row["failures"] for row in outputs.values())
    figures["lag, 99 of 100 alerts within"] = f"{lag_at(lag, 0.99)} s"
    figures["reloads"] = f"{last['engine']['reloads']}, failed as they should {last['engine']['reloads_failed']}"
    if last["engine"]["reloads"] < minutes or not last["engine"]["reloads_failed"]:
        faults.append("too few reloads")
    if min(figures["events seen"], figures["denied"], figures["alerts raised"], figures["failed deliveries"]) == 0:
        faults.append("that was no storm")
    for name, value in figures.items():
        print(f"figure {name}: {value}")
    print("\n".join(f"FAIL soak: {fault}" for fault in faults) or "PASS soak")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1])))
