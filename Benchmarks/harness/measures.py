"""How each figure is taken. A measure answers a dictionary of figures, or raises LoadFailure with the reason."""

import os
import re
import shutil
import signal
import subprocess
import time
from pathlib import Path

from . import load
from .load import LoadFailure
from .processes import die_with_parent, resident_bytes


class Bench:
    """What measures need of a run: the generator, the length of a window, and what was found before."""

    def __init__(self, binary, seconds, site):
        self.binary = binary
        self.seconds = seconds
        self.site = site
        #: The process of the server that rows share: what it spends depends on how bytes reach it.
        self.server_pid = None
        #: Requests a second at saturation, by (topology, candidate): what latency rows take their rates from.
        self.saturation = {}

    def run(self, deployment, groups, seconds=None, **settings):
        """The generator's report on a deployment, whose processes it watches."""
        servers = [self.server_pid] if self.server_pid else []
        report = load.run(self.binary, deployment.entry, groups, seconds=seconds or self.seconds,
                          watch=deployment.pids() + deployment.agent_pids() + servers, **settings)
        report["ends_cpu_s"] = report["generator_cpu_s"] + sum(cpu(report, servers))
        if report["interrupted"]:
            raise LoadFailure("the load generator was interrupted")
        return report


def cpu(report, pids):
    """CPU seconds of these of the watched processes within the window: user and system."""
    watched = [process for process in report["watched"] if process["pid"] in pids]
    return sum(process["user_s"] for process in watched), sum(process["system_s"] for process in watched)


def refuse_failures(group):
    """A row whose connections broke has no figure."""
    if group["failures"]:
        reasons = "; ".join(f"{count} x {reason}" for reason, count in group["failure_reasons"].items())
        raise LoadFailure(f"connections failed: {reasons}")


def per_unit(report, deployment, count, names, factor):
    """CPU in all and apart, for each of `count` units; nothing without a process to watch (the direct path). An agent's
    share stands by itself.

    Beside it what the whole path took, client and server included: who moves a segment's bytes through the kernel, the
    sender, the receiver or who happens to run, is a matter of whose queue was full, so a proxy can leave work to its
    neighbours.
    """
    if not deployment.pids():
        return {}
    user, system = cpu(report, deployment.pids())
    figures = {names[0]: (user + system) / count * factor, names[1]: user / count * factor,
               names[2]: system / count * factor}
    if "ends_cpu_s" in report:
        figures[names[3]] = (user + system + report["ends_cpu_s"]) / count * factor
    if deployment.agent_pids():
        figures[names[4]] = sum(cpu(report, deployment.agent_pids())) / count * factor
    return figures


PER_REQUEST = ("cpu_us_per_request", "cpu_user_us_per_request", "cpu_system_us_per_request", "cpu_path_us_per_request",
               "cpu_agent_us_per_request")
PER_GB = ("cpu_s_per_gb", "cpu_user_s_per_gb", "cpu_system_s_per_gb", "cpu_path_s_per_gb", "cpu_agent_s_per_gb")


def percentiles(group, names=("p50", "p90", "p99", "p99_9", "max")):
    if not group["latency"]:
        raise LoadFailure("nothing was answered within the window")
    return {f"{name}_us": group["latency"][f"{name}_us"] for name in names}


def groups_of(row):
    """The load of a row that runs for as long as one likes, as the generator takes it."""
    settings = row.settings
    if row.measure == "bulk":
        return [f"bulk,count={settings['streams']},direction={settings['direction']}"]
    if row.measure == "mix":
        pace = f",read-rate={settings['rate']}" if settings.get("rate") else ""
        return [f"request,count={settings['mice']}", f"bulk,count={settings['elephants']},direction=from{pace}"]
    if row.measure in ("request", "connect"):
        idle = [f"hold,count={settings['idle']}"] if settings.get("idle") else []
        return [f"{row.measure},count={settings['connections']},bytes={settings['bytes']}", *idle]
    raise LoadFailure(f"{row.name} has no load that could go on for long; take a row of bulk, request, connect or mix")


def bulk(bench, row, deployment):
    streams = row.settings["streams"]
    # Buffers of 64 streams hold some hundred megabytes until they are full.
    report = bench.run(deployment, groups_of(row), warmup=0.3 if streams < 64 else 1.0)
    group = report["groups"][0]
    refuse_failures(group)
    if group["bytes"] == 0:
        raise LoadFailure("no byte came through within the window")
    return {**per_unit(report, deployment, group["bytes"], PER_GB, 1e9), "gbit_per_s": group["gbit_per_s"],
            "jain": group["jain"]}


def request(bench, row, deployment):
    return _requests(bench.run(deployment, groups_of(row), patience=180), deployment)


def _requests(report, deployment):
    group = report["groups"][0]
    refuse_failures(group)
    if group["requests"] == 0:
        raise LoadFailure("nothing was answered within the window")
    return {**per_unit(report, deployment, group["requests"], PER_REQUEST, 1e6),
            "requests_per_s": group["requests_per_s"], **percentiles(group)}


def connect(bench, row, deployment):
    groups = [f"connect,count={row.settings['connections']},bytes={row.settings['bytes']}"]
    return _requests(bench.run(deployment, groups), deployment)


def latency(bench, row, deployment, rate):
    report = bench.run(deployment,
                       [f"request,count={row.settings['connections']},bytes={row.settings['bytes']},rate={rate}"])
    group = report["groups"][0]
    refuse_failures(group)
    figures = {**per_unit(report, deployment, max(1, group["requests"]), PER_REQUEST, 1e6), **percentiles(group),
               "rate": rate}
    if group["lag"]:
        figures["lag_p99_us"] = group["lag"]["p99_us"]
    figures["unsent"] = group["unsent"] + group["unanswered"]
    return figures


