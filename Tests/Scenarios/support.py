"""What the scenarios share: Warren as a process, sockets with deadlines, peers with a will of their own.

A scenario is a file whose name is the sentence it proves. It defines run() and returns, or raises AssertionError. It builds
nothing: the binary is $WARREN, or what lies in .build.
"""

import contextlib
import errno
import hashlib
import os
import pathlib
import re
import resource
import select
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
SKIPPED = 77
FULL = os.environ.get("WARREN_FULL") == "1"
DEADLINE = float(os.environ.get("WARREN_DEADLINE", "20"))


def binary():
    given = os.environ.get("WARREN")
    if given:
        return os.path.abspath(given)
    for kind in ("release", "debug"):
        path = ROOT / ".build" / kind / "warren"
        if path.exists():
            return str(path)
    raise SystemExit("no warren binary: build it (swift build) or set WARREN to its path")


@contextlib.contextmanager
def binary_for(user):
    """The program where that user may run it, None is whoever runs this: the clone may lie in a home that is closed to others."""
    if user is None:
        yield binary()
        return
    with folder() as path:
        os.chmod(path, 0o755)
        yield shutil.copy(binary(), path)


def skip(reason):
    """Ends the scenario as one that cannot run here."""
    print(f"skipped: {reason}", flush=True)
    os._exit(SKIPPED)


def program(name, *places):
    """The path of a program; the scenario is skipped where it is missing. script/peers installs them all."""
    beside = f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin:{ROOT}/.build/peers/bin"
    found = shutil.which(name, path=beside)
    for place in places:
        found = found or (place if os.access(place, os.X_OK) else None)
    return found or skip(f"{name} is not installed here")


def python_with(*modules):
    """The path of a Python that has these modules; the scenario is skipped where there is none."""
    for path in (str(ROOT / ".build/peers/bin/python"), sys.executable, "/usr/bin/python3"):
        if os.access(path, os.X_OK):
            done = subprocess.run(
                [path, "-c", "import " + ", ".join(modules)], capture_output=True, stdin=subprocess.DEVNULL, timeout=60)
            if done.returncode == 0:
                return path
    return skip(f"no Python here has {', '.join(modules)}")


def until(condition, what, seconds=DEADLINE):
    """Waits until condition() gives something true, and returns that."""
    end = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        assert time.monotonic() < end, f"never happened within {seconds} s: {what}"
        time.sleep(0.01)


def free_port(family=socket.AF_INET):
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.bind(("::1" if family == socket.AF_INET6 else "127.0.0.1", 0))
        return probe.getsockname()[1]


@contextlib.contextmanager
def folder():
    with tempfile.TemporaryDirectory(prefix="warren-") as path:
        yield path


def many_descriptors():
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return hard


