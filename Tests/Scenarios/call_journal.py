"""System calls of a data loop, one by one, written down on the real process by call_journal.c in front of them."""

import collections
import contextlib
import mmap
import os
import shutil
import struct
import subprocess

from support import ROOT, folder, skip

# As call_journal.c has them.
KINDS = ("wait", "accept", "epoll_ctl", "recv", "send", "splice", "pipe")
HEAD, ENTRY, CAPACITY = struct.Struct("=IIiI"), struct.Struct("=iiq"), 1 << 18

# `result` is the call's, or the error's number with a minus.
Call = collections.namedtuple("Call", "kind descriptor result")


class CallJournal:
    """What one process with one data loop calls; `environment` is what it has to be started with."""

    def __init__(self, library, path):
        self.environment = {"LD_PRELOAD": library, "WARREN_JOURNAL": path}
        with open(path, "w+b") as file:
            file.truncate(HEAD.size + ENTRY.size * CAPACITY)
            self.memory = mmap.mmap(file.fileno(), 0)

    def count(self):
        """How many calls there were: a place in the journal."""
        return HEAD.unpack_from(self.memory)[0]

    def since(self, place=0):
        """The calls from that place on; some must be there, or they go past the journal."""
        count = self.count()
        assert 0 < count < CAPACITY, f"{count} calls were written down"
        raw = self.memory[HEAD.size + ENTRY.size * place:HEAD.size + ENTRY.size * count]
        return [Call(KINDS[kind], descriptor, result) for kind, descriptor, result in ENTRY.iter_unpack(raw)]

    def refuse(self, times, error):
        """Has the next `times` calls of accept4 fail with `error`."""
        struct.pack_into("=i", self.memory, 8, error)
        struct.pack_into("=I", self.memory, 4, times)

    def refusals(self):
        """How many of them are still to come."""
        return HEAD.unpack_from(self.memory)[1]


@contextlib.contextmanager
def call_journal():
    """A journal for one process."""
    compiler = next((name for name in ("clang", "cc", "gcc") if shutil.which(name)), None)
    if compiler is None:
        skip("no C compiler for call_journal.c")
    with folder() as place:
        library = os.path.join(place, "journal.so")
        subprocess.run(
            [compiler, "-O2", "-shared", "-fPIC", "-o", library, str(ROOT / "Tests/Scenarios/call_journal.c"), "-ldl"],
            check=True)
        yield CallJournal(library, os.path.join(place, "journal"))
