"""One run from start to end: what is there, what runs in which order, and what becomes of trouble."""

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from . import certificates, checks, machine, measures, render
from .candidates import OURS, PEERS, Deployment, Site, Variant, Warren
from .load import LoadFailure
from .processes import Ports, StartFailure, Supervisor
from .results import Results

#: Measures that want a process of their own, started for the sample; the others share what runs for the whole group.
FRESH = ("idle", "syscalls", "slow", "converge")
#: Seconds that a sample takes beside its window, for the estimate.
OVERHEAD = {"bulk": 0.7, "request": 0.8, "connect": 0.7, "latency": 0.8, "mix": 0.8, "idle": 6.0, "syscalls": 6.5,
            "slow": 3.5, "converge": 5.5}


class Setup(Exception):
    """The run cannot begin; the text says what to do."""


class Runner:
    """A run of `rows` over Warren and `peers`, names of `PEERS` and of the other modes in `OURS`."""

    def __init__(self, *, repository, rows, peers, seconds, repetitions, mode, out, first_port=20100, with_checks=True,
                 warren=None, load_generator=None):
        self.repository = Path(repository)
        self.rows = rows
        self.seconds = seconds
        self.repetitions = repetitions
        self.mode = mode
        self.with_checks = with_checks
        self.warren_path = Path(warren or self.repository / ".build/release/warren")
        self.load_path = Path(load_generator or self.repository / "Benchmarks/.build/release/warren-bench")
        self.candidates = [Warren(self.warren_path)] + [
            Warren(self.warren_path, name, OURS[name]) if name in OURS else PEERS[name]() for name in peers]
        self.facts = machine.facts(self.repository)
        self.broken = {}
        self.directory = tempfile.TemporaryDirectory(prefix="warren-bench-")
        self.supervisor = Supervisor(self.directory.name)
        stamp = render.now()[:19].replace("-", "").replace(":", "").replace("T", "-")
        name = f"{stamp}-{self.facts['commit'][:9] or 'unknown'}-{mode}"
        self.results = Results(Path(out) / f"{name}.json", {
            "started": render.now(), "mode": mode, "seconds": seconds, "repetitions": repetitions,
            "machine": self.facts})
        self.began = time.monotonic()

    def say(self, words):
        print(f"[{time.monotonic() - self.began:6.1f}s] {words}", file=sys.stderr, flush=True)

    # What there is

    def survey(self):
        """Finds the candidates; Warren and the generator must be there."""
        for path, words in ((self.load_path, "the load generator"), (self.warren_path, "warren")):
            if not path.exists():
                raise Setup(f"{words} is not built: {path} is missing; run script/bench without --no-build")
        present = []
        for candidate in self.candidates:
            entry = {"name": candidate.name, "status": "measured", "version": "", "reason": ""}
            self.results.data["candidates"].append(entry)
            if candidate.binary() is None:
                entry.update(status="missing", reason=f"not found; {candidate.hint()}")
                self.say(f"{candidate.name} is missing: {candidate.hint()}")
            else:
                entry["version"] = candidate.version()
                present.append(candidate)
        self.candidates = present

    def estimate(self):
        """About how many seconds the run takes."""
        total = 45.0 * self.with_checks
        for row in self.rows:
            able = sum(row.topology in candidate.topologies for candidate in self.candidates) + row.direct
            total += self.times(row) * able * (OVERHEAD[row.measure] + (self.seconds if row.measure not in (
                "idle", "syscalls", "converge") else 0))
        return total

    def times(self, row):
        return min(row.repetitions or self.repetitions, self.repetitions)

    # The run

    def run(self):
        """Everything; the results file's path. What was started is stopped, whatever happens."""
        try:
            self.survey()
            self.start_servers()
            self.say(f"{len(self.rows)} rows, {', '.join(candidate.name for candidate in self.candidates)}; about "
                     f"{self.estimate() / 60:.0f} minutes; results in {self.results.path}")
            if self.with_checks:
                self.results.data["checks"] = checks.run(self.bench, self.server, self.repetitions, self.say)
                self.results.save()
            for topology in ("relay", "tunnel"):
                self.run_topology(topology)
            self.results.finish("came to its end", True)
        except KeyboardInterrupt:
            self.results.finish("interrupted", False)
            raise
        except BaseException as error:
            self.results.finish(f"{type(error).__name__}: {error}", False)
            raise
        finally:
            self.supervisor.stop_all()
            self.directory.cleanup()
        return self.results.path

    def start_servers(self):
        ports = Ports()
        site = Site(Path(self.directory.name), ports, self.supervisor, "", "", self.facts["descriptors"])
        self.server, site.target = (f"127.0.0.1:{ports.take()}",) * 2
        site.target2 = f"127.0.0.1:{ports.take()}"
        self.start_server(site.target)
        self.site = site
        self.bench = measures.Bench(self.load_path, self.seconds, site)
        try:
            certificates.make(site.directory)
        except (OSError, RuntimeError) as error:
            raise Setup(f"cannot make certificates: {error}; is openssl installed?") from error

    def start_server(self, address):
        process = self.supervisor.start([self.load_path, "serve", f"-listen={address}"], "server")
        process.wait_listening(int(address.rpartition(":")[2]))
        return process

    def run_topology(self, topology):
        rows = [row for row in self.rows if row.topology == topology]
        able = []
        for candidate in self.candidates:
            if topology in candidate.topologies:
                able.append(candidate)
            elif rows and candidate.name == "warren":
                for row in rows:
                    self.results.error(row, candidate.name, "this build has no such command")
        usable = []
        for row in rows:
            if row.descriptors > self.facts["descriptors"]:
                reason = (f"needs {row.descriptors} descriptors, a process may open {self.facts['descriptors']}: raise "
                          "the limit (ulimit -n)")
                self.say(f"{row.name} skipped: {reason}")
                self.results.skip(row, reason)
            else:
                usable.append(row)
        kinds = {}
        for row in usable:
            if row.measure not in FRESH:
                kinds.setdefault(Variant(resumed=row.resumed, workers=row.workers), []).append(row)
        for variant, group in kinds.items():
            self.run_group(topology, variant, group, able)
        for row in usable:
            if row.measure in FRESH:
                self.run_fresh(row, able)

    def run_group(self, topology, variant, rows, candidates):
        """Rows that share running proxies: every repetition goes through all rows, every row through all candidates."""
        running = {}
        try:
            for candidate in candidates:
                if variant.workers > 1 and not candidate.is_whole:
                    continue
                deployment = self.deploy(candidate, topology, variant, rows)
                if deployment:
                    running[candidate.name] = (candidate, deployment)
            names = list(running)
            for repetition in range(max(map(self.times, rows))):
                for row in rows:
                    if repetition >= self.times(row):
                        continue
                    # Each time another begins, so that what the order does is spread over all.
                    turn = repetition % max(1, len(names))
                    sequence = names[turn:] + names[:turn]
                    for name in (["direct"] if row.direct else []) + sequence:
                        deployment = running[name][1] if name in running else Deployment("direct", self.server)
                        self.sample(row, name, repetition, deployment, names)
        finally:
            for candidate, deployment in running.values():
                candidate.stop(self.site, deployment)

    def deploy(self, candidate, topology, variant, rows):
        """A running candidate, proven by an echo that is compared byte for byte; None, and noted, when it fails."""
        deployment = None
        try:
            deployment = candidate.start(self.site, topology, variant)
            self.bench.run(deployment.entry, ["bulk,count=2,direction=echo"], seconds=0.1, warmup=0)
            return deployment
        except (StartFailure, LoadFailure) as error:
            if deployment:
                text = f"{error}\n" + "\n".join(process.tail() for process in deployment.roles.values())
                candidate.stop(self.site, deployment)
            else:
                text = str(error)
            self.say(f"{candidate.name} does not work as {topology}: {text}")
            for row in rows:
                self.results.error(row, candidate.name, text)
            return None

    def sample(self, row, name, repetition, deployment, names):
        try:
            if row.measure == "latency":
                rate = self.rate(row, name, deployment, names)
                figures = measures.latency(self.bench, row, deployment.entry, deployment.pids(), rate)
            else:
                figures = getattr(measures, row.measure)(self.bench, row, deployment.entry, deployment.pids())
        except LoadFailure as error:
            self.trouble(row, name, error)
            return
        if row.measure == "request" and row.settings["connections"] == 64 and row.settings["bytes"] == 64:
            if row.workers == 1 and not row.settings.get("idle"):
                self.bench.saturation.setdefault((row.topology, name), figures["requests_per_s"])
        self.note(row, name, repetition, figures)

    def rate(self, row, name, deployment, names):
        """The rate of a latency row: a share of this candidate's saturation, or of the slowest one's."""
        def saturation(one, entry):
            key = (row.topology, one)
            if key not in self.bench.saturation:
                report = self.bench.run(entry, ["request,count=64,bytes=64"], seconds=min(1.0, self.seconds))
                self.bench.saturation[key] = report["groups"][0]["requests_per_s"]
            return self.bench.saturation[key]

        if "fraction" in row.settings:
            return round(row.settings["fraction"] * saturation(name, deployment.entry))
        known = [self.bench.saturation[key] for key in self.bench.saturation
                 if key[0] == row.topology and key[1] in names]
        slowest = min(known) if known else saturation(name, deployment.entry)
        return round(row.settings["common"] * slowest)

    def run_fresh(self, row, candidates):
        """A row whose samples each want processes of their own."""
        variant = Variant(resumed=row.resumed, workers=row.workers, pair=row.measure == "converge")
        for repetition in range(self.times(row)):
            for candidate in candidates:
                if variant.pair and not candidate.is_whole:
                    continue
                second = self.start_server(self.site.target2) if variant.pair else None
                deployment = None
                try:
                    deployment = candidate.start(self.site, row.topology, variant)
                    if variant.pair:
                        # Health checks have their first round, so that both targets are known to be there.
                        time.sleep(1.2)
                        figures = measures.converge(self.bench, row, deployment, second.popen.kill)
                    else:
                        figures = getattr(measures, row.measure)(self.bench, row, deployment)
                    self.note(row, candidate.name, repetition, figures)
                except (LoadFailure, StartFailure) as error:
                    self.trouble(row, candidate.name, error)
                finally:
                    if deployment:
                        candidate.stop(self.site, deployment)
                    if second:
                        self.supervisor.stop(second)

    def note(self, row, name, repetition, figures):
        self.results.sample(row, name, repetition, figures)
        shown = [f"{render.FIGURES[figure][0]} {render.number(figures[figure], figure)}"
                 for figure in render.SHOWN[row.measure] if figure in figures and "cpu_user" not in figure
                 and "cpu_system" not in figure]
        self.say(f"{row.name:28} {name:16} {'; '.join(shown[:4])}")

    def trouble(self, row, name, error):
        self.say(f"{row.name:28} {name:16} no figure: {error}")
        self.results.error(row, name, str(error))


def build(repository, micro=False):
    """Builds Warren and the generator for release, saying what the compiler says when it fails."""
    repository = Path(repository)
    for directory, product in ((repository, "warren"), (repository / "Benchmarks", "warren-bench")) + (
            ((repository / "Benchmarks", "warren-micro"),) if micro else ()):
        words = ["swift", "build", "-c", "release", "-Xswiftc", "-static-stdlib", "--product", product]
        print(f"building {product}", file=sys.stderr, flush=True)
        try:
            done = subprocess.run(words, cwd=directory, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        except OSError as error:
            raise Setup(f"cannot run swift: {error.strerror}; install a Swift 6.3 toolchain") from error
        if done.returncode != 0:
            raise Setup(f"{product} does not build:\n{done.stdout[-3000:]}")


def nice(amount):
    try:
        os.nice(amount)
    except PermissionError as error:
        raise Setup(f"--nice {amount} needs root") from error
