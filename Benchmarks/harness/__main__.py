"""script/bench: measures Warren beside its peers."""

import argparse
import fnmatch
import shutil
import signal
import sys
import tempfile
from pathlib import Path

from . import catalog, install, micro, render
from .candidates import OURS, PEERS
from .micro import MicroFailure
from .processes import StartFailure
from .runner import Runner, Setup, build, nice

REPOSITORY = Path(__file__).resolve().parent.parent.parent
SHORT_PEERS = ("haproxy", "nginx", "envoy", "stunnel")
#: Ours in other modes; only the full run, and who names them with --peers, has time for them.
MODES = tuple(name for name in OURS if name != "warren")
#: What the smoke runs: one row of every kind that takes no long time, without peers and without thresholds.
SMOKE = ("*-bulk-1-to", "*-bulk-8-duplex", "*-request-64-c64", "*-connect-c16", "tunnel-connect-full-c16",
         "*-latency-common", "*-mix", "*-slow", "relay-converge", "*-idle-1000")


def arguments():
    parser = argparse.ArgumentParser(
        prog="script/bench", description="Measures Warren beside its peers, interleaved, on this machine. The short run "
        "takes under 15 minutes on two cores; results go to Benchmarks/results as JSON, Markdown and SVG.")
    parser.add_argument("--full", action="store_true", help="every row, five repetitions of 3 s")
    parser.add_argument("--smoke", action="store_true", help="seconds: Warren alone, no thresholds, nothing kept")
    parser.add_argument("--peers", metavar="A,B", help=f"of {', '.join((*PEERS, *MODES))}; or none. The short run has "
                        f"{', '.join(SHORT_PEERS)}, the full one all")
    parser.add_argument("--only", metavar="ROW,ROW", help="only these rows; * stands for anything (see --list); "
                        "`checks` is the comparison with iperf3 and wrk")
    parser.add_argument("--list", action="store_true", help="prints the rows and ends; * marks the short run's")
    parser.add_argument("--install", action="store_true", help="installs missing peers and tools first: Debian packages "
                        "with apt-get (as root, services not started), Envoy into Benchmarks/.venv")
    parser.add_argument("--render", metavar="FILE", help="only renders a results file; nothing is measured")
    parser.add_argument("--readme", metavar="FILE", help="also replaces the section between the markers of this README")
    parser.add_argument("--seconds", type=float, help="length of a window")
    parser.add_argument("--repetitions", type=int, help="interleaved repetitions")
    parser.add_argument("--out", metavar="DIRECTORY", default=str(REPOSITORY / "Benchmarks/results"))
    parser.add_argument("--no-build", action="store_true", help="takes the binaries as they are")
    parser.add_argument("--no-checks", action="store_true", help="leaves out the comparison with iperf3 and wrk")
    parser.add_argument("--nice", type=int, default=0, metavar="N", help="priority of all processes of the run; below 0 "
                        "keeps other work of a shared machine out of the figures")
    parser.add_argument("--micro", action="store_true", help="only the micro-benchmarks, in process; fails when "
                        "one allocates more than Benchmarks/results/micro.json accepts")
    parser.add_argument("--accept", action="store_true", help="with --micro: writes that file")
    return parser.parse_args()


def chosen_rows(options):
    rows = catalog.rows()
    if options.smoke:
        rows = [row for row in rows if any(fnmatch.fnmatch(row.name, pattern) for pattern in SMOKE)]
    elif not options.full and not options.only:
        rows = [row for row in rows if row.short]
    if options.only:
        patterns = [pattern for pattern in options.only.split(",") if pattern != "checks"]
        for pattern in patterns:
            if not any(fnmatch.fnmatch(row.name, pattern) for row in rows):
                raise Setup(f"--only {pattern}: no such row; script/bench --list prints them")
        rows = [row for row in rows if any(fnmatch.fnmatch(row.name, pattern) for pattern in patterns)]
    return rows


def chosen_peers(options):
    if options.peers is None:
        return MODES if options.smoke else MODES + tuple(PEERS) if options.full else SHORT_PEERS
    if options.peers in ("", "none"):
        return ()
    names = options.peers.split(",")
    for name in names:
        if name not in PEERS and name not in MODES:
            raise Setup(f"--peers {name}: unknown; want of {', '.join((*PEERS, *MODES))}")
    return names


def interrupted(*_):
    raise KeyboardInterrupt


def main():
    options = arguments()
    try:
        return carry_out(options)
    except (Setup, StartFailure, MicroFailure, ValueError) as error:
        print(f"script/bench: {error}", file=sys.stderr)
        return 1


def carry_out(options):
    if options.list:
        for row in catalog.rows():
            print(f"{'*' if row.short else ' '} {row.name:30} {row.title}")
        return 0
    if options.render:
        print(render.write(options.render, options.readme))
        return 0
    rows, peers = chosen_rows(options), chosen_peers(options)
    for value, name in ((options.seconds, "--seconds"), (options.repetitions, "--repetitions")):
        if value is not None and value <= 0:
            raise Setup(f"{name} must be more than 0")
    if not options.no_build:
        build(REPOSITORY, micro=options.micro)
    if options.micro:
        return micro.run(REPOSITORY / "Benchmarks/.build/release/warren-micro",
                         REPOSITORY / "Benchmarks/results/micro.json", options.accept)
    if options.install:
        missing = [PEERS[name]() for name in peers if name in PEERS]
        install.install([peer for peer in missing if peer.binary() is None],
                        [tool for tool in install.TOOLS if not shutil.which(tool)])
    if options.nice:
        nice(options.nice)
    mode = "smoke" if options.smoke else "full" if options.full else "partial" if options.only else "short"
    seconds = options.seconds or {"smoke": 0.2, "full": 3.0}.get(mode, 1.8)
    repetitions = options.repetitions or {"smoke": 1, "full": 5}.get(mode, 3)
    signal.signal(signal.SIGTERM, interrupted)
    scratch = tempfile.TemporaryDirectory(prefix="warren-bench-results-") if options.smoke else None
    runner = Runner(repository=REPOSITORY, rows=rows, peers=peers, seconds=seconds, repetitions=repetitions, mode=mode,
                    out=scratch.name if scratch else options.out,
                    with_checks=not (options.no_checks or options.smoke) and (
                        not options.only or "checks" in options.only.split(",")))
    status = 0
    try:
        runner.run()
    except KeyboardInterrupt:
        print("script/bench: interrupted; everything that was started is stopped", file=sys.stderr)
        status = 130
    if runner.results.path.exists():
        page = render.write(runner.results.path, options.readme)
        if options.smoke:
            status = status or smoke_verdict(runner.results.data)
        else:
            print(page)
    if scratch:
        scratch.cleanup()
    return status


def smoke_verdict(data):
    """The smoke fails when a row of ours has no figure; how good the figure is, it does not ask."""
    wrong = [f"{row['name']}, {name}: {text}" for row in data["rows"] for name, texts in row["errors"].items()
             for text in texts] + [f"{row['name']}: {row['skipped']}" for row in data["rows"] if row.get("skipped")]
    for line in wrong:
        print(f"smoke: {line}", file=sys.stderr)
    rows = [row for row in data["rows"] if row["samples"].get("warren")]
    print(f"smoke: {len(rows)} rows measured, {len(wrong)} failed", file=sys.stderr)
    return 1 if wrong or not rows else 0


sys.exit(main())
