"""HTTP on a unix socket: the sidecars find it there, and the socket file goes with the agent."""

import os
import signal

import agents
from support import folder, free_port


def run():
    with folder() as path, agents.Hello() as hello:
        local, place = free_port(), path + "/http.sock"
        files = {"unix.json": {"addresses": {"http": f"unix://{place} 127.0.0.1"}},
                 "caller.json": agents.service("caller", free_port(), [("target", local)]),
                 "target.json": agents.service("target", hello.port)}
        with agents.Agent(path, files) as agent:
            assert agents.answers(local) == "hello, world!\n"
            environment = open(f"/proc/{agent.sidecar_pids()['caller-proxy']}/environ").read().split("\0")
            assert f"CONSUL_HTTP_ADDR=unix://{place}" in environment, environment
            agent.signal(signal.SIGINT)
            assert agent.ends() == 1
            assert not os.path.exists(place)
