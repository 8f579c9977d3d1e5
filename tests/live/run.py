"""Runs the live cases: `sluice run` on a case's rules, things happen, alerts and counters are compared.

A case is a file cases/NAME.case with sections of `-- name --`, in txtar's manner. {W} stands for the case's own folder
(also in rules), which is the current directory of its commands; $W is the same in the shell.

  -- rule --     the rules; without this section no engine runs
  -- config --   a configuration to run with; with `self_protection: true` the engine is ended by `sluice stop`
  -- rules PATH --   a rule file to load as well, from the repository's root; where it is absent the case is skipped
  -- file PATH [MODE] --   a file to make in {W}
  -- before --   a shell script, run before the engine starts
  -- trigger --  commands, each with what it must do:
        $ COMMAND           one line of bash
        ? STATUS            exit status, or the name of a signal (KILL); 0 unless given
        > LINE              standard output, line by line
        ! TEXT              standard error contains TEXT
  -- expect --
        alert "RULE" [KEY=VALUE | KEY~PART]...   some alert of that rule; KEY is a key of the alert (decision, hook,
                            output, ...) or of its output_fields; ~: contains
        count "RULE" N      so many alerts of that rule
        counter HOOK NAME=N | NAME>=N ...
        stderr TEXT         sluice's own standard error contains TEXT
        status N            sluice's exit status, 0 unless given

Every alert of a rule must be expected: by an alert line, or by a count. In every case the counters must add up, and nothing may
stay attached. Commands find `op` (helpers/op.c), `sluice` and `reload ok|failed`, which sends SIGHUP and waits for the
answer, and `links PROGRAM...`; $SLUICE_PID is the engine's, $SLUICE_RULES the file with its rules.

After the cases the triggers of the tests in rules/ run, by `sluice test --live` (NAME: triggers-of-the-library).
"""

import collections
import json
import os
import pathlib
import re
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
HEADER = re.compile(r"^-- (.+) --$")
READY_SECONDS, STOP_SECONDS, COMMAND_SECONDS = 300, 180, 300  # a guest on a busy machine is slow
COUNTER = re.compile(r"^counters hook=(\S+) (.*)$", re.M)

Command = collections.namedtuple("Command", "line status stdout stderr")


def sections(text):
    name, found = None, []
    for line in text.splitlines(keepends=True):
        header = HEADER.match(line.rstrip("\n"))
        if header:
            name = header.group(1)
            found.append([name, ""])
        elif name is not None:
            found[-1][1] += line
        elif line.strip() and not line.startswith("#"):
            raise ValueError(f"text before the first section: {line.strip()}")
    return found


def commands(text):
    found = []
    for line in text.splitlines():
        mark, _, rest = line.partition(" ")
        if not line.strip() or line.startswith("#"):
            continue
        if mark == "$":
            found.append(Command(rest, ["0"], [], []))
        elif mark == "?" and found:
            found[-1].status[:] = [rest]
        elif mark == ">" and found:
            found[-1].stdout.append(rest)
        elif mark == "!" and found:
            found[-1].stderr.append(rest)
        else:
            raise ValueError(f"neither a command nor its result: {line}")
    return found


