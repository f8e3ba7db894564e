"""What the scenarios of the agent share: `warren agent` as a process, its API, and small HTTP services behind its sidecars."""

import contextlib
import ctypes
import fcntl
import http.client
import http.server
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import struct
import subprocess
import threading
import time

from support import DEADLINE, ROOT, Crew, binary, free_port, until
from support import folder as temporary_folder

CONFIGURATIONS = ROOT / "Tests" / "Scenarios" / "agents" / "configuration"


class Agent:
    """A running agent on ports of its own; it and its sidecars leave with the with-block, however that ends.

    `files` maps names to what stands in them, as Python values or text. Without `data` it is a -dev agent.
    """

    def __init__(self, folder, files, *words, data=None, environment=None, settings=True, waits=True):
        self.folder = pathlib.Path(folder)
        self.data = data
        self.words = list(words)
        self.environment = environment
        self.waits = waits
        # An agent that is killed leaves its sidecars' logs; here they go with the scenario's folder.
        self.scratch = self.folder / "scratch"
        self.scratch.mkdir(exist_ok=True)
        self.http = free_port()
        self.configuration = self.folder / "configuration"
        self.configuration.mkdir(exist_ok=True)
        self.settings = settings
        self.settle()
        for name, value in files.items():
            self.write(name, value)
        self.output = []
        self.errors = []
        self.process = None
        self.sidecars = set()

    def settle(self):
        """Ports that nobody else has; the sidecars' are asked of the system too, by the range."""
        if self.settings:
            low = free_port()
            self.write("00-ports.json", {"ports": {
                "http": self.http, "dns": -1, "proxy_min_port": low, "proxy_max_port": min(low + 200, 65535),
                "sidecar_min_port": low, "sidecar_max_port": min(low + 200, 65535)}})

    def write(self, name, value):
        text = value if isinstance(value, str) else json.dumps(value)
        (self.configuration / name).write_text(text)

    def command(self):
        words = [binary(), "agent", "-config-dir", str(self.configuration), *self.words]
        if self.data:
            return [*words, "-data-dir", str(self.data), "-bind", "127.0.0.1"]
        return [*words, "-dev", "-advertise", "127.0.0.1"]

    def start(self):
        self.output.clear()
        self.errors.clear()
        self.began = time.monotonic()
        self.process = subprocess.Popen(
            self.command(), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            env={**os.environ, "TMPDIR": str(self.scratch), **(self.environment or {})})
        self.readers = [
            threading.Thread(target=self._read, args=(self.process.stdout, self.output), daemon=True),
            threading.Thread(target=self._read, args=(self.process.stderr, self.errors), daemon=True)]
        for reader in self.readers:
            reader.start()
        if self.waits:
            self.says("agent: Consul agent running!")
        return self

    def __enter__(self):
        try:
            return self.start()
        except BaseException:
            self.__exit__()
            raise

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        # Sidecars that a data folder lets run on: by the ids they were started with, if they are still what they were.
        for pid in self.noted_sidecars():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    def _read(self, stream, lines):
        with stream:
            for line in stream:
                lines.append(line.decode("utf-8", "replace").rstrip("\n"))

    def text(self):
        return "\n".join([*self.output, *self.errors])

    def matching(self, pattern):
        return [line for line in list(self.output) if re.search(pattern, line)]

    def says(self, pattern, seconds=DEADLINE):
        def look():
            found = self.matching(pattern)
            assert found or self.process.poll() is None, f"the agent ended; it said:\n{self.text()}"
            return found
        return until(look, f"the agent says {pattern!r}; it said:\n{self.text()}", seconds)[-1]

    def ends(self, seconds=DEADLINE):
        """The exit status, once all it wrote was read."""
        status = self.process.wait(seconds)
        for reader in self.readers:
            reader.join(5)
        return status

    def signal(self, number):
        self.process.send_signal(number)

    # The API

    def ask(self, method, path, body=None, headers=None, timeout=DEADLINE):
        """(status, text, headers) of one request on a connection of its own."""
        connection = http.client.HTTPConnection("127.0.0.1", self.http, timeout=timeout)
        try:
            connection.request(
                method, path, body=None if body is None else json.dumps(body).encode(), headers=headers or {})
            answer = connection.getresponse()
            return answer.status, answer.read().decode(), answer.headers
        finally:
            connection.close()

    def get(self, path):
        status, text, _ = self.ask("GET", path)
        assert status == 200, f"GET {path}: {status} {text}"
        return json.loads(text)

    def put(self, path, body=None, method="PUT"):
        status, text, _ = self.ask(method, path, body)
        assert status == 200, f"{method} {path}: {status} {text}"
        return json.loads(text) if text.strip() else None

    def reload(self):
        status, text, _ = self.ask("PUT", "/v1/agent/reload")
        assert status == 200, f"reload: {status} {text}"

    def check(self, identifier):
        return self.get("/v1/agent/checks").get(identifier, {})

    # Sidecars

    def logs(self, sidecar, stream="stderr"):
        """What a sidecar has written."""
        place = self.data and f"{self.data}/proxy"
        if not place:
            line = self.says("sidecars write their logs to ")
            place = line.split("sidecars write their logs to ", 1)[1].split(",")[0]
        return pathlib.Path(place, "logs", f"{sidecar}-{stream}.log").read_text().splitlines()

    def sidecar_pids(self):
        """Process ids by proxy id, as the log says them."""
        pids = {}
        for line in list(self.output):
            found = re.search(r"agent\.proxy: (?:started|found running) sidecar: id=(\S+) pid=(\d+)", line)
            if found:
                pids[found.group(1)] = int(found.group(2))
        return pids

    def report(self, sidecar):
        """SIGUSR1's answer: the lines that a sidecar writes from its state on."""
        begin = len(self.logs(sidecar))
        os.kill(self.sidecar_pids()[sidecar], signal.SIGUSR1)

        def answered():
            lines = self.logs(sidecar)[begin:]
            return any(": counters: " in line for line in lines) and lines
        lines = until(answered, f"{sidecar} reports")
        return lines[next(place for place, line in enumerate(lines) if ": state: " in line):]

    def noted_sidecars(self):
        if not self.data:
            return []
        pids = []
        for path in pathlib.Path(self.data).glob("proxy/running/*.json"):
            record = json.loads(path.read_text())
            with contextlib.suppress(OSError):
                fields = pathlib.Path(f"/proc/{record['Pid']}/stat").read_text().rsplit(")", 1)[1].split()
                if fields[19] == record["StartTime"]:
                    pids.append(record["Pid"])
        return pids


