"""./dev vm - runs a job in a virtual machine with a stock Debian kernel.

The guest sees the machine's own file system: every program, the repository and its build, each at its own path. What
the job writes is gone afterwards; /tmp and /run are empty at first, but for the job's folder. The job runs as root in
the repository's root, `sluice` on its PATH is build/sluice. Its output, nothing else, goes to stdout and stderr. Two
empty USB disks are there once the job has called `modprobe -a xhci-pci usb-storage sd_mod`.

Exit status: the job's; 2 after wrong usage; 124 when the time limit was reached; 125 when the guest failed (kernel
panic, no boot). With neither script nor command: a shell, or, when stdin is no terminal, what stdin says.
"""

import argparse
import ctypes
import fcntl
import os
import re
import selectors
import shlex
import signal
import stat
import subprocess
import sys
import termios
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
CACHE = os.path.join(os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache"), "sluice")
TIMED_OUT, GUEST_FAILED = 124, 125
VOLATILE = ("/tmp", "/run", "/dev/shm", "/var/run")  # the guest has its own
COPY_BYTES, COPY_FILES = 32 << 20, 1000  # a folder up to this size is copied, a larger one laid under an overlay
CONSOLE_TAIL = 32 << 10
PR_SET_PDEATHSIG = 1
BOOT_SECONDS = 90
# Empty USB disks, until xhci-pci and usb-storage are loaded no more than a controller: one says that it is removable.
STICKS, STICK_BYTES = (("on", "usb1"), ("off", "usb2")), 64 << 20
# With a host thread per CPU, emulation is a sixth faster, but code that the kernel patches at run time (static keys,
# trampolines) is sometimes run stale: 2 of 30 guests hung or died. Taking turns is safe.
TCG = {False: "tcg,thread=single", True: "tcg,thread=multi"}
KVM_CREATE_VM = 0xAE01


def parse_arguments(argv):
    command = None
    if "--" in argv:
        argv, command = argv[: argv.index("--")], argv[argv.index("--") + 1 :]
    # A script's own arguments are not for us, whatever they look like.
    script_arguments = []
    for index, word in enumerate(argv):
        if word == "--script" or word.startswith("--script="):
            end = index + (2 if word == "--script" else 1)
            argv, script_arguments = argv[:end], argv[end:]
            if command is not None:
                script_arguments, command = script_arguments + ["--"] + command, None
            break
    parser = argparse.ArgumentParser(
        prog="./dev vm",
        description=__doc__.split("\n\n", 1)[1],
        formatter_class=argparse.RawDescriptionHelpFormatter,
        usage="./dev vm [OPTION...] [--script FILE [ARG...] | -- COMMAND...]",
        allow_abbrev=False,
    )
    parser.add_argument("--kernel", default="6.1", metavar="VERSION", help="the guest's kernel: 6.1 (default), 6.12, or another of Debian's (tools/kernel.sh)")
    parser.add_argument("--timeout", type=float, metavar="S", help="seconds until the guest is ended (300; a shell: none)")
    parser.add_argument("--memory", default="2048", metavar="MB", help="the guest's memory (2048)")
    parser.add_argument("--append", default="", metavar="ARGS", help="kernel arguments, such as lsm=lockdown,yama")
    parser.add_argument("--icount", action="store_true", help="one CPU that counts instructions, for measurements")
    parser.add_argument("--parallel", action="store_true", help="CPUs really at once under emulation; may hang the guest")
    parser.add_argument("--console", action="store_true", help="the guest's console to stderr as well")
    build = parser.add_mutually_exclusive_group()
    build.add_argument("--build", action="store_true", help="build first (default: only if build/sluice is missing)")
    build.add_argument("--no-build", action="store_true", help="do not build")
    parser.add_argument("--script", metavar="FILE", help="run FILE, wherever it lies; the rest are its arguments")
    options = parser.parse_args(argv)
    options.script_arguments, options.command = script_arguments, command
    if not re.fullmatch(r"\d+\.\d+", options.kernel):
        parser.error(f"'{options.kernel}' is no version of a kernel, such as 6.1")
    if command == []:
        parser.error("no command after --")
    if options.script is not None and (os.path.isdir(options.script) or not os.access(options.script, os.R_OK)):
        parser.error(f"no script can be read at '{options.script}'")
    return options


def note(text):
    print(text, file=sys.stderr, flush=True)


def prepare(options):
    """Packages, kernel and build; whatever they print goes to stderr."""
    for step in (["setup.sh", "--no-kernels"], ["kernel.sh", options.kernel]):
        if subprocess.run(["bash", f"{ROOT}/tools/{step[0]}", *step[1:]], stdout=2, stdin=subprocess.DEVNULL).returncode:
            sys.exit(GUEST_FAILED)
    missing = not os.path.exists(f"{ROOT}/build/sluice")
    if options.build or (missing and not options.no_build):
        built = subprocess.run(["bash", f"{ROOT}/tools/build.sh"], stdout=2, stdin=subprocess.DEVNULL).returncode == 0
        if not built and options.build:
            sys.exit(GUEST_FAILED)
        if not built:
            note("warning: the build failed, the guest has no sluice")


# What the guest gets -------------------------------------------------------------------------------------------------


def cpio(entries):
    """A newc archive of (path, mode, bytes)."""
    out = bytearray()
    for inode, (path, mode, data) in enumerate([*entries, ("TRAILER!!!", 0, b"")], 1):
        name = os.fsencode(path) + b"\0"
        numbers = (inode, mode, 0, 0, 1, 0, len(data), 0, 0, 0, 0, len(name), 0)
        out += b"070701" + b"".join(b"%08x" % number for number in numbers) + name
        out += b"\0" * (-len(out) % 4) + data
        out += b"\0" * (-len(out) % 4)
    return bytes(out)


def read(path):
    with open(path, "rb") as source:
        return source.read()


def is_small(folder):
    files = size = 0
    for parent, folders, names in os.walk(folder):
        files += len(folders) + len(names)
        for name in names:
            try:
                size += os.lstat(os.path.join(parent, name)).st_size
            except OSError:
                pass
        if files > COPY_FILES or size > COPY_BYTES:
            return False
    return True


def carry(folders):
    """How each of `folders` comes into the guest: lines `copy PATH`, `overlay PATH`; none where the guest sees it anyway."""
    lines, carried = [], []

    def add(path):
        if any(path == done or path.startswith(done + "/") for done in carried):
            return
        try:
            mode = os.lstat(path).st_mode
        except OSError:
            return
        if path in VOLATILE:
            for name in sorted(os.listdir(path)):
                add(f"{path}/{name}")
        elif stat.S_ISDIR(mode):
            lines.append(f"{'copy' if is_small(path) else 'overlay'} {path}")
        elif stat.S_ISREG(mode) or stat.S_ISLNK(mode):
            lines.append(f"file {path}")
        carried.append(path)

    for folder in sorted(set(folders), key=len):
        if any(folder == place or folder.startswith(place + "/") for place in VOLATILE):
            add(folder)
    return "\n".join(lines) + "\n"


def interpreter_of(script):
    """The words that run `script`: none if the kernel does it."""
    if os.access(script, os.X_OK):
        return []
    with open(script, "rb") as source:
        first = source.readline(256)
    if first.startswith(b"#!"):
        return shlex.split(os.fsdecode(first[2:].strip()))
    return ["bash"]


def describe_job(options):
    """(text of job.sh, folders that it needs, extra files)"""
    if options.script:
        if not os.path.isfile(options.script):  # a pipe
            text = read(options.script)
            return shell_line(["bash", "/run/sluice-vm/script", *options.script_arguments]), [], {"script": text}
        path = os.path.abspath(options.script)
        words = [*interpreter_of(path), path, *options.script_arguments]
        return shell_line(words), [os.path.dirname(path), os.path.dirname(os.path.realpath(path))], {}
    if options.command:
        if len(options.command) == 1 and not os.path.exists(options.command[0]):
            return shell_line(["bash", "-c", options.command[0]]), [], {}
        return shell_line(options.command), [], {}
    if sys.stdin.isatty():
        return shell_line(["env", r"PS1=\h:\w\$ ", "bash", "--norc", "-i"]), [], {}
    return shell_line(["bash", "/run/sluice-vm/script"]), [], {"script": sys.stdin.buffer.read()}


def shell_line(words):
    return "exec " + " ".join(shlex.quote(word) for word in words) + "\n"


def initrd(options, interactive):
    job, folders, files = describe_job(options)
    kernel = f"{CACHE}/kernel-{options.kernel}"
    release = read(f"{kernel}/release").decode().strip()
    size = os.get_terminal_size(0) if interactive else os.terminal_size((80, 24))
    settings = {
        "GUEST_DIRECTORY": ROOT,
        "GUEST_PROGRAM": f"{ROOT}/build/sluice",
        "GUEST_MODULES": os.path.realpath(f"{kernel}/lib/modules/{release}"),
        "GUEST_INTERACTIVE": "1" if interactive else "0",
        "GUEST_COLUMNS": str(size.columns),
        "GUEST_ROWS": str(size.lines),
        "GUEST_TERM": os.environ.get("TERM", "dumb") if interactive else "dumb",
    }
    files.update(
        {
            "settings": "".join(f"{name}={shlex.quote(value)}\n" for name, value in settings.items()),
            "folders": carry([*folders, ROOT, os.path.realpath(ROOT)]),
            "job.sh": job,
            "guest.sh": read(f"{ROOT}/tools/vm/guest.sh"),
        }
    )
    directories = ("bin", "dev", "proc", "sys", "modules", "job", "lower", "upper", "new")
    entries = [(name, 0o40755, b"") for name in directories]
    entries += [("bin/busybox", 0o100755, read("/bin/busybox")), ("init", 0o100755, read(f"{ROOT}/tools/vm/init.sh"))]
    entries += [(f"bin/{name}", 0o120777, b"busybox") for name in ("sh", "mount")]
    modules = sorted(os.listdir(f"{kernel}/initrd"))
    entries += [(f"modules/{name}", 0o100644, read(f"{kernel}/initrd/{name}")) for name in modules]
    entries += [(f"job/{n}", 0o100644, t if isinstance(t, bytes) else os.fsencode(t)) for n, t in files.items()]
    memory = os.memfd_create("initrd")
    with os.fdopen(os.dup(memory), "wb") as out:
        out.write(cpio(entries))
    return memory


# The machine ---------------------------------------------------------------------------------------------------------


def kvm_works():
    """Whether to try KVM. The flags count: where they are hidden, /dev/kvm may be there and yet fail in the boot."""
    if os.path.exists(f"{CACHE}/kvm-fails") or not re.search(r"\b(vmx|svm)\b", read("/proc/cpuinfo").decode()):
        return False
    try:
        with open("/dev/kvm", "rb+", buffering=0) as device:
            os.close(fcntl.ioctl(device, KVM_CREATE_VM, 0))
        return True
    except OSError:
        return False


def qemu_command(options, interactive, use_kvm, initrd_fd, outputs, stick_fds):
    arguments = ["console=ttyS0", "panic=-1", "oops=panic", "quiet", "no_timer_check"]
    machine = ["-accel", TCG[options.parallel], "-cpu", "Nehalem", "-smp", "2"]
    if use_kvm:
        machine = ["-accel", "kvm", "-cpu", "host", "-smp", "2"]
    if options.icount:
        machine = "-accel tcg,thread=single -cpu Nehalem -smp 1 -icount shift=0,sleep=off".split()
    else:
        arguments.append("mitigations=off")
    command = ["qemu-system-x86_64", "-nodefaults", "-no-user-config", "-no-reboot", "-display", "none", *machine]
    command += ["-m", options.memory, "-kernel", f"{CACHE}/kernel-{options.kernel}/vmlinux"]
    command += ["-initrd", f"/proc/self/fd/{initrd_fd}", "-append", " ".join([*arguments, options.append])]
    command += ["-rtc", "base=utc", "-device", "virtio-rng-pci", "-device", "virtio-serial-pci"]
    command += ["-virtfs", "local,path=/,mount_tag=host,security_model=none,readonly=on,multidevs=remap"]
    command += ["-device", "qemu-xhci"]
    for (removable, name), fd in zip(STICKS, stick_fds):
        command += ["-drive", f"if=none,id={name},format=raw,file=/proc/self/fd/{fd}"]
        command += ["-device", f"usb-storage,drive={name},serial={name},removable={removable}"]
    for number, (name, fd) in enumerate(outputs.items(), 1):
        command += ["-add-fd", f"fd={fd},set={number}", "-chardev", f"file,id={name},path=/dev/fdset/{number},append=on"]
        if name == "console":
            command += ["-device", "isa-serial,chardev=console,index=0"]
        else:
            command += ["-device", f"virtserialport,chardev={name},name={name}"]
    if interactive:
        command += ["-chardev", "stdio,id=terminal,signal=off", "-device", "virtconsole,chardev=terminal"]
    return command


def write_all(fd, data):
    while data:
        try:
            data = data[os.write(fd, data) :]
        except BlockingIOError:
            with selectors.DefaultSelector() as writable:
                writable.register(fd, selectors.EVENT_WRITE)
                writable.select()


class Guest:
    """One run of the machine. REQUIRES: run() is called once."""

    def __init__(self, options, interactive, use_kvm, initrd_fd):
        self.options, self.interactive, self.use_kvm, self.initrd_fd = options, interactive, use_kvm, initrd_fd
        self.console, self.status_text, self.process = bytearray(), bytearray(), None

    def start(self):
        names = ("console", "status", "stdout", "stderr")
        pipes = {name: os.pipe() for name in names}
        outputs = {name: pipes[name][1] for name in names}
        sticks = [os.memfd_create(name) for _, name in STICKS]
        for stick in sticks:
            os.ftruncate(stick, STICK_BYTES)
        libc = ctypes.CDLL(None)

        def die_with_parent():
            libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
            if not self.interactive:
                os.setsid()  # Ctrl-C is ours to handle

        self.process = subprocess.Popen(
            qemu_command(self.options, self.interactive, self.use_kvm, self.initrd_fd, outputs, sticks),
            pass_fds=[self.initrd_fd, *outputs.values(), *sticks],
            stdin=None if self.interactive else subprocess.DEVNULL,
            stdout=None if self.interactive else outputs["console"],
            stderr=outputs["console"],
            preexec_fn=die_with_parent,
        )
        for fd in (*outputs.values(), *sticks):
            os.close(fd)
        return {name: pipes[name][0] for name in names}

    def consume(self, name, data):
        if name == "stdout":
            write_all(1, data)
        elif name == "stderr":
            write_all(2, data)
        elif name == "status":
            self.status_text += data
            if self.exit_status() is not None:
                self.process.kill()
        else:
            self.console = (self.console + data)[-CONSOLE_TAIL:]
            if self.options.console:
                write_all(2, data)

    def exit_status(self):
        found = re.search(rb"exit (\d+)\n", self.status_text)
        return int(found[1]) if found else None

    def booted(self):
        return b"started" in self.status_text

    def run(self):
        """The exit status of ./dev vm; None: the guest failed before the job was started."""
        deadline = time.monotonic() + self.options.timeout if self.options.timeout else None
        boot_deadline = time.monotonic() + BOOT_SECONDS
        timed_out = False
        with selectors.DefaultSelector() as selector:
            for name, fd in self.start().items():
                selector.register(fd, selectors.EVENT_READ, name)
            while selector.get_map():
                limit = deadline if self.booted() else min(boot_deadline, deadline or boot_deadline)
                left = None if limit is None or timed_out else limit - time.monotonic()
                if left is not None and left <= 0:
                    timed_out = True
                    self.process.kill()
                    continue
                for key, _ in selector.select(left):
                    data = os.read(key.fd, 1 << 16)
                    if data:
                        self.consume(key.data, data)
                    else:
                        selector.unregister(key.fd)
        self.process.wait()
        if self.exit_status() is not None:
            return self.exit_status()
        if timed_out and deadline is not None and time.monotonic() >= deadline:
            self.show_console()
            note(f"error: the guest was ended at its time limit of {self.options.timeout:g} s (--timeout changes it)")
            return TIMED_OUT
        if not self.booted():
            return None
        self.show_console()
        note("error: the guest failed while the job ran; its console is above")
        return GUEST_FAILED

    def show_console(self):
        lines = self.console.decode(errors="replace").replace("\r", "").splitlines()[-60:]
        note("---- the guest's console, its last lines ----")
        for line in lines:
            note(line)
        note("---- end of the console ----")


def run_job(options, interactive, guests):
    """The exit status. Appends to `guests` what it starts."""
    use_kvm = not options.icount and kvm_works()
    initrd_fd = initrd(options, interactive)
    for attempt in (1, 2):
        guests.append(Guest(options, interactive, use_kvm, initrd_fd))
        status = guests[-1].run()
        if status is not None:
            return status
        if use_kvm:
            note("warning: KVM does not boot the guest, it is software emulation from now on")
            with open(f"{CACHE}/kvm-fails", "w", encoding="utf-8"):
                use_kvm = False
        elif attempt == 1:
            note("warning: the guest did not boot, trying once more")
    guests[-1].show_console()
    note("error: the guest does not boot; its console is above")
    return GUEST_FAILED


def main():
    options = parse_arguments(sys.argv[1:])
    interactive = not options.script and not options.command and sys.stdin.isatty()
    if options.timeout is None and not interactive:
        options.timeout = 300
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    signal.signal(signal.SIGHUP, lambda *_: sys.exit(129))
    prepare(options)
    guests = []
    terminal = termios.tcgetattr(0) if interactive else None
    status = 130
    try:
        status = run_job(options, interactive, guests)
    except KeyboardInterrupt:
        pass
    except BrokenPipeError:
        status = 141
    finally:
        for guest in guests:
            if guest.process:
                guest.process.kill()
                guest.process.wait()
        if terminal:
            termios.tcsetattr(0, termios.TCSADRAIN, terminal)
    # Nothing is left to flush, and a closed stdout must not add a message.
    os._exit(status)


main()
