"""What data loops ask of malloc and of the Swift runtime, counted on the real process by perf/count.c in front of both."""

import os
import shutil
import struct
import subprocess

from support import ROOT, binary

NAMES = ("allocations", "frees", "references", "objects", "bytes", "openssl_allocations", "openssl_bytes")
WIDTH = 8 * len(NAMES)


def counting_library(place):
    compiler = next((name for name in ("clang", "cc", "gcc") if shutil.which(name)), None)
    assert compiler, "no C compiler for perf/count.c: install clang or gcc"
    library = os.path.join(place, "count.so")
    subprocess.run([compiler, "-O2", "-shared", "-fPIC", "-o", library, str(ROOT / "perf" / "count.c"), "-ldl"], check=True)
    return library


class Counts:
    """The counts of one process, in a file of its own; `environment` is what the process has to be started with."""

    def __init__(self, library, path):
        self.path = path
        self.environment = {"LD_PRELOAD": library, "WARREN_COUNTS": path}
        if os.path.exists(path):
            os.unlink(path)

    def read(self):
        with open(self.path, "rb") as file:
            return dict(zip(NAMES, struct.unpack(f"{len(NAMES)}Q", file.read(WIDTH))))

    def prove(self, warren):
        """Raises when calls go past the counter."""
        counts = self.read()
        assert counts["allocations"] > 0, "nothing is counted"
        if os.uname().machine == "x86_64" and not warren.holds_its_runtime():
            assert counts["references"] > 0 and counts["objects"] > 0, "the runtime's calls are not counted"


def cost(before, after):
    return {name: after[name] - before[name] for name in NAMES}


def is_optimised():
    """A build for debugging allocates for literals and retains what it touches: only optimised binaries are judged."""
    return "/debug/" not in os.path.realpath(binary())