def is_alive(pid):
    """Whether a process runs; a zombie does not."""
    try:
        return pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


def service(name, port, upstreams=(), inbound=None, command=None, **more):
    """A service file as people write it, with a managed sidecar. An upstream is (destination, local port) or the same with
    settings of its own; `inbound` holds settings of the public listener."""
    proxy = {"command": command} if command else {}
    config = dict(inbound or {})
    if upstreams:
        config["upstreams"] = [
            {"destination_name": destination, "local_bind_port": local, **(settings[0] if settings else {})}
            for destination, local, *settings in upstreams]
    if config:
        proxy["config"] = config
    return {"service": {"name": name, "port": port, "connect": {"proxy": proxy}, **more}}


@contextlib.contextmanager
def mesh(port, *words, keeps=False):
    """A caller whose local port, which is given, stands for a target at `port` through two managed sidecars. With `keeps` the
    agent has a data folder, so that it can be killed and started again."""
    local = free_port()
    with temporary_folder() as path:
        # Sidecars of another account's services look in here too.
        os.chmod(path, 0o755)
        files = {"caller.json": service("caller", free_port(), [("target", local)]), "target.json": service("target", port)}
        with Agent(path, files, *words, data=path + "/data" if keeps else None) as agent:
            until(lambda: [line for line in agent.logs("caller-proxy")
                           if "instances=target-proxy" in line.replace('"', "")], "the caller knows where to go")
            # Its loops hear of it a moment later, and answer this behind it.
            agent.report("caller-proxy")
            yield agent, local


class Hello:
    """A plain HTTP service that answers `hello, world!` to everything; closable and startable again on its port."""

    def __init__(self, port=None, text="hello, world!\n"):
        self.port = port or free_port()
        self.text = text.encode()
        self.count = 0

    def __enter__(self):
        hello = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                hello.count += 1
                self.send_response(200)
                self.send_header("Content-Length", str(len(hello.text)))
                self.end_headers()
                self.wfile.write(hello.text)

            def log_message(self, *_):
                pass

        class Threads(http.server.ThreadingHTTPServer):
            daemon_threads = True
            request_queue_size = 256

            def get_request(self):
                end, address = super().get_request()
                hello.ends.append(end)
                return end, address

            def handle_error(self, *_):
                # A peer that goes away in the middle is what the scenarios are about.
                pass

        self.ends = []
        self.server = Threads(("127.0.0.1", self.port), Handler)
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True)
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()
        for end in self.ends:
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)