class Warren:
    """A running `warren relay`; leaves with the with-block, however that ends."""

    def __init__(self, *words, command="relay", limit=None, environment=None, wait=True):
        self.words = [binary(), command, *[str(word) for word in words]]
        self.limit = limit
        self.environment = environment
        self.wait = wait
        self.log = []
        self.output = []
        self.changed = threading.Condition()
        self.process = None

    def __enter__(self):
        def prepare():
            if self.limit:
                resource.setrlimit(resource.RLIMIT_NOFILE, self.limit)

        self.process = subprocess.Popen(
            self.words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            env={**os.environ, **(self.environment or {})}, preexec_fn=prepare)
        self.readers = [
            threading.Thread(target=self._read, args=(self.process.stderr, self.log), daemon=True),
            threading.Thread(target=self._read, args=(self.process.stdout, self.output), daemon=True)]
        for reader in self.readers:
            reader.start()
        try:
            if self.wait:
                listeners = sum(1 for word in self.words if word == "-listen")
                until(lambda: len(self.matching("listening")) >= listeners or self.process.poll() is not None,
                      "warren listens")
                assert self.process.poll() is None, f"warren ended: {self.text()}"
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        for reader in self.readers:
            reader.join(5)
        self.process.stdout.close()
        self.process.stderr.close()

    def _read(self, stream, lines):
        for line in stream:
            with self.changed:
                lines.append(line.decode("utf-8", "replace").rstrip("\n"))

    @property
    def pid(self):
        return self.process.pid

    def text(self):
        return "\n".join(self.log)

    def matching(self, pattern, lines=None):
        return [line for line in list(self.log if lines is None else lines) if re.search(pattern, line)]

    def says(self, pattern, seconds=DEADLINE):
        return until(lambda: self.matching(pattern), f"warren says {pattern!r}; it said:\n{self.text()}", seconds)[-1]

    def address(self, index=0):
        """What the index-th listener got."""
        line = self.matching("listening")[index]
        text = re.search(r"""address"?[=:]"?([^\s"]+)""", line).group(1)
        if text.startswith("unix:"):
            return text[5:]
        host, port = text.rsplit(":", 1)
        host = host.strip("[]")
        return ({"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host), int(port))

    def connect(self, index=0, **options):
        return connect(self.address(index), **options)

    def report(self):
        """SIGUSR1's answer: the counters summed over the workers, and the lines of live tunnels."""
        reports = len(self.matching(r": counters: "))
        begin = len(self.log)
        self.process.send_signal(signal.SIGUSR1)
        # Each loop answers for itself.
        loops = max(1, self.loops())
        until(lambda: len(self.matching(r": counters: ")) >= reports + loops, f"a report of {loops} loops")
        # The lines of tunnels follow the counters at once, written by the same thread in one go.
        time.sleep(0.05)
        sums = {}
        for line in self.matching(r": counters: ")[reports:]:
            for name, value in re.findall(r"(\w+)=(-?\d+)", line):
                sums[name] = sums.get(name, 0) + int(value)
        tunnels = [
            dict(re.findall(r"(\w+)=([^\s\"]+)", line), line=line)
            for line in self.matching(r": connection: ", self.log[begin:])]
        return sums, tunnels

    def counters(self):
        return self.report()[0]

    def loops(self):
        """How many data loops run."""
        names = []
        for task in os.listdir(f"/proc/{self.pid}/task"):
            with contextlib.suppress(OSError), open(f"/proc/{self.pid}/task/{task}/comm") as name:
                names.append(name.read())
        return sum(name.startswith("data-") for name in names)

    def descriptors(self):
        return len(os.listdir(f"/proc/{self.pid}/fd"))

    def sockets(self):
        names = []
        for number in os.listdir(f"/proc/{self.pid}/fd"):
            with contextlib.suppress(OSError):
                names.append(os.readlink(f"/proc/{self.pid}/fd/{number}"))
        return sum(1 for name in names if name.startswith("socket:"))

    def pipes(self):
        names = []
        for number in os.listdir(f"/proc/{self.pid}/fd"):
            with contextlib.suppress(OSError):
                names.append(os.readlink(f"/proc/{self.pid}/fd/{number}"))
        return sum(1 for name in names if name.startswith("pipe:"))

    def resident_kib(self):
        with open(f"/proc/{self.pid}/status") as status:
            return int(re.search(r"VmRSS:\s+(\d+)", status.read()).group(1))

    def holds_its_runtime(self):
        """Whether Swift's runtime is linked into the binary, where nothing can stand in front of it."""
        with open(f"/proc/{self.pid}/maps") as maps:
            return "libswiftCore" not in maps.read()

    def cpu_seconds(self):
        with open(f"/proc/{self.pid}/stat") as stat:
            fields = stat.read().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def terminate(self):
        self.process.send_signal(signal.SIGTERM)

    def ends(self, seconds=DEADLINE):
        """The exit status, once the process is gone and all it wrote was read."""
        try:
            status = self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"warren is still there after {seconds} s; it said:\n{self.text()}") from None
        for reader in self.readers:
            reader.join(5)
        return status


def refused(*words, command="relay", limit=None, seconds=DEADLINE, user=None):
    """Runs Warren with words it should refuse; the exit status, and what it said on stderr (asked for help: on stdout)."""
    def prepare():
        if limit:
            resource.setrlimit(resource.RLIMIT_NOFILE, limit)

    with binary_for(user) as program:
        done = subprocess.run(
            [program, command, *[str(word) for word in words]], stdin=subprocess.DEVNULL, capture_output=True,
            timeout=seconds, preexec_fn=prepare, user=user)
    return done.returncode, (done.stderr or done.stdout).decode("utf-8", "replace")


def connect(address, timeout=DEADLINE, receive_buffer=None):
    family = socket.AF_UNIX if isinstance(address, str) else socket.AF_INET6 if ":" in address[0] else socket.AF_INET
    end = socket.socket(family, socket.SOCK_STREAM)
    try:
        end.settimeout(timeout)
        if receive_buffer:
            end.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        end.connect(address)
    except BaseException:
        end.close()
        raise
    return end


def program_state(pid):
    """The letter that the kernel gives a process's state (proc(5)): "T" for stopped."""
    with open(f"/proc/{pid}/stat") as stat:
        return stat.read().rsplit(")", 1)[1].split()[0]


def reset(end):
    """Closes with a reset instead of an end."""
    end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    end.close()


def was_reset(end):
    """Whether the connection ends with a reset and not in order; reads what comes before."""
    try:
        while end.recv(65536):
            pass
    except ConnectionResetError:
        return True
    return False


def hung_up(end, seconds=8):
    """Waits until a connection whose other side has ended is reset, without writing to it."""
    poll = select.poll()
    poll.register(end, 0)
    return any(events & select.POLLHUP for _, events in poll.poll(seconds * 1000))


def read_exactly(end, count):
    data = bytearray()
    while len(data) < count:
        piece = end.recv(min(1 << 16, count - len(data)))
        if not piece:
            raise AssertionError(f"the stream ended after {len(data)} of {count} bytes")
        data += piece
    return bytes(data)


def read_all(end):
    pieces = []
    while True:
        piece = end.recv(1 << 16)
        if not piece:
            return b"".join(pieces)
        pieces.append(piece)


def payload(count, seed=1):
    """Bytes that repeat nowhere, the same for the same seed."""
    block = hashlib.sha512(str(seed).encode()).digest() * 16
    parts, size, number = [], 0, 0
    while size < count:
        parts.append(struct.pack("<QQ", seed, number) + block)
        size += len(block) + 16
        number += 1
    return b"".join(parts)[:count]


def digest(data):
    return hashlib.sha256(data).hexdigest()


class Server:
    """Listens, and gives each connection to `serve(end)` on a thread of its own. Faults in it fail the scenario on exit."""

    def __init__(self, serve, family=socket.AF_INET, path=None, backlog=1024, address=None):
        self.serve = serve
        self.faults = []
        self.ends = []
        self.closing = False
        self.served = 0
        self.listener = socket.socket(socket.AF_UNIX if path else family, socket.SOCK_STREAM)
        if not path:
            self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.listener.bind(path or address or (("::1", 0) if family == socket.AF_INET6 else ("127.0.0.1", 0)))
        self.listener.listen(backlog)
        self.listener.settimeout(0.2)
        name = self.listener.getsockname()
        self.address = name if path else name[:2]
        self.flag = f"unix:{name}" if path else f"[{name[0]}]:{name[1]}" if family == socket.AF_INET6 \
            else f"{name[0]}:{name[1]}"

    def __enter__(self):
        self.thread = threading.Thread(target=self._accept, daemon=True)
        self.thread.start()
        return self

    def _accept(self):
        while not self.closing:
            try:
                end, _ = self.listener.accept()
            except (TimeoutError, socket.timeout):
                continue
            except OSError:
                return
            end.settimeout(DEADLINE)
            self.ends.append(end)
            self.served += 1
            threading.Thread(target=self._serve, args=(end,), daemon=True).start()

    def _serve(self, end):
        try:
            self.serve(end)
        except Exception as fault:  # noqa: BLE001: whatever a peer's script trips over is the scenario's failure
            if not self.closing:
                self.faults.append(fault)

    def __exit__(self, kind, *_):
        self.closing = True
        self.listener.close()
        self.thread.join(5)
        for end in self.ends:
            with contextlib.suppress(OSError):
                end.close()
        if kind is None:
            assert not self.faults, f"the server's side: {self.faults[:3]}"


ECHO_OF_MANY = """
import resource, selectors, socket, sys
resource.setrlimit(resource.RLIMIT_NOFILE, resource.getrlimit(resource.RLIMIT_NOFILE)[1:] * 2)
listener = socket.socket()
listener.bind(("127.0.0.1", 0))
listener.listen(4096)
listener.setblocking(False)
print(listener.getsockname()[1], flush=True)
selector = selectors.EpollSelector()
selector.register(listener, selectors.EVENT_READ)
while True:
    for key, _ in selector.select():
        if key.fileobj is listener:
            try:
                while True:
                    end, _ = listener.accept()
                    end.setblocking(False)
                    selector.register(end, selectors.EVENT_READ)
            except BlockingIOError:
                continue
        try:
            data = key.fileobj.recv(4096)
        except ConnectionError:
            data = b""
        if data:
            key.fileobj.send(data)
        else:
            selector.unregister(key.fileobj)
            key.fileobj.close()
"""


@contextlib.contextmanager
def echo_process():
    """A process that echoes what each of thousands of connections says; its port on 127.0.0.1."""
    process = subprocess.Popen(
        [sys.executable, "-c", ECHO_OF_MANY], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
    try:
        yield int(process.stdout.readline())
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def echoes(end):
    """Whether a connection to an echo carries a word there and back."""
    end.sendall(b"word")
    return end.recv(4) == b"word"


def admitted(port):
    """Whether a new connection to 127.0.0.1 reaches an echo."""
    try:
        with connect(("127.0.0.1", port)) as end:
            return echoes(end)
    except OSError:
        return False


def echoing(port):
    """A connection to 127.0.0.1 that has carried a word to an echo and back."""
    end = connect(("127.0.0.1", port))
    assert echoes(end)
    return end


def ends(end):
    """Whether a connection on which nothing is to come comes to its end, in order or not."""
    try:
        return end.recv(1) == b""
    except ConnectionResetError:
        return True


def echo(end):
    """Sends back what comes, until the peer ends in order or not."""
    with end, contextlib.suppress(ConnectionError):
        while True:
            data = end.recv(1 << 16)
            if not data:
                return
            end.sendall(data)


def answer_after_end(end):
    """Reads to the client's end, then answers with the digest of what came."""
    with end:
        data = read_all(end)
        end.sendall(digest(data).encode())


class Crew:
    """Threads that `work` as long as the with-block runs; a subclass's `work` looks at `ends` and leaves then."""

    def __init__(self, count, patience=10):
        self.ends, self.patience = False, patience
        self.threads = [threading.Thread(target=self.work, daemon=True) for _ in range(count)]

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.ends = True
        for thread in self.threads:
            thread.join(self.patience)
