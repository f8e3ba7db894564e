"""A session that was allowed and can be resumed is worth nothing once its intention says no: the resumed caller is refused by the
same process that let it in before."""

import os
import re
import signal

import agents
from support import folder, free_port, until


def counters(agent):
    """What the target's sidecar counts now."""
    def reports():
        return [line for line in agent.logs("target-proxy") if ": counters: " in line]

    before = len(reports())
    os.kill(agent.sidecar_pids()["target-proxy"], signal.SIGUSR1)
    line = until(lambda: reports()[before:], "a report")[-1]
    return {name: int(value) for name, value in re.findall(r"(\w+)=(\d+)", line)}


def run():
    with folder() as path, agents.Hello() as hello:
        local = free_port()
        files = {"caller.json": agents.service("caller", free_port(), [("target", local)]),
                 "target.json": agents.service("target", hello.port)}
        with agents.Agent(path, files) as agent:
            for _ in range(3):
                assert agents.answers(local) == "hello, world!\n"
            first = counters(agent)
            assert first["client_resumed"] > 0 and first["refused"] == 0, first
            rule = agent.put("/v1/connect/intentions", {
                "SourceName": "caller", "DestinationName": "target", "Action": "deny"}, method="POST")["ID"]
            agents.fails(local)
            count, middle = hello.count, counters(agent)
            assert agents.fetched(local) is None and hello.count == count, "no request passes"
            second = counters(agent)
            assert second["refused"] > middle["refused"], (middle, second)
            # Every handshake of those that were refused was a resumed one.
            assert (second["client_resumed"] - middle["client_resumed"]
                    == second["client_handshakes"] - middle["client_handshakes"] > 0), (middle, second)
            agent.put(f"/v1/connect/intentions/{rule}", method="DELETE")
            assert agents.answers(local) == "hello, world!\n"