def fetch(port, timeout=5):
    """What `curl http://127.0.0.1:PORT/` shows; raises OSError or HTTPException when there is no answer."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=timeout)
    try:
        connection.request("GET", "/")
        answer = connection.getresponse()
        return answer.read().decode()
    finally:
        connection.close()


def fetched(port, timeout=5):
    """The answer, or None when there is none."""
    try:
        return fetch(port, timeout)
    except (OSError, http.client.HTTPException):
        return None


def fails(port, seconds=DEADLINE):
    until(lambda: fetched(port) is None, f"127.0.0.1:{port} answers no more", seconds)


def answers(port, seconds=DEADLINE):
    return until(lambda: fetched(port), f"127.0.0.1:{port} answers", seconds)


class Load(Crew):
    """Requests through a local port, each on a connection of its own, from so many threads as long as the with-block runs.
    `faults` holds what failed."""

    def __init__(self, port, threads=4, pause=0.0, wanted=("hello, world!\n",)):
        super().__init__(threads)
        self.port, self.pause, self.wanted = port, pause, wanted
        self.count, self.last, self.faults = 0, None, []

    def work(self):
        while not self.ends:
            try:
                answer = fetch(self.port)
                assert answer in self.wanted, answer
                self.last = answer
                self.count += 1
            except Exception as fault:  # noqa: BLE001: any failure is the finding
                self.faults.append(f"{time.time():.3f} {fault!r}")
            time.sleep(self.pause)

    def is_faultless(self, least):
        assert not self.faults, f"{len(self.faults)} of {self.count + len(self.faults)} failed: {self.faults[:3]}"
        assert self.count >= least, f"only {self.count} requests"


class Wrk:
    """wrk on kept connections for some seconds, where it is installed."""

    def __init__(self, port, seconds):
        self.seconds = seconds
        wrk = shutil.which("wrk")
        self.process = subprocess.Popen(
            [wrk, "-t1", "-c8", f"-d{seconds}s", f"http://127.0.0.1:{port}/"], stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) if wrk else None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process and self.process.poll() is None:
            self.process.kill()
            self.process.wait()

    def requests(self):
        """How many were made once it has ended, none of which failed."""
        if not self.process:
            return 0
        said = self.process.communicate(timeout=self.seconds + 20)[0]
        assert "Socket errors" not in said and "Non-2xx" not in said, said
        return int(re.search(r"(\d+) requests in", said).group(1))


def listens(port, host="127.0.0.1"):
    with socket.socket() as end:
        end.settimeout(1)
        return end.connect_ex((host, port)) == 0


def is_free(port):
    """Whether nobody has this port, on whatever address."""
    with socket.socket() as end:
        end.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            end.bind(("0.0.0.0", port))
            end.listen()
        except OSError:
            return False
        return True


def in_a_network_of_its_own():
    """Moves this process where every port is free and nobody else is; whether the system allows it."""
    # A child tries it first: where a system grants the network but no right to bring its loopback device up, who tried
    # would be left in a network that leads nowhere.
    child = os.fork()
    if child == 0:
        done = 1
        with contextlib.suppress(OSError):
            enter_new_network()
            done = 0
        os._exit(done)
    if os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) != 0:
        return False
    enter_new_network()
    return True


def enter_new_network():
    libc = ctypes.CDLL(None, use_errno=True)
    new_user, new_network = 0x10000000, 0x40000000
    flags = new_network if os.geteuid() == 0 else new_network | new_user
    if libc.unshare(flags) != 0:
        raise OSError(ctypes.get_errno(), "unshare")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as end:
        # SIOCSIFFLAGS with IFF_UP and IFF_RUNNING: the loopback device of a new network is down.
        fcntl.ioctl(end, 0x8914, struct.pack("16sh", b"lo", 0x1 | 0x40))


def send(port, method, path, body=None):
    """The text of one request's answer, which must be 200."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=DEADLINE)
    try:
        connection.request(method, path, body=None if body is None else json.dumps(body).encode())
        answer = connection.getresponse()
        text = answer.read().decode()
        assert answer.status == 200, f"{method} {path}: {answer.status} {text}"
        return text
    finally:
        connection.close()


def fetch_path(port, path):
    return send(port, "GET", path)


def children(pid):
    """The states of a process's children: R, S, Z …"""
    states = []
    for path in pathlib.Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            fields = path.read_text().rsplit(")", 1)[1].split()
            if int(fields[1]) == pid:
                states.append(fields[0])
    return states
