"""2,000 live tunnels of one caller and 300 of another go through one sidecar of two loops. A deny for the first caller cuts each
of its tunnels and none of the other's, which carry bytes afterwards; the counters name the rule, and say how many."""

import contextlib
import re
import select
import time

import agents
from support import (
    admitted, binary, echo_process, echoes, echoing, folder, free_port, many_descriptors, skip, until)

DENIED, SPARED = 2000, 300
TWO_LOOPS = [binary(), "connect", "proxy", "-workers", "2"]


def run():
    if many_descriptors() < DENIED + SPARED + 200:
        skip(f"{DENIED + SPARED} tunnels need {DENIED + SPARED + 200} descriptors in this process: ulimit -n")
    with contextlib.ExitStack() as stack:
        path, port = stack.enter_context(folder()), stack.enter_context(echo_process())
        first, second = free_port(), free_port()
        files = {"first.json": agents.service("first", free_port(), [("target", first)]),
                 "second.json": agents.service("second", free_port(), [("target", second)]),
                 "target.json": agents.service("target", port, command=TWO_LOOPS)}
        agent = stack.enter_context(agents.Agent(path, files))
        for local in (first, second):
            until(lambda: admitted(local), f"127.0.0.1:{local} reaches the target")
        denied = [stack.enter_context(echoing(first)) for _ in range(DENIED)]
        spared = [stack.enter_context(echoing(second)) for _ in range(SPARED)]

        poll = select.epoll()
        for end in denied + spared:
            # Of a connection that is reset or ended, not of one that has something to say: none has.
            poll.register(end.fileno(), select.EPOLLIN | select.EPOLLRDHUP)
        ours = {end.fileno() for end in denied}
        begin = time.monotonic()
        agent.put("/v1/connect/intentions", {
            "SourceName": "first", "DestinationName": "target", "Action": "deny"}, method="POST")
        answered = time.monotonic()
        ended = {}
        while len(ended) < DENIED:
            assert time.monotonic() < begin + 20, f"{len(ended)} of {DENIED} tunnels are cut"
            for number, _ in poll.poll(1, 4096):
                assert number in ours, "a tunnel of the caller that nobody denied ends or speaks"
                ended[number] = time.monotonic()
                poll.unregister(number)
        times = sorted(ended.values())
        print(f"{DENIED} of {DENIED + SPARED} tunnels cut; the deny was answered after {1000 * (answered - begin):.0f} ms, the "
              f"first tunnel ended after {1000 * (times[0] - begin):.0f} ms, half of them after "
              f"{1000 * (times[DENIED // 2] - begin):.0f} ms, the last after {1000 * (times[-1] - begin):.0f} ms")
        for end in denied:
            with contextlib.suppress(ConnectionResetError):
                assert end.recv(1) == b"", "what was cut has ended"

        # Whoever else was to end would have by now, and each of these still carries bytes both ways.
        assert not poll.poll(0.5), "only the denied caller's tunnels end"
        for end in spared:
            assert echoes(end)
        assert not admitted(first) and admitted(second)

        # Each of the two loops answers for itself, one before the other.
        cuts = until(lambda: cuts_of_both(agent), "both loops have told their cuts")
        assert sum(count for _, count in cuts) == DENIED, cuts
        assert all("first" in line and "DENY" in line for line, _ in cuts), cuts


def cuts_of_both(agent):
    lines = [line for line in agent.report("target-proxy") if ": rule: " in line]
    cuts = [(line, int(re.search(r"\bcut=(\d+)", line).group(1))) for line in lines]
    return len(cuts) == 2 and cuts
