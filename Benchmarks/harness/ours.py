"""Warren in each of its modes, and the bare relay that shows the kernel's part."""

import re
import subprocess
from pathlib import Path

from . import certificates, mesh
from .candidates import RIVALS, Candidate, Variant, first_line

#: Ours in other modes, beside the default: how the tunnel's records are made, or, under `-splice`, how the relay moves bytes.
#: `warren` itself is held to libcrypto, the library the peers have too; a user gets the accelerator without asking.
MODES = {
    "warren": {"accelerator": "off"},
    "warren-accelerated": {"accelerator": "auto"},
    "warren-attached": {"records": "attached"},
    "warren-copies": {"splice": "never"},
    "warren-splices": {"splice": "always"},
}


class Warren(Candidate):
    """Ours, as built beside the benchmarks."""

    def __init__(self, path, name="warren"):
        super().__init__(name)
        self.path = Path(path)
        self.mode = MODES[name]
        self._texts = {}

    @property
    def is_main(self):
        return self.name == "warren"

    def says(self, *words):
        """What this build prints when asked so."""
        if words not in self._texts:
            done = subprocess.run([str(self.path), *words], capture_output=True, text=True, timeout=20)
            self._texts[words] = done.stdout + done.stderr
        return self._texts[words]

    def binary(self):
        if not self.path.exists():
            return None
        if self.name == "warren-accelerated" and not (self.has_switch() and "libcrypto" not in self.protection()):
            return None
        return self.path

    def has_switch(self):
        """Whether this build can be told not to use the accelerator."""
        return "-accelerator" in self.says("tunnel", "server", "--help")

    def protection(self):
        """By what records are protected here when nothing is said (warren version)."""
        found = re.search(r"^Record protection by (.*)$", self.says("version"), re.M)
        return found[1] if found else "unknown"

    def hint(self):
        if self.path.exists():
            if not self.has_switch():
                return "this build knows no -accelerator"
            return (f"warren version says that records are protected by {self.protection()}: the accelerator needs a CPU with "
                    "VAES and AVX-512, and apt-get install libipsec-mb1")
        return "swift build -c release -Xswiftc -static-stdlib"

    def version(self):
        found = first_line([str(self.path), "version"])
        return found if found != "unknown" else first_line([str(self.path), "--version"])

    @property
    def topologies(self):
        if not self.is_main:
            return ("relay",) if "splice" in self.mode else ("tunnel",)
        if not self.path.exists():
            return ("relay", "tunnel", "mesh")
        commands = re.findall(r"^    (\w+)", self.says("--help"), re.M)
        return tuple(topology for topology, command in (("relay", "relay"), ("tunnel", "tunnel"), ("mesh", "agent"))
                     if command in commands)

    def start(self, site, topology, variant=Variant()):
        if topology == "mesh":
            return mesh.start(self.name, self.path, site, variant, managed=True, old=variant.targets == 1)
        return super().start(site, topology, variant)

    def start_one(self, site, role, listen, variant):
        # Two descriptors a connection, and some beside for each worker; what a row at the lowest limit asks for in any case.
        room = max(256, min(100_000, (site.descriptors - 1024) // 2))
        words = [self.path, *{"relay": ["relay"], "tunnel-up": ["tunnel", "client"],
                              "tunnel-pub": ["tunnel", "server"]}[role]]
        words += ["-listen", listen, "-max-connections", room, "-workers", variant.workers, "-log-level", "error",
                  "-drain-timeout", "100ms"]
        for target in site.targets[:variant.targets]:
            words += ["-target", target]
        if variant.scope:
            words += [{"connection": "-bandwidth-per-connection", "listener": "-bandwidth",
                       "connections": "-connection-rate"}[variant.scope], variant.rate]
        if role == "relay":
            words += ["-splice", self.mode.get("splice", "auto")]
        else:
            own, peer = ("up", "pub") if role == "tunnel-up" else ("pub", "up")
            words += ["-cert", site.directory / f"{own}.pem", "-key", site.directory / f"{own}.key", "-ca",
                      site.directory / "ca.pem"]
            words += ["-verify-uri" if own == "up" else "-allow-uri", certificates.uri(peer)]
            if not variant.resumed:
                words += ["-resumption", "0"]
            for flag, value in self.mode.items():
                if flag != "accelerator" or self.has_switch():
                    words += [f"-{flag}", value]
        return site.supervisor.start(words, f"{self.name}-{role}")


class Floor(Candidate):
    """The least a relay can be (Sources/warren-floor, in C): no rival, but what the kernel alone asks for."""

    topologies = ("relay",)
    is_whole = False
    is_main = False

    def __init__(self, path):
        super().__init__(f"floor-{path}")
        self.path = path

    def binary(self):
        built = RIVALS.parent / ".build/release/warren-floor"
        return built if built.exists() else None

    def hint(self):
        return "script/bench without --no-build"

    def version(self):
        return ""

    def start_one(self, site, role, listen, variant):
        ports = [address.rpartition(":")[2] for address in (listen, site.targets[0])]
        return site.supervisor.start([self.binary(), self.path, *ports], self.name)
