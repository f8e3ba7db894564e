"""What all candidates share: how one is deployed on a site, and the files of rivals/ that configure it."""

import re
import subprocess
from dataclasses import dataclass, field, replace
from pathlib import Path

from .processes import StartFailure

RIVALS = Path(__file__).resolve().parent.parent / "rivals"


@dataclass(frozen=True)
class Variant:
    """Of what kind a deployment is; see rivals/README.md."""

    resumed: bool = True
    tuned: bool = False
    #: How many targets stand behind it, up to three.
    targets: int = 1
    #: Workers, or "auto" for one a core.
    workers: object = 1
    #: Intentions that a mesh's agent has before its services come.
    rules: int = 0
    #: Whether a mesh's agent stands alone, without services and sidecars.
    bare: bool = False
    #: What is limited to `rate`: "connection" and "listener", bytes a second of each one or of all together; "connections",
    #: how many are taken a second; "" nothing.
    scope: str = ""
    rate: int = 0

    def words(self):
        return {word for word, holds in (("resumed", self.resumed), ("tuned", self.tuned), ("pair", self.targets > 1),
                                         ("trio", self.targets > 2), ("auto", self.workers == "auto"), (f"limited-{self.scope}", self.scope)) if holds}


@dataclass
class Deployment:
    """A candidate that runs: where clients go in, and its processes by role: "relay", or "up" and "pub" (and "pub2" with two
    of them), in a mesh "agent" as well. Through the agent no traffic passes: its figures stand apart."""

    candidate: str
    entry: str
    roles: dict = field(default_factory=dict)
    #: Where a mesh's agent answers HTTP.
    api: str = ""

    def pids(self, role=None):
        """The processes of a role; without one, of all that carry traffic."""
        processes = [process for name, process in self.roles.items()
                     if (name == role if role else name != "agent")]
        return [pid for process in processes for pid in process.pids()]

    def agent_pids(self):
        return self.roles["agent"].pids() if "agent" in self.roles else []

    def hops(self):
        """The roles that carry traffic."""
        return [role for role in self.roles if role != "agent"]


@dataclass
class Site:
    """What a deployment stands on: directory, ports, the servers' addresses and the limit of open files."""

    directory: Path
    ports: object
    supervisor: object
    #: The addresses behind a candidate, as many as a row asks for.
    targets: list
    descriptors: int

    def behind(self, *targets):
        """The same site with other targets."""
        return replace(self, targets=list(targets))


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
    #: Whether it takes part in runs with several workers and with several targets.
    is_whole = True
    #: Whether it is measured on every row of its topologies; the others only where a row names them.
    is_main = True

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

    def start_one(self, site, role, listen, variant):
        """Starts one process of the candidate, between `listen` and the site's targets."""
        raise NotImplementedError

    def start(self, site, topology, variant=Variant()):
        """A running deployment; nothing is left running when it fails."""
        if self.tuned:
            variant = replace(variant, tuned=True)
        started = {}
        try:
            entry = f"127.0.0.1:{site.ports.take()}"
            if topology == "relay":
                started["relay"] = self._start(site, "relay", entry, variant)
            else:
                # Several targets are several far ends of the tunnel, each before a server of its own.
                middles = []
                for number, target in enumerate(site.targets[:variant.targets]):
                    middles.append(f"127.0.0.1:{site.ports.take()}")
                    role = "pub" if number == 0 else f"pub{number + 1}"
                    started[role] = self._start(site.behind(target), "tunnel-pub", middles[-1],
                                                replace(variant, targets=1))
                started["up"] = self._start(site.behind(*middles), "tunnel-up", entry, variant)
        except BaseException:
            for process in started.values():
                site.supervisor.stop(process)
            raise
        return Deployment(self.name, entry, started)

    def _start(self, site, role, listen, variant):
        process = self.start_one(site, role, listen, variant)
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
