"""Everything a run starts, so that everything is stopped: by pid, whatever happens to the run itself."""

import contextlib
import ctypes
import os
import signal
import socket
import subprocess
import time
from pathlib import Path


class StartFailure(Exception):
    """A program did not come up; the text says what it said."""


def die_with_parent():
    # prctl(PR_SET_PDEATHSIG, SIGTERM): a harness that is killed outright leaves nothing running. SIGTERM and not SIGKILL,
    # so that a master process takes its workers along.
    ctypes.CDLL(None, use_errno=True).prctl(1, signal.SIGTERM)


def children(pid):
    """The pids of a process' children, of all its threads (proc(5))."""
    found = []
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        try:
            found += [int(word) for word in task.read_text().split()]
        except OSError:
            continue
    return found


def members(session):
    """The pids of a session's processes, whoever their parent is by now (proc(5), field 6 of stat)."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if fields[3] == str(session) and fields[0] not in "ZX":
            found.append(int(stat.parent.name))
    return found


def resident_bytes(pids):
    """Resident memory of processes, together."""
    total = 0
    for pid in pids:
        try:
            text = Path(f"/proc/{pid}/status").read_text()
        except OSError:
            continue
        for line in text.splitlines():
            if line.startswith("VmRSS:"):
                total += int(line.split()[1]) * 1024
    return total


class Process:
    """One started program, with its words kept for the case that it fails."""

    def __init__(self, words, log, env=None, cwd=None):
        self.words = [str(word) for word in words]
        self.log = Path(log)
        #: Whether what it started works for it and is counted with it.
        self.counts_children = True
        with open(self.log, "wb") as output:
            try:
                self.popen = subprocess.Popen(
                    self.words, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT,
                    preexec_fn=die_with_parent, start_new_session=True, env=env, cwd=cwd)
            except OSError as error:
                raise StartFailure(f"{self.words[0]}: {error.strerror}") from error

    @property
    def pid(self):
        return self.popen.pid

    def pids(self):
        """The process and its workers."""
        return [self.pid] + (children(self.pid) if self.counts_children else [])

    def tail(self, lines=6):
        text = self.log.read_text(errors="replace").strip().splitlines()
        return "\n".join(text[-lines:]) or "(it printed nothing)"

    def failure(self, what):
        return StartFailure(f"{os.path.basename(self.words[0])} {what}:\n{self.tail()}")

    def wait_listening(self, port, deadline=20.0):
        """Until something listens on the port: looked up, not connected to, since a probe would count as a client."""
        end = time.monotonic() + deadline
        while time.monotonic() < end:
            if self.popen.poll() is not None:
                raise self.failure(f"ended with status {self.popen.returncode} instead of listening on port {port}")
            if is_listening(port):
                return
            time.sleep(0.02)
        raise self.failure(f"does not listen on port {port} after {deadline:.0f} s")

    def stop(self, grace=5.0):
        """Ends it and its workers: first asked, then told, each by pid. A worker may outlive its master, who was traced or
        killed; the session tells whose it was. One in a session of its own was his child before."""
        workers = set(children(self.pid)) if self.popen.poll() is None else set()
        if self.popen.poll() is None:
            self.popen.terminate()
            try:
                self.popen.wait(grace)
            except subprocess.TimeoutExpired:
                self.popen.kill()
                self.popen.wait()
        for pid in workers.union(members(self.pid)):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


class Supervisor:
    """The processes of a run, stopped in reverse order."""

    def __init__(self, directory):
        self.directory = Path(directory)
        self.running = []
        self.count = 0

    def start(self, words, name, env=None, cwd=None):
        self.count += 1
        process = Process(words, self.directory / f"{self.count}-{name}.log", env, cwd)
        self.running.append(process)
        return process

    def stop(self, process):
        process.stop()
        if process in self.running:
            self.running.remove(process)

    def stop_all(self):
        while self.running:
            self.running.pop().stop()


def is_listening(port):
    """Whether some socket of this machine listens on the port (/proc/net/tcp, state 0A)."""
    wanted = f":{port:04X}"
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        try:
            lines = Path(table).read_text().splitlines()[1:]
        except OSError:
            continue
        for line in lines:
            fields = line.split()
            if fields[3] == "0A" and fields[1].endswith(wanted):
                return True
    return False


class Ports:
    """Free ports below the range that clients' own ports come from, so that none is taken by chance later."""

    def __init__(self, first=20100, last=31000):
        self.next = first
        self.last = last

    def take(self):
        while self.next <= self.last:
            port = self.next
            self.next += 1
            with socket.socket() as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                try:
                    probe.bind(("127.0.0.1", port))
                except OSError:
                    continue
            return port
        raise StartFailure(f"no free port is left up to {self.last}; stop what listens there, or give --first-port")
