"""The application behind a sidecar goes and comes back; nobody else has to do anything."""

import agents
from support import folder, free_port


def run():
    with folder() as path:
        local = free_port()
        hello = agents.Hello()
        files = {"caller.json": agents.service("caller", free_port(), [("target", local)]),
                 "target.json": agents.service("target", hello.port)}
        with agents.Agent(path, files):
            with hello:
                assert agents.answers(local) == "hello, world!\n"
            agents.fails(local)
            with agents.Hello(hello.port, "hello again\n"):
                assert agents.answers(local, seconds=3) == "hello again\n"
