# tools/extract_vmlinux.py - takes the uncompressed kernel out of a bzImage.
#
# Usage: extract_vmlinux.py VMLINUZ OUT
import re
import subprocess
import sys

DECOMPRESSORS = {
    b"\xfd7zXZ\0": ["xz", "-dcq"],
    b"\x28\xb5\x2f\xfd": ["zstd", "-dcq"],
    b"\x1f\x8b\x08": ["gzip", "-dcq"],
}


def extract(image):
    for magic, command in DECOMPRESSORS.items():
        for match in re.finditer(re.escape(magic), image):
            # What follows the kernel makes the decompressor complain: look at its output, not its status.
            done = subprocess.run(command, input=image[match.start():], capture_output=True, check=False)
            if done.stdout[:4] == b"\x7fELF":
                return done.stdout
    sys.exit(f"{sys.argv[1]}: no xz, zstd or gzip compressed ELF kernel in it")


with open(sys.argv[1], "rb") as source:
    vmlinux = extract(source.read())
with open(sys.argv[2], "wb") as out:
    out.write(vmlinux)
