"""A sidecar that the agent has just started is never more than 16 MB resident and accepts connections within 100 ms of its start.

The start is the kernel's (field 22 of /proc/PID/stat, in ticks of a hundredth of a second), the moment of listening the
sidecar's own log. What a start takes on a machine that does other things besides says little, so the best of a few starts
counts. A build for debugging is several times as large, and slower; it is not judged. Nor is the most that a binary without
Swift's runtime inside ever held: the runtime's libraries come to a megabyte and a half more, for the moment of the start.
`script/build` makes one with the runtime inside, `script/test --full` has it judged ($WARREN_STANDALONE).
"""

import datetime
import os
import pathlib
import re
import time

import agents
from support import Server, binary, echo, folder, free_port, skip, until

LIMIT_KIB = 16 * 1024
LIMIT_MS = 100
TRIES = 8


def status(pid, name):
    return int(re.search(rf"^{name}:\s+(\d+) kB", pathlib.Path(f"/proc/{pid}/status").read_text(), re.M).group(1))


def age(pid):
    """Seconds since a process was started, with the resolution of a tick."""
    ticks = int(pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[19])
    return time.clock_gettime(time.CLOCK_BOOTTIME) - ticks / os.sysconf("SC_CLK_TCK")


def listening(agent, sidecar):
    """When it listened, in seconds since 1970, by its log; None while it does not say so."""
    for line in agent.logs(sidecar):
        if "listening" in line and "route=public" in line:
            text = re.match(r"\S+", line).group(0)
            return datetime.datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()
    return None


def start(path, target):
    """Milliseconds until it listened, its resident memory in KiB when it had become calm and at most, and whether it holds Swift's
    runtime."""
    local = free_port()
    files = {"caller.json": agents.service("caller", target, [("target", local)])}
    with agents.Agent(path, files, "-log-level", "info") as agent:
        until(lambda: "caller-proxy" in agent.sidecar_pids(), "the agent starts the sidecar")
        pid = agent.sidecar_pids()["caller-proxy"]
        until(lambda: listening(agent, "caller-proxy"), "the sidecar listens")
        begun = time.time() - age(pid)
        taken = (listening(agent, "caller-proxy") - begun) * 1000
        # What its start took is let go of a second after it serves, and is not to come back by itself.
        until(lambda: age(pid) > 4, "the sidecar is calm", 10)
        is_standalone = "libswiftCore" not in pathlib.Path(f"/proc/{pid}/maps").read_text()
        return taken, status(pid, "VmRSS"), status(pid, "VmHWM"), is_standalone


def run():
    os.environ["WARREN"] = os.environ.get("WARREN_STANDALONE") or binary()
    if "/debug/" in os.path.realpath(binary()):
        skip("only a build for release is judged")
    best = None
    with Server(echo) as server:
        for number in range(TRIES):
            with folder() as path:
                taken, resident, most, is_standalone = start(path, server.address[1])
            print(f"listened after {taken:.0f} ms; {resident} KiB resident, {most} KiB at most")
            assert resident <= LIMIT_KIB and (most <= LIMIT_KIB or not is_standalone), f"{resident} KiB resident, {most} KiB at most"
            best = taken if best is None else min(best, taken)
            if best <= LIMIT_MS:
                return
    raise AssertionError(f"never listened within {LIMIT_MS} ms of its start; the best of {TRIES} was {best:.0f} ms")
