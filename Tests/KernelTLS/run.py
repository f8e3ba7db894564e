#!/usr/bin/env python3
"""Kernel TLS in a virtual machine: boots each Debian kernel that lies under .build/kernels (Tests/KernelTLS/kernels puts them
there) with Warren, Python and openssl in its memory, and runs inside.py there.

    Tests/KernelTLS/run.py [KERNEL[:PART]...]

KERNEL is stable or backported, both by default, and PART how the names of the parts begin that are to run.

Emulated, since that works everywhere; a minute or two for each kernel. Says which kernel it has to leave out and why; where that
leaves nothing to run, its status is 77. The last line says "N passed, N failed".
"""

import ast
import lzma
import os
import pathlib
import re
import shutil
import stat
import subprocess
import sys
import sysconfig
import tempfile
import threading

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "Tests/Scenarios"))

from support import SKIPPED, binary  # noqa: E402

PATIENCE = 600  # seconds for one kernel
# What AES-GCM in the kernel is made of, by name; ChaCha20 is left out, so that there is a cipher the kernel refuses.
MODULES = ("ghash-clmulni-intel", "ghash-generic", "aesni-intel", "gcm", "ctr", "tls")
LEFT_OUT = {"test", "idlelib", "tkinter", "turtledemo", "ensurepip", "lib2to3", "__pycache__", "pydoc_data", "distutils",
            "config-3.11-x86_64-linux-gnu"}
SCENARIOS = ("support.py", "tunnel/tunnel_support.py",
             "tunnel/half_closes_truncations_and_key_updates_cross_two_hops.py")


def skip(reason):
    print(f"skipped: {reason}\n0 passed, 0 failed")
    raise SystemExit(SKIPPED)


def parts():
    """Which parts inside.py has for which kernel. It can be read here, but not imported: it would mount /proc."""
    for statement in ast.parse((ROOT / "Tests/KernelTLS/inside.py").read_text()).body:
        if isinstance(statement, ast.Assign) and ast.unparse(statement.targets[0]) == "PARTS":
            return {key.value: [name.id for name in names.elts]
                    for key, names in zip(statement.value.keys, statement.value.values)}
    raise SystemExit("Tests/KernelTLS/inside.py has no PARTS")


def check(wanted, known):
    """Ends with a sentence if something is asked for that there is not."""
    for each in wanted:
        name, _, part = each.partition(":")
        if name not in known:
            raise SystemExit(f'"{each}": no kernel is called "{name}": there are {", ".join(known)}')
        if not any(one.startswith(part) for one in known[name]):
            raise SystemExit(f'"{each}": no part for {name} begins with "{part}": there are\n    ' + "\n    ".join(known[name]))


class Archive:
    """The file tree of the machine, as the kernel unpacks it: cpio, format "newc" (cpio(5))."""

    def __init__(self, file):
        self.file, self.known, self.number = file, set(), 0

    def _entry(self, name, mode, data=b"", device=(0, 0)):
        self.number += 1
        name = name.encode() + b"\0"
        fields = (self.number, mode, 0, 0, 1, 0, len(data), 0, 0, *device, len(name), 0)
        header = b"070701" + b"".join(b"%08X" % field for field in fields)
        self.file.write(header + name + b"\0" * (-(len(header) + len(name)) % 4) + data + b"\0" * (-len(data) % 4))

    def folder(self, path):
        path = path.strip("/")
        if path and path not in self.known:
            self.folder(os.path.dirname(path))
            self.known.add(path)
            self._entry(path, stat.S_IFDIR | 0o755)

    def put(self, path, data, mode=0o644):
        path = path.strip("/")
        if path not in self.known:
            self.folder(os.path.dirname(path))
            self.known.add(path)
            self._entry(path, stat.S_IFREG | mode, data)

    def copy(self, source, path=None):
        source = pathlib.Path(source)
        self.put(path or str(source), source.read_bytes(), 0o755 if os.access(source, os.X_OK) else 0o644)

    def program(self, source, path=None):
        """A program or library, and the libraries that ldd(1) names for it, each where it is here."""
        self.copy(source, path)
        found = subprocess.run(["ldd", str(source)], capture_output=True, text=True, timeout=60).stdout
        for library in re.findall(r"(/\S+) \(0x", found):
            self.copy(library)

    def device(self, path, major, minor):
        self.folder(os.path.dirname(path))
        self._entry(path.strip("/"), stat.S_IFCHR | 0o600, device=(major, minor))

    def close(self):
        self._entry("TRAILER!!!", 0)


