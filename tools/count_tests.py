# tools/count_tests.py - turns one ctest run into lines `PASS name`, `FAIL name: why`, `SKIP name: why`, a case a line.
#
# Usage: count_tests.py PREFIX CTEST-JUNIT GTEST-FOLDER
#
# GTEST-FOLDER holds the XML that the GoogleTest programs wrote. A test program that wrote none, or that failed although
# each of its cases passed (a crash, a leak), counts as one case by its ctest name.
import pathlib
import sys
import xml.etree.ElementTree as xml


def one_line(text):
    return " ".join((text or "").split())[:200]


def cases_of(path):
    """[(verdict, name, why)] of one GoogleTest program"""
    for case in xml.parse(path).getroot().iter("testcase"):
        name = f"{case.get('classname')}.{case.get('name')}"
        failure, skipped = case.find("failure"), case.find("skipped")
        if failure is not None:
            yield "FAIL", name, one_line(failure.get("message"))
        elif case.get("status") == "notrun" or case.get("result") == "suppressed":
            yield "SKIP", name, "disabled"
        elif skipped is not None or case.get("result") == "skipped":
            yield "SKIP", name, one_line(skipped.get("message")) if skipped is not None else "no reason given"
        else:
            yield "PASS", name, ""


def programs(folder):
    """ctest name -> its cases; a program is called NAME_test"""
    found = {}
    for path in sorted(pathlib.Path(folder).glob("*.xml")):
        try:
            found.setdefault(path.stem.removesuffix("_test"), []).extend(cases_of(path))
        except xml.ParseError:
            pass  # it died while it wrote: ctest says so
    return found


def main():
    prefix, junit, folder = sys.argv[1:]
    found = programs(folder)
    lines = [(verdict, f"{name}: {case}", why) for name, cases in found.items() for verdict, case, why in cases]
    for test in xml.parse(junit).getroot().iter("testcase"):
        name, status = test.get("name"), test.get("status")
        known = found.get(name, [])
        if status == "fail" and not any(verdict == "FAIL" for verdict, _, _ in known):
            failure = test.find("failure")
            lines.append(("FAIL", name, one_line(failure.get("message") if failure is not None else "") or "it failed"))
        elif status in ("notrun", "disabled"):
            lines.append(("SKIP" if status == "disabled" else "FAIL", name, "it was not run"))
        elif status == "run" and not known:
            lines.append(("PASS", name, ""))
    for verdict, name, why in lines:
        print(f"{verdict} {prefix}/{name}" + (f": {why}" if why else ""))


main()
