"""What happens to traffic when a target dies, stops or refuses: measures of their own, since they need the servers' hands."""

import os
import signal
import time
from pathlib import Path

from . import load


def converge(bench, row, deployment, kill):
    """`kill` ends a target; the time from then to the last planned request that failed or took 100 ms."""
    running = load.Load(
        bench.binary, deployment.entry, [f"connect,count=400,rate={row.settings['rate']}"],
        seconds=row.settings["seconds"], warmup=0.5, patience=2.0)
    try:
        running.wait_ready()
        time.sleep(1.5)
        killed = time.monotonic_ns()
        kill()
        report = running.finish()
    except BaseException:
        running.stop()
        raise
    group = report["groups"][0]
    return {"converge_ms": (last_trouble(group, killed) - killed) / 1e6, "failed": group["failures"]}


def last_trouble(group, since):
    """When the last request was planned that failed or was answered late. Ones from before count as "at once"."""
    late = [event["planned_ns"] for event in group.get("failure_times", [])] + [
        event["planned_ns"] for event in group["slow"]]
    return max([planned for planned in late if planned >= since], default=since)


class Victim:
    """The last of several targets, a server that can be killed, stopped or made to refuse, and brought back."""

    def __init__(self, process, start):
        self.process = process
        self._start = start
        self.port = int(process.words[-1].rpartition(":")[2])

    def suffer(self, fault):
        if fault == "stop":
            os.kill(self.process.pid, signal.SIGSTOP)
        else:
            # Killed or gone in order: either way its port refuses from now on; a kill also resets what it held.
            os.kill(self.process.pid, signal.SIGKILL if fault == "kill" else signal.SIGTERM)
            self.process.popen.wait(5)

    def recover(self, fault):
        if fault == "stop":
            os.kill(self.process.pid, signal.SIGCONT)
        else:
            self.process = self._start()

    def clients(self):
        """The connections to its port, open ones and those of the last minute, as the kernel lists them: both addresses, and
        of one that is over how long it is kept yet, of an open one OPEN."""
        own = f":{self.port:04X}"
        found = {}
        for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
            fields = line.split()
            # 02 is an attempt, 0A the listener.
            if fields[3] not in ("02", "0A") and own in (fields[1][-5:], fields[2][-5:]):
                found[fields[1], fields[2]] = int(fields[5].partition(":")[2], 16) if fields[3] == "06" else OPEN
        return found


#: Instead of the time that a connection is kept after its end.
OPEN = -1


def has_come(before, now):
    """Whether there is a connection that was not there before. On loopback the kernel takes the addresses of one that is over
    for a new one after a second (tcp_tw_reuse, ip-sysctl): so it counts as well when it is open again, or kept for longer."""
    return any(ends not in before or before[ends] != OPEN and (kept == OPEN or kept > before[ends])
               for ends, kept in now.items())


def resilience(bench, row, deployment, victim):
    """New connections at a steady rate over three targets, 64 of which may be under way at once; one target suffers the
    row's fault for three seconds. Counted: connections that failed, those under way at the moment of the fault apart, and
    those that took longer than 100 ms from then on, until when they did, and how long after its recovery the target had traffic again."""
    fault, rate = row.settings["fault"], row.settings["rate"]
    down, after = row.settings["down"], row.settings["after"]
    running = load.Load(
        bench.binary, deployment.entry, [f"connect,count={row.settings['connections']},rate={rate}"],
        seconds=1.5 + down + after, warmup=0.5, patience=row.settings["patience"])
    try:
        running.wait_ready()
        time.sleep(2.0)
        fell = time.monotonic_ns()
        victim.suffer(fault)
        time.sleep(down)
        before = victim.clients()
        rose = time.monotonic_ns()
        victim.recover(fault)
        back = wait_for_traffic(victim, before, after)
        report = running.finish()
    except BaseException:
        running.stop()
        raise
    group = report["groups"][0]
    # Those that were under way when it fell are lost whatever is done; apart from them, what was begun later and failed.
    begun_later = sum(1 for event in group.get("failure_times", []) if event["planned_ns"] >= fell)
    figures = {"converge_ms": (last_trouble(group, fell) - fell) / 1e6, "failed": begun_later,
               "held": group["failures"] - begun_later,
               "late": sum(1 for event in group["slow"] if event["planned_ns"] >= fell)}
    if back is not None:
        figures["back_ms"] = (back - rose) / 1e6
    return figures


def wait_for_traffic(victim, before, seconds):
    """When a connection to the target stood that was not there before; None when none came."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if has_come(before, victim.clients()):
            return time.monotonic_ns()
        time.sleep(0.01)
    return None
