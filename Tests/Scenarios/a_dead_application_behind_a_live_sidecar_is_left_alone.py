"""Of two instances, one has a dead application behind a sidecar that answers: after a few failures it gets no more."""

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
            failures = sum(agents.fetched(local) is None for _ in range(300))
            print(f"{failures} of 300 requests met the dead application")
            # Five in a row make it rest for a second, then twice as long each time; each return costs one.
            assert 1 <= failures <= 20, failures
