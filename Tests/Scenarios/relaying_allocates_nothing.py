"""In steady state a data loop allocates nothing and retains nothing, per block or per event, copying and splicing.

Counted on the real process by perf/count.c in front of malloc and the Swift runtime. A build for debugging allocates for
literals and retains what it touches, so only optimised binaries are judged; of a binary with the runtime inside only malloc can be counted. Registrations are counted too: no epoll_ctl
after set-up.
"""

import os
import shutil
import struct
import subprocess

from support import ROOT, Server, Warren, binary, echo, folder, payload, read_exactly

ROUNDS = 3000
NAMES = ("allocations", "frees", "references", "objects", "bytes")


def counter(place):
    compiler = next((name for name in ("clang", "cc", "gcc") if shutil.which(name)), None)
    assert compiler, "no C compiler for perf/count.c: install clang or gcc"
    library = os.path.join(place, "count.so")
    subprocess.run([compiler, "-O2", "-shared", "-fPIC", "-o", library, str(ROOT / "perf" / "count.c"), "-ldl"], check=True)
    return library


def read(path):
    with open(path, "rb") as file:
        return dict(zip(NAMES, struct.unpack("5Q", file.read(40))))


def is_optimised():
    return "/debug/" not in os.path.realpath(binary())


def run():
    with folder() as place, Server(echo) as server:
        library, path = counter(place), os.path.join(place, "counts")
        for splice in ("never", "auto", "always"):
            if os.path.exists(path):
                os.unlink(path)
            with Warren("-listen", "127.0.0.1:0", "-target", server.flag, "-splice", splice,
                        environment={"LD_PRELOAD": library, "WARREN_COUNTS": path}) as warren:
                with warren.connect() as client:
                    def rounds(count, size):
                        data = payload(size)
                        for _ in range(count):
                            client.sendall(data)
                            assert read_exactly(client, size) == data

                    rounds(200, 100)
                    rounds(20, 300_000)
                    registrations = warren.counters()["loop_registrations"]
                    # A report allocates, so that it stands outside of what is measured.
                    for size, count in ((100, ROUNDS), (300_000, 100)):
                        before = read(path)
                        rounds(count, size)
                        after = read(path)
                        cost = {name: after[name] - before[name] for name in NAMES}
                        print(f"-splice {splice}, {count} rounds of {size} bytes: {cost}")
                        assert before["allocations"] > 0, "nothing is counted"
                        if os.uname().machine == "x86_64" and not warren.holds_its_runtime():
                            assert before["references"] > 0 and before["objects"] > 0, "the runtime's calls are not counted"
                        if is_optimised():
                            assert not any(cost.values()), cost
                    assert warren.counters()["loop_registrations"] == registrations, "epoll_ctl after set-up"
