# tools/check_includes.py - data flows left to right: a stage includes only what it is built on.
#
# Usage: check_includes.py        from the repository's root; one line a breach, status 1 if there is any
#
# What a stage is built on is said once, by the DEPS of sluice_stage() in CMakeLists.txt.
import pathlib
import re
import sys

FENCED = [  # (what is included, where it may be)
    (re.compile(r"antlr4-runtime|Sluice(Lexer|Parser)\.h"), re.compile(r"compiler/parse/")),
    (re.compile(r"bpf/libbpf\.h|bpf/bpf\.h|\.skel\.h"), re.compile(r"runtime/load/|bpf/|tests/|fuzz/|bench/")),
    (re.compile(r"yaml-cpp/"), re.compile(r"compiler/yaml/")),
    (re.compile(r"curl/curl\.h|openssl/"), re.compile(r"runtime/sink/")),
    (re.compile(r"civetweb"), re.compile(r"runtime/status/")),
    (re.compile(r"CLI/"), re.compile(r"cli/")),
    (re.compile(r"^re2/"), re.compile(r"compiler/check/|compiler/naive/|runtime/eval/|compiler/uplan/|tests/|fuzz/|bench/")),
]
SHARED = {"bpf/abi"}  # plain C, for both sides


def stages():
    """folder -> folders that it may include, itself among them"""
    text = pathlib.Path("CMakeLists.txt").read_text(encoding="utf-8")
    found = re.findall(r"^sluice_stage\((\S+)(?:\s+DEPS\s+([^)]*))?\)", text, re.M)
    library = {"sluice_" + folder.split("/")[-1]: folder for folder, _ in found}
    direct = {folder: {library[d] for d in deps.split() if d in library} for folder, deps in found}

    def reach(folder):
        return {folder}.union(*(reach(other) for other in direct[folder]))

    return {folder: reach(folder) | SHARED for folder in direct}


def breaches(path, allowed):
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        included = re.match(r'\s*#\s*include\s*[<"]([^>"]+)[>"]', line)
        if not included:
            continue
        target = included[1]
        folder = target.rpartition("/")[0]
        if target.split("/")[0] in ("compiler", "runtime", "harness", "learn", "cli") and folder not in allowed:
            yield f"{path}:{number}: {path.parent} is not built on {folder} (CMakeLists.txt, DEPS)"
        for what, where in FENCED:
            if what.search(target) and not where.match(str(path)):
                yield f"{path}:{number}: {target} is fenced into {where.pattern}"


def main():
    found = []
    for folder, allowed in stages().items():
        for path in sorted(pathlib.Path(folder).glob("*")):
            if path.suffix in (".h", ".cc", ".c"):
                found += breaches(path, allowed)
    print("\n".join(found), end="\n" if found else "")
    sys.exit(1 if found else 0)


main()
