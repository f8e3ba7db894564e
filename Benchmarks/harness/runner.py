"""One run from start to end: what is there, what runs in which order, and what becomes of trouble."""

import contextlib
import functools
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

from . import (certificates, checks, faults, growth, machine, measures, micro, registry, render, scale,
               shaping)
from .candidates import Deployment, Site, Variant
from .estimate import estimate, takes_part
from .load import LoadFailure
from .ours import Warren
from .processes import Ports, StartFailure, Supervisor, die_with_parent
from .results import Results

TOPOLOGIES = ("relay", "tunnel", "mesh")
#: Measures that want processes of their own, started for the sample; the others share what runs for the whole group.
FRESH = {"idle": measures.idle, "syscalls": measures.syscalls, "slow": measures.slow, "converge": faults.converge,
         "resilience": faults.resilience, "shaped": shaping.shaped, "intentions": growth.intentions,
         "services": growth.services, "agent": scale.agent}
SHARED = {"bulk": measures.bulk, "request": measures.request, "connect": measures.connect, "mix": measures.mix}


class Setup(Exception):
    """The run cannot begin; the text says what to do."""


class OutOfTime(Exception):
    """The run has used the minutes it was given."""


@contextlib.contextmanager
def undisturbed():
    """Who asks for the end a second time, while everything is being stopped, waits for it."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.signal(number, signal.SIG_IGN) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


class Runner:
    """A run of `rows` over Warren and `peers`, names of the registry."""

    def __init__(self, *, repository, rows, peers, seconds, repetitions, mode, out, first_port=20100, with_checks=True,
                 with_micro=False, every=False, minutes=0.0, warren=None, load_generator=None):
        self.repository = Path(repository)
        self.rows = rows
        self.seconds = seconds
        self.repetitions = repetitions
        self.mode = mode
        self.with_checks = with_checks
        self.with_micro = with_micro
        #: Whether every candidate runs on every row, wanted by name.
        self.every = every
        self.minutes = minutes
        self.first_port = first_port
        self.warren_path = Path(warren or self.repository / ".build/release/warren")
        self.load_path = Path(load_generator or self.repository / "Benchmarks/.build/release/warren-bench")
        self.candidates = [Warren(self.warren_path)] + [registry.make(name, self.warren_path) for name in peers]
        self.facts = machine.facts(self.repository)
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
        self.facts["records_by"] = Warren(self.warren_path).protection()
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

    def times(self, row):
        return min(row.repetitions or self.repetitions, self.repetitions)

    def seconds_needed(self):
        return estimate(self.rows, self.candidates, self.seconds, self.repetitions, self.every, self.with_checks,
                        self.with_micro)

    def check_time(self):
        if self.minutes and time.monotonic() - self.began > self.minutes * 60:
            raise OutOfTime

    # The run

    def run(self):
        """Everything; the results file's path. What was started is stopped, whatever happens."""
        try:
            self.survey()
            self.start_servers()
            self.say(f"{len(self.rows)} rows, {', '.join(candidate.name for candidate in self.candidates)}; about "
                     f"{self.seconds_needed() / 60:.0f} minutes; results in {self.results.path}")
            self.results.save()
            if self.with_checks:
                self.results.data["checks"] = checks.run(self.bench, self.server, min(3, self.repetitions), self.say)
                self.results.save()
            for topology in TOPOLOGIES:
                self.run_topology(topology)
            if self.with_micro:
                self.run_micro()
            self.results.finish("came to its end", True)
        except OutOfTime:
            self.say(f"the {self.minutes:g} minutes are over; what is left stays unmeasured")
            self.results.finish(f"ended after the {self.minutes:g} minutes it was given", False)
        except BaseException as error:
            # A run that did not begin leaves no file about itself.
            if self.results.path.exists():
                with contextlib.suppress(OSError):
                    self.results.finish("interrupted" if isinstance(error, KeyboardInterrupt) else
                                        f"{type(error).__name__}: {error}", False)
            raise
        finally:
            self.close()
        return self.results.path

    def close(self):
        """Stops all that was started; what it wrote goes with it."""
        with undisturbed():
            self.supervisor.stop_all()
            self.directory.cleanup()

    def run_micro(self):
        """The modules in process, for the curves; allocations are judged by --micro, not here."""
        binary = self.load_path.parent / "warren-micro"
        if not binary.exists():
            self.say(f"micro-benchmarks left out: {binary} is not built")
            return
        try:
            self.results.data["micro"] = micro.measure(binary)
        except micro.MicroFailure as error:
            self.say(str(error))
        self.results.save()

    def start_servers(self):
        ports = Ports(self.first_port)
        directory = Path(self.directory.name)
        self.server = f"127.0.0.1:{ports.take()}"
        #: Ports of further targets, whose servers run only while a row wants them.
        self.others = [f"127.0.0.1:{ports.take()}" for _ in range(2)]
        self.site = Site(directory, ports, self.supervisor, [self.server, *self.others], self.facts["descriptors"])
        self.bench = measures.Bench(self.load_path, self.seconds, self.site)
        self.bench.server_pid = self.start_server(self.server).popen.pid
        try:
            certificates.make(directory)
        except (OSError, RuntimeError) as error:
            raise Setup(f"cannot make certificates: {error}; is openssl installed?") from error

    def start_server(self, address):
        process = self.supervisor.start([self.load_path, "serve", f"-listen={address}"], "server")
        process.wait_listening(int(address.rpartition(":")[2]))
        return process

    def able(self, row):
        return [candidate for candidate in self.candidates if takes_part(candidate, row, self.every)]

    def run_topology(self, topology):
        rows = [row for row in self.rows if row.topology == topology]
        ours = next((candidate for candidate in self.candidates if candidate.name == "warren"), None)
        if rows and ours and topology not in ours.topologies:
            for row in rows:
                self.results.error(row, "warren", "this build has no such command")
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
            self.run_group(topology, variant, group)
        for row in usable:
            if row.measure in FRESH:
                self.run_fresh(row)

    def run_group(self, topology, variant, rows):
        """Rows that share running proxies: every repetition goes through all rows, every row through all candidates."""
        running = {}
        try:
            wanted = {candidate.name: candidate for row in rows for candidate in self.able(row)}
            for name, candidate in wanted.items():
                deployment = self.deploy(candidate, topology, variant, rows)
                if deployment:
                    running[name] = deployment
            for repetition in range(max(map(self.times, rows))):
                for row in rows:
                    if repetition < self.times(row):
                        self.run_row(row, repetition, running)
        finally:
            for name, deployment in running.items():
                wanted[name].stop(self.site, deployment)

    def run_row(self, row, repetition, running):
        names = [candidate.name for candidate in self.able(row) if candidate.name in running]
        # Each time another begins, so that what the order does is spread over all.
        turn = repetition % max(1, len(names))
        for name in (["direct"] if row.direct else []) + names[turn:] + names[:turn]:
            self.check_time()
            self.sample(row, name, repetition, running.get(name) or Deployment("direct", self.server), names)

    def deploy(self, candidate, topology, variant, rows):
        """A running candidate, proven by an echo that is compared byte for byte; None, and noted, when it fails."""
        deployment = None
        try:
            deployment = candidate.start(self.site, topology, variant)
            self.bench.run(deployment, ["bulk,count=2,direction=echo"], seconds=0.1, warmup=0)
            return deployment
        except (StartFailure, LoadFailure, OSError) as error:
            if deployment:
                text = f"{error}\n" + "\n".join(process.tail() for process in deployment.roles.values())
                candidate.stop(self.site, deployment)
            else:
                text = str(error)
            self.say(f"{candidate.name} does not work as {topology}: {text}")
            for row in rows:
                if takes_part(candidate, row, self.every):
                    self.results.error(row, candidate.name, text)
            return None

    def sample(self, row, name, repetition, deployment, names):
        try:
            if row.measure == "latency":
                figures = measures.latency(self.bench, row, deployment, self.rate(row, name, deployment, names))
            else:
                figures = SHARED[row.measure](self.bench, row, deployment)
        except LoadFailure as error:
            self.trouble(row, name, error)
            return
        if row.measure == "request" and row.settings["connections"] == 64 and row.settings["bytes"] == 64:
            if row.workers == 1 and not row.settings.get("idle"):
                self.bench.saturation.setdefault((row.topology, name), figures["requests_per_s"])
        self.note(row, name, repetition, figures)

    def rate(self, row, name, deployment, names):
        """The rate of a latency row: a share of this candidate's saturation, or of the slowest one's."""
        key = (row.topology, name)
        if key not in self.bench.saturation:
            report = self.bench.run(deployment, ["request,count=64,bytes=64"], seconds=min(1.0, self.seconds))
            self.bench.saturation[key] = report["groups"][0]["requests_per_s"]
        if "fraction" in row.settings:
            return max(1, round(row.settings["fraction"] * self.bench.saturation[key]))
        known = [rate for (topology, one), rate in self.bench.saturation.items()
                 if topology == row.topology and one in names]
        return max(1, round(row.settings["common"] * min(known or [self.bench.saturation[key]])))

    def run_fresh(self, row):
        """A row whose samples each want processes of their own."""
        for repetition in range(self.times(row)):
            for candidate in self.able(row):
                self.check_time()
                self.fresh_sample(row, candidate, repetition)

    def fresh_sample(self, row, candidate, repetition):
        servers, deployment = [], None
        try:
            servers += [self.start_server(address) for address in self.others[:row.targets - 1]]
            deployment = candidate.start(self.site, row.topology,
                                         Variant(resumed=row.resumed, workers=row.workers, targets=row.targets,
                                                 rules=row.settings.get("rules", 0),
                                                 bare=row.measure == "agent",
                                                 scope=row.settings.get("scope", ""), rate=row.settings.get("rate", 0)))
            if row.targets > 1:
                # Health checks have their first rounds, so that every target is known to be there.
                time.sleep(1.5)
            figures = FRESH[row.measure](self.bench, row, deployment, *self.hands(row, candidate, deployment, servers))
            self.note(row, candidate.name, repetition, figures)
        except (LoadFailure, StartFailure, OSError) as error:
            self.trouble(row, candidate.name, error)
        finally:
            if deployment:
                candidate.stop(self.site, deployment)
            for server in servers:
                self.supervisor.stop(server)

    def hands(self, row, candidate, deployment, servers):
        """What a measure needs beside the deployment: of failing targets what makes them fail, their servers being replaced in
        `servers`; of limits the same candidate without any."""
        if row.measure == "converge":
            # A far end of the tunnel dies, where there is one to die; else the server itself.
            return [deployment.roles["pub2"].popen.kill if row.topology == "tunnel" else servers[-1].popen.kill]
        if row.measure == "resilience":
            def again():
                servers.append(self.start_server(self.others[row.targets - 2]))
                return servers[-1]
            return [faults.Victim(servers[-1], again)]
        if row.measure == "shaped":
            return [self.beside(candidate, row.topology)]
        return []

    @contextlib.contextmanager
    def beside(self, candidate, topology):
        """A candidate as it comes, for as long as the block lasts."""
        deployment = candidate.start(self.site, topology, Variant())
        try:
            yield deployment
        finally:
            candidate.stop(self.site, deployment)

    # One row for as long as somebody looks at it

    def hold(self, row, name):
        """Starts one candidate and the row's load, over and over, with a line on what each slice did; prints the pids first and
        stays until it is interrupted. perf/common.sh reads these lines."""
        try:
            self.survey()
            candidate = next((found for found in self.candidates if found.name == name), None)
            if candidate is None or row.topology not in candidate.topologies:
                raise Setup(f"--hold {row.name}: {name} is not there, or has no topology {row.topology}")
            groups = measures.groups_of(row)
            self.start_servers()
            deployment = candidate.start(self.site, row.topology, Variant(resumed=row.resumed, workers=row.workers))
            report = functools.partial(print, flush=True)
            for role in deployment.roles:
                report("pid", role, *deployment.pids(role))
            report("load", deployment.entry, *groups)
            while True:
                done = self.bench.run(deployment, groups, warmup=0, patience=180)["groups"]
                # All of a slice, not its window alone: who counts calls beside it counts those before and after too.
                report("slice", "requests", sum(group.get("total_requests", 0) for group in done), "bytes",
                       sum(group.get("total_bytes", 0) for group in done), "seconds", self.seconds)
        finally:
            self.close()

    def note(self, row, name, repetition, figures):
        self.results.sample(row, name, repetition, figures)
        shown = [f"{render.FIGURES[figure][0]} {render.number(figures[figure], figure)}"
                 for figure in render.SHOWN[row.measure] if figure in figures and "cpu_user" not in figure
                 and "cpu_system" not in figure]
        self.say(f"{row.name:28} {name:18} {'; '.join(shown[:4])}")

    def trouble(self, row, name, error):
        self.say(f"{row.name:28} {name:18} no figure: {error}")
        self.results.error(row, name, str(error))


def build(repository, products=("warren-bench", "warren-floor", "warren-micro")):
    """Builds Warren and what measures it for release, saying what the compiler says when it fails."""
    repository = Path(repository)
    for directory, product in ((repository, "warren"), *((repository / "Benchmarks", product) for product in products)):
        words = ["swift", "build", "-c", "release", "-Xswiftc", "-static-stdlib", "--product", product]
        print(f"building {product}", file=sys.stderr, flush=True)
        try:
            # With us on Ctrl-C and on our death: a build that goes on alone would hold the lock of the next one.
            done = subprocess.run(words, cwd=directory, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                                  preexec_fn=die_with_parent)
        except OSError as error:
            raise Setup(f"cannot run swift: {error.strerror}; install a Swift 6.3 toolchain") from error
        if done.returncode != 0:
            raise Setup(f"{product} does not build:\n{done.stdout[-3000:]}")


def nice(amount):
    try:
        os.nice(amount)
    except PermissionError as error:
        raise Setup(f"--nice {amount} needs root") from error
