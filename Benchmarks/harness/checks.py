"""The load generator held against iperf3 and wrk, on the path without a proxy."""

import json
import re
import shutil
import statistics
import subprocess

from .candidates import Deployment
from .load import LoadFailure
from .processes import StartFailure

ALLOWED = 0.10


def iperf3(port, seconds, direction):
    words = ["iperf3", "-c", "127.0.0.1", "-p", str(port), "-t", str(max(1, round(seconds))), "-J"]
    done = subprocess.run(words + (["-R"] if direction == "from" else []), capture_output=True, text=True,
                          timeout=seconds + 30)
    try:
        return json.loads(done.stdout)["end"]["sum_received"]["bits_per_second"] / 1e9
    except (json.JSONDecodeError, KeyError) as error:
        raise LoadFailure(f"iperf3: {(done.stdout + done.stderr).strip()[-200:]}") from error


def wrk(address, seconds):
    words = ["wrk", "-t1", "-c64", f"-d{max(1, round(seconds))}s", f"http://{address}/64"]
    done = subprocess.run(words, capture_output=True, text=True, timeout=seconds + 30)
    match = re.search(r"Requests/sec:\s+([\d.]+)", done.stdout)
    if not match:
        raise LoadFailure(f"wrk: {(done.stdout + done.stderr).strip()[-200:]}")
    return float(match[1])


def run(bench, server, repetitions, say):
    """A list of checks: medians of both, interleaved, and whether they agree."""
    checks = []
    for title, unit, tool, ours, theirs in cases(bench, server):
        check = {"title": title, "unit": unit}
        checks.append(check)
        if not shutil.which(tool):
            check["error"] = f"{tool} is missing: apt-get install {tool}"
            say(f"check: {title}: {check['error']}")
            continue
        try:
            pairs = [(ours(), theirs()) for _ in range(repetitions)]
        except (LoadFailure, StartFailure, subprocess.TimeoutExpired) as error:
            check["error"] = str(error)
            say(f"check: {title}: {error}")
            continue
        check["ours"], check["theirs"] = (statistics.median(side) for side in zip(*pairs))
        check["difference"] = statistics.median(one / other for one, other in pairs) - 1
        check["within"] = abs(check["difference"]) <= ALLOWED
        say(f"check: {title}: {check['ours']:,.1f} {unit}, the other {check['theirs']:,.1f} "
            f"({check['difference']:+.1%})")
    return checks


def cases(bench, server):
    site, direct = bench.site, Deployment("direct", server)
    port = site.ports.take()
    listening = []

    def bulk(direction):
        def ours():
            # iperf3 counts from the first byte, and sends in blocks of 128 KiB as fast as one thread goes.
            report = bench.run(direct, [f"bulk,count=1,direction={direction}"])
            return report["groups"][0]["gbit_per_s"]

        def theirs():
            if not listening:
                process = site.supervisor.start(["iperf3", "-s", "-p", str(port)], "iperf3")
                process.wait_listening(port)
                listening.append(process)
            return iperf3(port, bench.seconds, direction)
        return ours, theirs

    for direction, words in (("to", "client to server"), ("from", "server to client")):
        yield (f"bulk, 1 stream, {words}, against iperf3", "Gbit/s", "iperf3", *bulk(direction))
    # Not new connections: wrk takes every close for a read error and does work of its own about it.
    yield ("requests, 64 connections, against wrk", "1/s", "wrk",
           lambda: bench.run(direct, ["request,count=64,bytes=64"])["groups"][0]["requests_per_s"],
           lambda: wrk(server, bench.seconds))


def apart(checks):
    """The checks in which the generator is not within what is allowed. One that could not be made is no verdict."""
    return [check for check in checks if check.get("within") is False]