def attached():
    """Ids of the programs and links that the kernel holds."""
    tool = shutil.which("bpftool", path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")
    if tool is None:
        return None
    ids = set()
    for kind in ("prog", "link"):
        out = subprocess.run([tool, "-j", kind, "list"], capture_output=True, text=True, check=False).stdout
        ids |= {(kind, row["id"]) for row in json.loads(out or "[]") if isinstance(row, dict) and "id" in row}
    return ids


class Engine:
    """A `sluice run` in the background."""

    def __init__(self, folder, files, config=None):
        self.stdout_path, self.stderr_path = folder / ".alerts", folder / ".log"
        self.stderr = open(self.stderr_path, "wb")
        words = ["sluice", "run", "--format", "json"] + (["-c", str(config)] if config else [])
        self.process = subprocess.Popen(
            words + [word for file in files for word in ("-r", str(file))],
            stdin=subprocess.DEVNULL, stdout=open(self.stdout_path, "wb"), stderr=self.stderr, cwd=folder)

    def log(self):
        return self.stderr_path.read_text(errors="replace")

    def wait_ready(self):
        deadline = time.monotonic() + READY_SECONDS
        while time.monotonic() < deadline:
            if re.search(r"^sluice: ready", self.log(), re.M):
                return None
            if self.process.poll() is not None:
                return f"sluice ended with {self.process.returncode} before it was ready: {self.log().strip()}"
            time.sleep(0.02)
        self.process.kill()
        return f"sluice was not ready after {READY_SECONDS} s: {self.log().strip()}"

    def stop(self):
        if self.process.poll() is None:
            try:
                self.process.send_signal(signal.SIGINT)
            except PermissionError:
                subprocess.run(["sluice", "stop"], check=True)
        try:
            return self.process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            return f"still running {STOP_SECONDS} s after SIGINT"

    def alerts(self):
        return [json.loads(line) for line in self.stdout_path.read_text(errors="replace").splitlines() if line]

    def counters(self):
        rows = {}
        for hook, text in COUNTER.findall(self.log()):
            rows[hook] = {key: int(value) for key, value in re.findall(r"(\w+)=(\d+)", text)}
        return rows


def status_name(code):
    if code < 0:
        return signal.Signals(-code).name.removeprefix("SIG")
    if code > 128 and code - 128 in {int(s) for s in signal.Signals}:
        return signal.Signals(code - 128).name.removeprefix("SIG")
    return str(code)


def run_command(command, folder, environment):
    """What is wrong with its result, or None. Output goes through files, so that a child in the background is no hindrance."""
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        process = subprocess.Popen(["bash", "-c", command.line], cwd=folder, env=environment, stdin=subprocess.DEVNULL,
                                   stdout=out, stderr=err, start_new_session=True)
        try:
            status = status_name(process.wait(COMMAND_SECONDS))
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            return f"`{command.line}` did not end within {COMMAND_SECONDS} s"
        out.seek(0)
        err.seek(0)
        stdout, stderr = out.read().decode(errors="replace"), err.read().decode(errors="replace")
    wanted = "\n".join(command.stdout) + "\n" if command.stdout else None
    if wanted is not None and stdout != wanted:
        return f"`{command.line}` printed {stdout!r}, not {wanted!r} {stderr.strip()}"
    if status != command.status[0]:
        return f"`{command.line}` ended with {status}, not {command.status[0]}: {(stdout + stderr).strip()[-600:]}"
    for text in command.stderr:
        if text not in stderr:
            return f"`{command.line}` did not say {text!r} but {stderr.strip()[-600:]!r}"
    return None


def value_of(alert, key):
    if key in alert:
        return alert[key]
    return alert.get("output_fields", {}).get(key)


def as_text(value):
    return value if isinstance(value, str) else json.dumps(value)


def matches(alert, conditions):
    for key, operator, wanted in conditions:
        value = value_of(alert, key)
        if value is None and operator == "=" and wanted == "null":
            continue
        if value is None:
            return False
        text = as_text(value)
        if (operator == "=" and text != wanted) or (operator == "~" and wanted not in text):
            return False
    return True


def split_condition(word):
    found = re.match(r"^([^=~]+)([=~])(.*)$", word, re.S)
    if not found:
        raise ValueError(f"not KEY=VALUE: {word}")
    return found.groups()


def counter_faults(words, counters):
    hook, faults = words[0], []
    if hook not in counters:
        return [f"no counters of {hook}"]
    for word in words[1:]:
        key, operator, number = re.match(r"^(\w+)(=|>=)(\d+)$", word).groups()
        value = counters[hook].get(key)
        good = value is not None and (value == int(number) if operator == "=" else value >= int(number))
        if not good:
            faults.append(f"{hook}: {key} is {value}, not {operator}{number}")
    return faults


class Expectation:
    """The section `expect` against what an engine said."""

    def __init__(self, text):
        self.lines = [shlex.split(line) for line in text.splitlines() if line.strip() and not line.startswith("#")]

    def faults(self, engine, status):
        alerts, counters, faults = engine.alerts(), engine.counters(), []
        expected_rules, wanted_status = set(), 0
        for words in self.lines:
            kind, rest = words[0], words[1:]
            if kind == "alert":
                expected_rules.add(rest[0])
                conditions = [split_condition(word) for word in rest[1:]]
                if not any(alert["rule"] == rest[0] and matches(alert, conditions) for alert in alerts):
                    faults.append(f"no alert {' '.join(words[1:])}")
            elif kind == "count":
                expected_rules.add(rest[0])
                number = sum(alert["rule"] == rest[0] for alert in alerts)
                if number != int(rest[1]):
                    faults.append(f"{number} alerts of {rest[0]}, not {rest[1]}")
            elif kind == "counter":
                faults += counter_faults(rest, counters)
            elif kind == "stderr":
                if " ".join(rest) not in engine.log():
                    faults.append(f"sluice did not say {' '.join(rest)!r}")
            elif kind == "status":
                wanted_status = int(rest[0])
            else:
                raise ValueError(f"unknown expectation {kind}")
        faults += [f"unexpected alert {json.dumps(alert)}" for alert in alerts
                   if alert["rule"] not in expected_rules and not alert["rule"].startswith("Sluice internal")]
        if faults:
            faults += [f"(alert {json.dumps(alert)})" for alert in alerts if alert["rule"] in expected_rules][:6]
            faults += [f"(sluice said {engine.log().strip()[-1500:]})"]
        if status != wanted_status:
            faults.append(f"sluice ended with {status}: {engine.log().strip()[-600:]}")
        return faults + self.sums(counters, status)

    @staticmethod
    def sums(counters, status):
        if status == 0 and not counters:
            return ["sluice printed no counters"]
        return [f"{hook}: the counters do not add up: {row}" for hook, row in counters.items()
                if row["seen"] != row["dropped"] + row["sent"] + row["lost"]]


class Case:
    def __init__(self, path):
        self.name = path.stem
        self.parts = sections(path.read_text())

    def section(self, name):
        return "".join(text for key, text in self.parts if key == name)

    def fill(self, text, folder):
        return text.replace("{W}", str(folder))

    def make_files(self, folder):
        for key, text in self.parts:
            if not key.startswith("file "):
                continue
            path, _, mode = key[len("file "):].partition(" ")
            target = folder / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(self.fill(text, folder))
            target.chmod(int(mode or "644", 8))

    def run(self):
        """None, or what is wrong; raises Skip."""
        folder = pathlib.Path(tempfile.mkdtemp(prefix="live-"))
        folder.chmod(0o755)
        self.make_files(folder)
        environment = dict(os.environ, W=str(folder), LC_ALL="C", PATH=f"{BUILD}:{HERE / 'helpers'}:{os.environ['PATH']}")
        for key, _ in self.parts:
            if key.startswith("rules ") and not (ROOT / key[len("rules "):]).exists():
                raise Skip(f"no {key[len('rules '):]}")
        before_script = self.section("before")
        if before_script:
            done = subprocess.run(["bash", "-ec", before_script], cwd=folder, env=environment, stdin=subprocess.DEVNULL,
                                  stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
            if done.returncode == 77:
                raise Skip(done.stdout.strip())
            if done.returncode != 0:
                return f"the script before it failed: {done.stdout.strip()}"
        rules = self.section("rule")
        try:
            return self.run_engine(folder, environment, rules) if rules else self.run_alone(folder, environment)
        finally:
            subprocess.run(["bash", "-c", "kill -9 $(cat .background 2>/dev/null) 2>/dev/null"], cwd=folder, check=False)
            shutil.rmtree(folder, ignore_errors=True)

    def run_alone(self, folder, environment):
        for command in commands(self.fill(self.section("trigger"), folder)):
            fault = run_command(command, folder, environment)
            if fault:
                return fault
        return None

    def run_engine(self, folder, environment, rules):
        further = [ROOT / key[len("rules "):] for key, _ in self.parts if key.startswith("rules ")]
        rules_path = folder / "case.rule"
        rules_path.write_text(self.fill(rules, folder))
        before = attached()
        config = None
        if self.section("config"):
            config = folder / "case.yaml"
            config.write_text(self.fill(self.section("config"), folder))
        engine = Engine(folder, [*further, rules_path], config)
        fault = engine.wait_ready()
        if fault:
            return fault
        environment.update(SLUICE_PID=str(engine.process.pid), SLUICE_RULES=str(rules_path),
                           SLUICE_LOG=str(engine.stderr_path))
        faults = []
        try:
            for command in commands(self.fill(self.section("trigger"), folder)):
                fault = run_command(command, folder, environment)
                if fault:
                    faults.append(fault)
        finally:
            status = engine.stop()
        after = attached()
        if before is not None and after - before:
            faults.append(f"still in the kernel: {sorted(after - before)}")
        faults += Expectation(self.fill(self.section("expect"), folder)).faults(engine, status)
        return "; ".join(faults) if faults else None


class Skip(Exception):
    pass


def report(case):
    try:
        fault = case.run()
    except Skip as reason:
        print(f"SKIP {case.name}: {reason}")
        return "skipped"
    except Exception as error:  # a fault of the case or of the suite fails that case only
        fault = f"{type(error).__name__}: {error}"
    if fault:
        print(f"FAIL {case.name}: " + fault.replace("\n", "\n    "))
        return "failed"
    print(f"PASS {case.name}")
    return "passed"


def library(names):
    """The triggers of the tests in rules/, by `sluice test --live`; its lines are of our form. True when all is well."""
    if names and not any(name in "triggers-of-the-library" for name in names):
        return True
    begin = time.monotonic()
    environment = dict(os.environ, PATH=f"{HERE / 'helpers'}:{os.environ['PATH']}")  # make_module
    status = subprocess.run(["sluice", "test", "--live", ROOT / "rules"], stdin=subprocess.DEVNULL, cwd=ROOT, env=environment,
                            check=False).returncode
    print(f"    {time.monotonic() - begin:.1f} s")
    return status == 0


def find_build():
    for folder in (os.environ.get("SLUICE_LIVE_HELPERS"), ROOT / "build/tests/live"):
        if folder and os.access(pathlib.Path(folder) / "op", os.X_OK):
            return folder
    sys.exit("run.py: build/tests/live/op is missing: build first (./dev build)")


def main(names):
    if os.geteuid() != 0:
        sys.exit("run.py: this needs root in a guest: ./dev vm --script tests/live/run.sh")
    paths = [path for path in sorted((HERE / "cases").glob("*.case"))
             if not names or any(name in path.stem for name in names)]
    if not paths and not names:
        sys.exit("run.py: no cases")
    counts = collections.Counter()
    for path in paths:
        begin = time.monotonic()
        result = report(Case(path))
        counts[result] += 1
        print(f"    {time.monotonic() - begin:.1f} s")
    print(f"{counts['passed']} passed, {counts['failed']} failed, {counts['skipped']} skipped")
    return 0 if library(names) and not counts["failed"] else 1


def arguments(words):
    """Names; the options that say where we run are of no concern here."""
    found = []
    while words:
        word = words.pop(0)
        if word == "--kernel":
            words.pop(0)
        else:
            found.append(word)
    return found


if __name__ == "__main__":
    BUILD = find_build()
    sys.exit(main(arguments(sys.argv[1:])))
