# tools/check_codes.py - every diagnostic code is declared once, explained, and tested.
#
# Usage: check_codes.py        from the repository's root; one line a breach, status 1 if there is any
#
# For each code of compiler/diag/codes.def: no second declaration, a heading in docs/diagnostics.md that names it, a test
# (golden or *_test.cc) that mentions it. And no text of docs/ or tests/ names a code that does not exist.
import collections
import pathlib
import re
import sys

CODE = re.compile(r"\b[EWN][1-9][0-9]{2}\b")
DEFINITIONS = pathlib.Path("compiler/diag/codes.def")


def text_of(*patterns):
    paths = [path for pattern in patterns for path in pathlib.Path(".").glob(pattern) if path.is_file()]
    return "\n".join(path.read_text(encoding="utf-8", errors="replace") for path in paths)


def main():
    if not DEFINITIONS.exists():
        return
    declared = re.findall(r"^DIAG\((\w+), *\w+, *\"([^\"]+)\"", DEFINITIONS.read_text(encoding="utf-8"), re.M)
    explained = set(CODE.findall("\n".join(re.findall(r"^#+ .*$", text_of("docs/diagnostics.md"), re.M))))
    tests = text_of("tests/golden/**/*", "tests/live/**/*", "compiler/**/*_test.cc", "runtime/**/*_test.cc", "tests/**/*_test.cc", "cli/*_test.cc", "harness/*_test.cc")
    tested = set(CODE.findall(tests))
    codes = [code for code, _ in declared]
    problems = []
    for what, values in (("code", codes), ("slug", [slug for _, slug in declared])):
        twice = [value for value, count in collections.Counter(values).items() if count > 1]
        problems += [f"{DEFINITIONS}: {what} {value} is declared twice" for value in twice]
    problems += [f"docs/diagnostics.md: no section for {code}" for code in codes if code not in explained]
    problems += [f"tests/golden: no test mentions {code}" for code in codes if code not in tested]
    problems += [f"docs/diagnostics.md: {code} is not declared" for code in sorted(explained - set(codes))]
    print("\n".join(problems), end="\n" if problems else "")
    sys.exit(1 if problems else 0)


main()
