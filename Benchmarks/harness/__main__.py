"""script/bench: measures Warren beside its peers."""

import argparse
import fnmatch
import shutil
import signal
import sys
import tempfile
from pathlib import Path

from . import install, micro, render
from .checks import apart
from .load import LoadFailure
from .micro import MicroFailure
from .ours import MODES
from .processes import StartFailure
from .registry import PEERS
from .rows import rows as all_rows
from .runner import Runner, Setup, build, nice

REPOSITORY = Path(__file__).resolve().parent.parent.parent
SHORT_PEERS = ("haproxy", "nginx", "envoy", "stunnel")
#: Ours in other modes, only where a row names them.
OTHER_MODES = tuple(name for name in MODES if name != "warren")
#: What the smoke runs: one row of every kind that takes no long time, without peers and without thresholds.
SMOKE = ("*-bulk-1-to", "*-bulk-8-duplex", "*-request-64-c64", "*-connect-c16", "tunnel-connect-full-c16",
         "*-latency-common", "*-mix", "relay-slow", "relay-converge", "relay-idle-1000", "mesh-idle-1000",
         "mesh-services-10", "mesh-intentions-10", "tunnel-syscalls")
#: Window in seconds and interleaved repetitions of each kind of run.
LENGTH = {"smoke": (0.2, 1), "full": (1.1, 3), "short": (1.8, 3), "partial": (1.8, 3)}


def arguments():
    parser = argparse.ArgumentParser(
        prog="script/bench", description="Measures Warren beside its peers, interleaved, on this machine. The short run "
        "takes under 15 minutes on two cores, the full one under 40; results go to Benchmarks/results as JSON, Markdown and "
        "SVG.")
    parser.add_argument("--full", action="store_true", help="every row, our other modes, tuned peers")
    parser.add_argument("--smoke", action="store_true", help="seconds: Warren alone, no thresholds, nothing kept")
    parser.add_argument("--peers", metavar="A,B", help=f"of {', '.join((*PEERS, *OTHER_MODES))}; or none; these then run "
                        f"on every row they can. The short run has {', '.join(SHORT_PEERS)}, the full one all")
    parser.add_argument("--only", metavar="ROW,ROW", help="only these rows; * stands for anything (see --list); "
                        "`checks` is the comparison with iperf3 and wrk")
    parser.add_argument("--list", action="store_true", help="prints the rows and ends; * marks the short run's")
    parser.add_argument("--hold", metavar="ROW", help="starts one candidate under a row's load, prints the pids, and goes on "
                        "until Ctrl-C, in slices of --seconds: what perf/ looks at; the beginning of a row's name will do")
    parser.add_argument("--of", metavar="NAME", default="warren", help="with --hold: whose; the default is warren")
    parser.add_argument("--warren", metavar="FILE", help="measures this binary of Warren and builds none")
    parser.add_argument("--install", action="store_true", help="installs missing peers and tools first: Debian packages "
                        "with apt-get (as root or by sudo, services not started), Envoy into Benchmarks/.venv")
    parser.add_argument("--render", metavar="FILE", help="only renders a results file; nothing is measured")
    parser.add_argument("--readme", metavar="FILE", help="also replaces the section between the markers of this README")
    parser.add_argument("--seconds", type=float, help="length of a window")
    parser.add_argument("--repetitions", type=int, help="interleaved repetitions")
    parser.add_argument("--minutes", type=float, default=0, help="the run ends after so many, its results marked partial")
    parser.add_argument("--first-port", type=int, default=20100, metavar="N", help="ports are taken from here to 31000; "
                        "the default is 20100")
    parser.add_argument("--out", metavar="DIRECTORY", default=str(REPOSITORY / "Benchmarks/results"))
    parser.add_argument("--no-build", action="store_true", help="takes the binaries as they are")
    parser.add_argument("--no-checks", action="store_true", help="leaves out the comparison with iperf3 and wrk")
    parser.add_argument("--nice", type=int, default=0, metavar="N", help="priority of all processes of the run; below 0 "
                        "keeps other work of a shared machine out of the figures")
    parser.add_argument("--micro", action="store_true", help="only the micro-benchmarks, in process; fails when "
                        "one allocates more than Benchmarks/results/micro.json accepts")
    parser.add_argument("--accept", action="store_true", help="with --micro: writes that file")
    options = parser.parse_args()
    for value, name in ((options.seconds, "--seconds"), (options.repetitions, "--repetitions")):
        if value is not None and value <= 0:
            raise Setup(f"{name} {value}: must be more than 0")
    if options.minutes < 0:
        raise Setup(f"--minutes {options.minutes:g}: must not be negative; 0 is no limit")
    if not 1024 <= options.first_port <= 30_900:
        raise Setup(f"--first-port {options.first_port}: want a port from 1024 to 30900")
    return options


def chosen_rows(options):
    rows = all_rows()
    if options.smoke:
        rows = [row for row in rows if any(fnmatch.fnmatch(row.name, pattern) for pattern in SMOKE)
                and (row.measure != "syscalls" or shutil.which("strace"))]
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
        return () if options.smoke else OTHER_MODES + tuple(PEERS) if options.full or options.only else SHORT_PEERS
    if options.peers in ("", "none"):
        return ()
    names = options.peers.split(",")
    for name in names:
        if name not in PEERS and name not in OTHER_MODES:
            raise Setup(f"--peers {name}: unknown; want of {', '.join((*PEERS, *OTHER_MODES))}")
    return names


def interrupted(*_):
    raise KeyboardInterrupt