def modules(tree):
    """What the kernel's modules need, by reading what each says of itself; in the order in which they have to be loaded."""
    files = {}
    for path in tree.rglob("*.ko*"):
        files[path.name.split(".")[0].replace("_", "-")] = path
    order = {}

    def load(name):
        name = name.replace("_", "-")
        if name in order or name not in files:
            return
        data = files[name].read_bytes()
        if files[name].suffix == ".xz":
            data = lzma.decompress(data)
        for needed in re.findall(rb"\0depends=([^\0]*)", data)[:1]:
            for each in needed.decode().split(","):
                load(each)
        order[name] = data

    for name in MODULES:
        load(name)
    return order


def machine(file, tree):
    archive = Archive(file)
    for path in ("dev", "proc", "sys", "tmp", "etc"):
        archive.folder(path)
    archive.device("dev/console", 5, 1)
    archive.device("dev/null", 1, 3)
    archive.device("dev/urandom", 1, 9)
    archive.program(binary(), "bin/warren")
    archive.program(shutil.which("openssl"), "usr/bin/openssl")
    archive.program(os.path.realpath("/usr/bin/python3"), "usr/bin/python3")
    library = pathlib.Path(f"/usr/lib/python{sysconfig.get_python_version()}")
    for path in sorted(library.rglob("*")):
        if path.is_file() and not LEFT_OUT & set(path.relative_to(library).parts):
            archive.program(path) if ".so" in path.suffixes else archive.copy(path)
    for number, (name, data) in enumerate(modules(tree).items()):
        archive.put(f"modules/{number:02}-{name}.ko", data)
    for name in SCENARIOS:
        archive.copy(ROOT / "Tests/Scenarios" / name, f"warren/Tests/Scenarios/{name}")
    archive.copy(ROOT / "Tests/KernelTLS/inside.py", "warren/Tests/KernelTLS/inside.py")
    archive.put("init", b"#!/usr/bin/python3 /warren/Tests/KernelTLS/inside.py\n", 0o755)
    archive.close()


def boot(name, tree):
    """Runs one kernel, or parts of what is to be run on it; how many passed and failed."""
    image = next(path for path in tree.rglob("vmlinuz*") if path.is_file())
    with tempfile.NamedTemporaryFile(prefix="warren-", suffix=".cpio") as file:
        machine(file, tree)
        file.flush()
        size = os.path.getsize(file.name) >> 20
        print(f"==> {name}: {image}, {size} MiB of files", flush=True)
        process = subprocess.Popen(
            ["qemu-system-x86_64", "-accel", "tcg", "-cpu", "max", "-smp", "2", "-m", "1536", "-nographic", "-no-reboot",
             "-nic", "none", "-kernel", str(image), "-initrd", file.name,
             "-append", f"console=ttyS0 quiet panic=-1 rdinit=/init warren.kernel={name}"],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        timer = threading.Timer(PATIENCE, process.kill)
        timer.start()
        last = None
        try:
            for line in process.stdout:
                line = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]|\x1bc", "", line.decode("utf-8", "replace")).rstrip()
                print(f"    {line}", flush=True)
                last = re.fullmatch(r"(\d+) passed, (\d+) failed", line) or last
        finally:
            timer.cancel()
            process.kill()
            process.wait()
    if not last:
        print(f"FAILED: {name} did not come to its end within {PATIENCE} s")
        return 0, 1
    passed, failed = int(last.group(1)), int(last.group(2))
    if passed + failed == 0:
        print(f"FAILED: {name} ran nothing")
        return 0, 1
    return passed, failed


def main():
    place, known = ROOT / ".build/kernels", parts()
    wanted = sys.argv[1:] or list(known)
    check(wanted, known)
    if not shutil.which("qemu-system-x86_64"):
        skip("qemu-system-x86_64 is not installed here (Debian: qemu-system-x86)")
    found = {path.name: path for path in sorted(place.glob("*")) if path.is_dir()}
    absent = [name for name in known if name not in found and any(each.split(":")[0] == name for each in wanted)]
    reason = f"no kernel {' and '.join(absent)} under {place}: Tests/KernelTLS/kernels puts it there"
    wanted = [each for each in wanted if each.split(":")[0] in found]
    if not wanted:
        skip(reason)
    if absent:
        print(f"left out: {reason}")
    passed = failed = 0
    for name in wanted:
        good, bad = boot(name, found[name.split(":")[0]])
        passed, failed = passed + good, failed + bad
    print(f"{passed} passed, {failed} failed")
    raise SystemExit(failed != 0)


if __name__ == "__main__":
    main()
