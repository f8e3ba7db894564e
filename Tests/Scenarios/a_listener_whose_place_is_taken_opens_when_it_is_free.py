"""A sidecar whose public port somebody else has, and one whose upstream's port is taken, say so and try again; both serve as
soon as the ports are free, and neither is started again."""

import socket

import agents
from support import folder, free_port, until


def run():
    with folder() as path, agents.Hello() as hello, socket.socket() as one, socket.socket() as two:
        public, local = free_port(), free_port()
        for stranger, port in ((one, public), (two, local)):
            stranger.bind(("127.0.0.1", port))
            stranger.listen()
        files = {"caller.json": agents.service("caller", free_port(), [("target", local)]),
                 "target.json": agents.service("target", hello.port, inbound={
                     "bind_address": "127.0.0.1", "bind_port": public})}
        with agents.Agent(path, files) as agent:
            for sidecar, port in (("target-proxy", public), ("caller-proxy", local)):
                said = until(lambda: refusals(agent, sidecar, port), f"{sidecar} says that it cannot listen")[0]
                assert "trying again" in said and "stop whoever listens there" in said, said
                until(lambda: len(refusals(agent, sidecar, port)) > 1, f"{sidecar} has tried again")
            pids = agent.sidecar_pids()
            one.close()
            two.close()
            assert agents.answers(local) == "hello, world!\n"
            assert agent.sidecar_pids() == pids


def refusals(agent, sidecar, port):
    return [line for line in agent.logs(sidecar) if "cannot listen" in line and f":{port}" in line]