def main():
    # A terminal that goes away, and who asks for the end, are treated alike: stop everything, keep what there is. A shell starts
    # what runs beside it deaf to SIGINT, and then a run could not be interrupted by it; what nohup(1) asks for is kept.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        if number != signal.SIGHUP or signal.getsignal(number) != signal.SIG_IGN:
            signal.signal(number, interrupted)
    try:
        return carry_out(arguments())
    except (Setup, StartFailure, MicroFailure, LoadFailure, ValueError, OSError) as error:
        print(f"script/bench: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("script/bench: interrupted; everything that was started is stopped", file=sys.stderr)
        return 130


def runner_for(options, rows, peers, mode, out):
    seconds, repetitions = LENGTH[mode]
    return Runner(repository=REPOSITORY, rows=rows, peers=peers, seconds=options.seconds or seconds,
                  repetitions=options.repetitions or repetitions, mode=mode, out=out, first_port=options.first_port,
                  with_checks=not (options.no_checks or options.smoke) and (
                      not options.only or "checks" in options.only.split(",")),
                  with_micro=mode == "full", every=bool(options.peers), minutes=options.minutes,
                  warren=options.warren and Path(options.warren).resolve())


def carry_out(options):
    if options.render:
        print(render.write(options.render, options.readme))
        return 0
    rows, peers = chosen_rows(options), chosen_peers(options)
    mode = "smoke" if options.smoke else "full" if options.full else "partial" if options.only else "short"
    if options.list:
        return show(rows, options, peers, mode)
    if Path(options.out).exists() and not Path(options.out).is_dir():
        raise Setup(f"--out {options.out}: is a file; want a directory")
    if options.warren and not Path(options.warren).exists():
        raise Setup(f"--warren {options.warren}: no such file")
    if not options.no_build and not options.warren:
        build(REPOSITORY)
    if options.micro:
        return micro.run(REPOSITORY / "Benchmarks/.build/release/warren-micro",
                         REPOSITORY / "Benchmarks/results/micro.json", options.accept)
    if options.install:
        missing = [PEERS[name]() for name in peers if name in PEERS]
        install.install([peer for peer in missing if peer.binary() is None],
                        [tool for tool in install.TOOLS if not shutil.which(tool)])
    if options.nice:
        nice(options.nice)
    if options.hold:
        return hold(options)
    return measure(options, rows, peers, mode)


def show(rows, options, peers, mode):
    for row in rows if options.full or options.only else all_rows():
        print(f"{'*' if row.short else ' '} {row.name:30} {row.title}")
    runner = runner_for(options, rows, peers, mode, options.out)
    runner.candidates = [candidate for candidate in runner.candidates if candidate.binary()]
    print(f"{len(rows)} rows; with {', '.join(candidate.name for candidate in runner.candidates)} and windows of "
          f"{runner.seconds:g} s about {runner.seconds_needed() / 60:.0f} minutes")
    runner.close()
    return 0


def hold(options):
    # mesh-bulk is short for the first row of that beginning.
    row = next((found for found in all_rows() if found.name == options.hold), None) or next(
        (found for found in all_rows() if found.name.startswith(options.hold + "-")), None)
    if row is None:
        raise Setup(f"--hold {options.hold}: no such row; script/bench --list prints them")
    if options.of not in MODES and options.of not in PEERS:
        raise Setup(f"--of {options.of}: unknown; want of {', '.join((*MODES, *PEERS))}")
    with tempfile.TemporaryDirectory(prefix="warren-bench-hold-") as scratch:
        peers = () if options.of == "warren" else (options.of,)
        runner_for(options, [row], peers, "partial", scratch).hold(row, options.of)
    return 0


def measure(options, rows, peers, mode):
    scratch = tempfile.TemporaryDirectory(prefix="warren-bench-results-") if options.smoke else None
    runner = runner_for(options, rows, peers, mode, scratch.name if scratch else options.out)
    status = 0
    try:
        runner.run()
    except KeyboardInterrupt:
        print("script/bench: interrupted; everything that was started is stopped", file=sys.stderr)
        status = 130
    except (Setup, StartFailure, LoadFailure, OSError) as error:
        print(f"script/bench: {error}", file=sys.stderr)
        status = 1
    if runner.results.path.exists():
        page = render.write(runner.results.path, options.readme)
        if options.smoke:
            status = status or smoke_verdict(runner.results.data)
        else:
            print(page)
    if scratch:
        scratch.cleanup()
    return status or generator_verdict(runner.results.data) or empty_verdict(runner.results.data)


def empty_verdict(data):
    """A run that came to its end without one figure says so to who only looks at the exit status."""
    if not data["rows"] or any(row["samples"] for row in data["rows"]):
        return 0
    print("script/bench: nothing could be measured; the page says why", file=sys.stderr)
    return 1


def generator_verdict(data):
    """A generator that is not within 10 % of what is known makes every figure doubtful; who only looks at the exit status is
    to know."""
    wrong = apart(data["checks"])
    for check in wrong:
        print(f"script/bench: the load generator differs: {check['title']}: {check['difference']:+.1%}, 10 % are allowed",
              file=sys.stderr)
    return 2 if wrong else 0


def smoke_verdict(data):
    """The smoke fails when a row of ours has no figure; how good the figure is, it does not ask."""
    wrong = [f"{row['name']}, {name}: {text}" for row in data["rows"] for name, texts in row["errors"].items()
             for text in texts] + [f"{row['name']}: {row['skipped']}" for row in data["rows"] if row.get("skipped")]
    for line in wrong:
        print(f"smoke: {line}", file=sys.stderr)
    rows = [row for row in data["rows"] if row["samples"].get("warren")]
    print(f"smoke: {len(rows)} rows measured, {len(wrong)} failed", file=sys.stderr)
    return 1 if wrong or not rows else 0


if __name__ == "__main__":
    sys.exit(main())