def idle(bench, row, deployment):
    """A fresh deployment's memory: with none, with so many tunnels, and after they closed."""
    count = row.settings["connections"]
    # The first tunnel builds what all share.
    bench.run(deployment, ["request,count=1"], seconds=0.05, warmup=0)
    time.sleep(0.3)
    before = {role: resident_bytes(deployment.pids(role)) for role in deployment.hops()}
    held = load.Load(bench.binary, deployment.entry, [f"hold,count={count}"], seconds=3600, patience=180)
    try:
        held.wait_ready()
        time.sleep(1.0)
        during = {role: resident_bytes(deployment.pids(role)) for role in deployment.hops()}
        report = held.end_early()
    except BaseException:
        held.stop()
        raise
    refuse_failures(report["groups"][0])
    # Who gives a crowd's memory back may take a moment to see whether it returns: Warren takes two seconds.
    time.sleep(3.0)
    after = {role: resident_bytes(deployment.pids(role)) for role in deployment.hops()}
    figures = {
        "rss_mb": sum(before.values()) / 1e6,
        "rss_after_mb": sum(after.values()) / 1e6,
        "rss_kept": sum(after.values()) / sum(before.values()),
        "kb_per_tunnel": (sum(during.values()) - sum(before.values())) / count / 1024,
    }
    figures["kb_per_tunnel_per_hop"] = figures["kb_per_tunnel"] / len(before)
    for role in before:
        figures[f"kb_per_tunnel_{role}"] = (during[role] - before[role]) / count / 1024
    if deployment.agent_pids():
        figures["agent_rss_mb"] = resident_bytes(deployment.agent_pids()) / 1e6
    return figures


def counted_syscalls(bench, deployment, groups):
    """System calls of all processes of a deployment while `groups` ran, and the generator's report."""
    trace = bench.site.directory / "strace.txt"
    words = ["strace", "-f", "-c", "-o", str(trace)]
    pids = deployment.pids()
    for pid in pids:
        words += ["-p", str(pid)]
    # A tracer that outlived its harness would keep slowing down what it traces.
    tracer = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
                              preexec_fn=die_with_parent, start_new_session=True)
    try:
        end = time.monotonic() + 5
        while not all(traced(pid) for pid in pids):
            if tracer.poll() is not None or time.monotonic() > end:
                message = tracer.stderr.read().decode().strip() if tracer.poll() is not None else "no answer"
                raise LoadFailure(f"strace cannot attach: {message.splitlines()[-1] if message else 'no reason given'}")
            time.sleep(0.02)
        report = bench.run(deployment, groups, seconds=min(1.0, bench.seconds), warmup=0.1)
    finally:
        if tracer.poll() is None:
            tracer.send_signal(signal.SIGINT)
            try:
                tracer.wait(10)
            except subprocess.TimeoutExpired:
                tracer.kill()
                tracer.wait()
        tracer.stderr.close()
    return count_calls(trace.read_text()), report


def traced(pid):
    try:
        return re.search(r"^TracerPid:\s+[1-9]", Path(f"/proc/{pid}/status").read_text(), re.M) is not None
    except OSError:
        return False


def count_calls(summary):
    """The calls in a summary of strace -c: of each line the fourth column, above the total."""
    total = 0
    for line in summary.splitlines():
        fields = line.split()
        if len(fields) >= 5 and re.fullmatch(r"[\d.]+", fields[0]) and fields[-1] != "total":
            total += int(fields[3])
    return total


def syscalls(bench, row, deployment):
    if not shutil.which("strace"):
        raise LoadFailure("strace is missing: apt-get install strace")
    count = row.settings["connections"]
    figures = {}
    calls, report = counted_syscalls(bench, deployment, [f"request,count={count}"])
    figures["syscalls_per_request"] = calls / max(1, report["groups"][0]["total_requests"])
    calls, report = counted_syscalls(bench, deployment, ["connect,count=16"])
    figures["syscalls_per_connection"] = calls / max(1, report["groups"][0]["total_requests"])
    calls, report = counted_syscalls(bench, deployment, ["bulk,count=1,direction=to"])
    figures["syscalls_per_mb"] = calls / max(1, report["groups"][0]["total_bytes"]) * 1e6
    return figures


def mix(bench, row, deployment):
    report = bench.run(deployment, groups_of(row))
    mice, elephants = report["groups"]
    refuse_failures(mice)
    refuse_failures(elephants)
    found = percentiles(mice)
    return {"mice_p50_us": found["p50_us"], "mice_p99_us": found["p99_us"], "requests_per_s": mice["requests_per_s"],
            "gbit_per_s": elephants["gbit_per_s"]}


def slow(bench, row, deployment):
    """What a proxy keeps for readers who lag behind, and what a fast stream beside them still gets."""
    bench.run(deployment, ["request,count=1"], seconds=0.05, warmup=0)
    time.sleep(0.3)
    before = resident_bytes(deployment.pids())
    # The first seconds fill the sockets' buffers on the way to the slow ones, megabytes each.
    warmup = 2.0 if bench.seconds >= 1 else 0.5
    held = load.Load(
        bench.binary, deployment.entry,
        [f"bulk,count={row.settings['slow']},direction=from,read-rate={row.settings['rate']}",
         "bulk,count=1,direction=from"], seconds=bench.seconds, warmup=warmup, watch=deployment.pids())
    try:
        held.wait_ready()
        time.sleep(warmup + bench.seconds * 0.8)
        during = resident_bytes(deployment.pids())
        report = held.finish()
    except BaseException:
        held.stop()
        raise
    refuse_failures(report["groups"][1])
    return {"growth_mb": (during - before) / 1e6, "gbit_per_s": report["groups"][1]["gbit_per_s"]}
