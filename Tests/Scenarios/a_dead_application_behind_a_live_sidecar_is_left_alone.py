"""Of two instances, one has a dead application behind a sidecar that answers: nobody fails for it, and it is left alone."""

import agents
from support import folder, free_port, until


def run():
    with folder() as path:
        local = free_port()
        hello = agents.Hello()
        files = {
            "caller.json": agents.service("caller", free_port(), [("target", local)]),
            "good.json": agents.service("target", hello.port, id="target-good"),
            "dead.json": agents.service("target", free_port(), id="target-dead"),
        }
        with agents.Agent(path, files) as agent, hello:
            agents.answers(local)
            until(lambda: len(agent.get("/v1/health/connect/target?passing=1")) == 2, "both sidecars are well")
            agents.answers(local)
            assert all(agents.fetched(local) for _ in range(300))
            # Five in a row make it rest for a second, then twice as long each time; each return is one more. The sidecar says
            # that nobody is there, and the connection goes to the other instance.
            tries = [line for line in agent.logs("caller-proxy") if "nobody is there behind it" in line]
            print(f"{len(tries)} of 300 connections were tried with the dead application first")
            assert 1 <= len(tries) <= 20, tries
