#!/usr/bin/env python3
"""Runs the program on good and bad input and compares messages and exit statuses.

Usage: run.py SLUICE [NAME...]     only the cases whose name contains a NAME

A case is a file below cases/: sections of `-- name --`, in txtar's manner.
  -- run --      the command line after `sluice`; {dir} is the case's own folder; one command a line
  -- exit --     the exit status (of the last command)
  -- stdout --   the exact text, or with `-- stdout contains --` lines that must occur in it, in any order
  -- stderr contains --, -- stderr lacks --
  -- stdin --
  -- FILE MODE? --   a file to make, with its content; MODE 000 is a file that cannot be read; {repeat N C} is N times C
The examples of README.md and docs/ that are marked as rule or yaml are compiled, too, and each example of
docs/diagnostics.md must give the diagnostic that it stands under. `check --format sarif` is held against the schema of
SARIF 2.1.0, sarif-2.1.0.schema.json (OASIS; from the npm package @microsoft/jest-sarif, MIT).
Every case runs as an ordinary user (nobody, when the runner is root), so that permissions count.
"""
import json
import os
import pathlib
import re
import shlex
import shutil
import subprocess
import sys
import tempfile

HEADER = re.compile(r"^-- (.+) --$")
EXAMPLE = re.compile(r"^```(rule|yaml)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
FAULT = re.compile(r"^### ([EWN]\d+) [^#]*?^```text\n(.*?)^```$", re.MULTILINE | re.DOTALL)
REPEAT = re.compile(r"\{repeat (\d+) (.)\}")
KEY = re.compile(r"^(\w+): *(.*?)(?: +# .*)?$")
HERE = pathlib.Path(__file__).resolve().parent
CHECKS = {"exit", "stdout", "stdout contains", "stderr contains", "stderr lacks", "stdin", "run"}


def sections(text):
    name, found = None, {}
    for line in text.splitlines(keepends=True):
        header = HEADER.match(line.rstrip("\n"))
        if header:
            name = header.group(1)
            found[name] = ""
        elif name is not None:
            found[name] += line
    return found


def as_nobody():
    """Arguments before a command that make it run without privileges."""
    if os.geteuid() != 0:
        return []
    return ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--inh-caps=-all", "--"]


def make_files(folder, parts):
    for name, text in parts.items():
        if name in CHECKS:
            continue
        path, _, mode = name.partition(" ")
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(REPEAT.sub(lambda found: int(found[1]) * found[2], text))
        target.parent.chmod(0o755)
        target.chmod(int(mode or "644", 8))


def faults(parts, status, out, err):
    def lines(name):
        return [line for line in parts.get(name, "").splitlines() if line]

    if status != int(parts.get("exit", "0")):
        yield f"exit status {status}, expected {parts.get('exit', '0').strip()}"
    if "stdout" in parts and out != parts["stdout"]:
        yield f"stdout differs, expected:\n{parts['stdout']}"
    yield from (f"stdout lacks: {line}" for line in lines("stdout contains") if line not in out)
    yield from (f"stderr lacks: {line}" for line in lines("stderr contains") if line not in err)
    yield from (f"stderr has: {line}" for line in lines("stderr lacks") if line in err)
    if "terminate called" in err or status < 0:
        yield "the program crashed"


def run_case(sluice, case):
    parts = sections(case.read_text())
    folder = pathlib.Path(tempfile.mkdtemp(prefix="sluice-cli."))
    try:
        folder.chmod(0o755)
        make_files(folder, parts)
        for command in parts["run"].splitlines():
            arguments = [word.replace("{dir}", str(folder)) for word in shlex.split(command)]
            done = subprocess.run(as_nobody() + [sluice, *arguments], input=parts.get("stdin", ""), text=True,
                                  capture_output=True, timeout=120, errors="backslashreplace",
                                  env={"PATH": os.environ["PATH"], "NO_COLOR": "1", "TZ": "UTC"})
        out, err = (text.replace(str(folder), "{dir}") for text in (done.stdout, done.stderr))
        found = list(faults(parts, done.returncode, out, err))
        if found:
            found.append(f"stdout was:\n{out}stderr was:\n{err}")
        return found
    finally:
        shutil.rmtree(folder)


def check_examples(sluice, page):
    """Every example of a page that is marked as a rule compiles without a warning."""
    found = []
    with tempfile.TemporaryDirectory(prefix="sluice-cli.") as folder:
        for number, (kind, text) in enumerate(EXAMPLE.findall(page.read_text()), 1):
            rules = pathlib.Path(folder) / f"{page.stem}-{number}.{kind}"
            rules.write_text(text)
            done = subprocess.run([sluice, "check", "-W", "error", rules], text=True, capture_output=True, timeout=60)
            if done.returncode != 0:
                found.append(done.stderr)
    return found


def whole_example(text):
    """The example as a file's name and text: keys alone stand for a rule with them."""
    if text.startswith("- "):
        return "example.yaml", text
    keys = {"desc": '"d"', "condition": "evt.type = openat", "output": '"o"', "priority": "notice"}
    blocks, given = [], []
    for line in text.splitlines():
        found = KEY.match(line)
        if found and found.group(1) not in given:
            given.append(found.group(1))
            keys[found.group(1)] = found.group(2)
        elif found:
            keys[found.group(1)] += f"\n  {found.group(1)}: {found.group(2)}"  # a key given twice
        else:
            blocks.append(line)
    rule = "".join(f"  {key}: {value}\n" for key, value in keys.items())
    return "example.rule", "".join(line + "\n" for line in blocks) + (f'rule "R" {{\n{rule}}}\n' if given else "")


def check_faults(sluice, page):
    """Every example of a diagnostic gives that diagnostic."""
    found = []
    with tempfile.TemporaryDirectory(prefix="sluice-cli.") as folder:
        for code, text in FAULT.findall(page.read_text()):
            name, whole = whole_example(text)
            rules = pathlib.Path(folder) / name
            rules.write_text(whole)
            done = subprocess.run([sluice, "check", "--format", "json", rules], text=True, capture_output=True, timeout=60)
            if f'"{code}"' not in done.stdout:
                found.append(f"the example of {code} does not give it:\n{whole}{done.stdout}{done.stderr}")
    return found


def check_sarif(sluice, root):
    """What `check --format sarif` says of good rules, and of every example of a diagnostic, is SARIF."""
    import jsonschema

    schema = json.loads((HERE / "sarif-2.1.0.schema.json").read_text())
    found, results = [], 0

    def hold(*paths):
        done = subprocess.run([sluice, "check", "--format", "sarif", *paths], text=True, capture_output=True, timeout=60)
        report = json.loads(done.stdout)
        for run in report["runs"]:
            for result in run["results"]:
                if run["tool"]["driver"]["rules"][result["ruleIndex"]]["id"] != result["ruleId"]:
                    found.append(f"{paths}: ruleIndex is not that of {result['ruleId']}")
        faults = jsonschema.Draft4Validator(schema).iter_errors(report)
        found.extend(f"{paths}: {list(fault.path)}: {fault.message}" for fault in faults)
        return len(report["runs"][0]["results"])

    with tempfile.TemporaryDirectory(prefix="sluice cli %ü.") as folder:
        for number, (_, text) in enumerate(FAULT.findall((root / "docs/diagnostics.md").read_text())):
            name, whole = whole_example(text)
            rules = pathlib.Path(folder) / f"{number} {name}"
            rules.write_text(whole)
            results += hold(rules)
    if hold(root / "rules") != 0 or results < 20:
        found.append(f"{results} results of the examples")
    return found


def run_all(sluice, words):
    tests = {case.stem: (run_case, case) for case in sorted((HERE / "cases").glob("*.txt"))}
    root = HERE.parent.parent
    for page in [root / "README.md", *sorted((root / "docs").glob("*.md"))]:
        if EXAMPLE.search(page.read_text()):
            tests[f"examples-of-{page.name}"] = (check_examples, page)
    tests["examples-of-diagnostics"] = (check_faults, root / "docs/diagnostics.md")
    tests["sarif-follows-its-schema"] = (check_sarif, root)
    tests = {name: test for name, test in tests.items() if not words or any(word in name for word in words)}
    failed = 0
    for name, (run, subject) in tests.items():
        found = run(sluice, subject)
        print("FAIL" if found else "PASS", name, flush=True)
        for fault in found:
            print("    " + fault.replace("\n", "\n    "))
        failed += bool(found)
    print(f"{len(tests)} cases, {failed} failed")
    return 1 if failed or not tests else 0


def main():
    if len(sys.argv) < 2:
        print(__doc__, file=sys.stderr)
        return 2
    # A copy that everyone may run, wherever the build folder is.
    with tempfile.TemporaryDirectory(prefix="sluice-cli.") as folder:
        os.chmod(folder, 0o755)
        return run_all(shutil.copy(sys.argv[1], os.path.join(folder, "sluice")), sys.argv[2:])


if __name__ == "__main__":
    sys.exit(main())
