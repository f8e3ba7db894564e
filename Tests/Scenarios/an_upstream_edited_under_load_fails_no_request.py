"""The service behind a local port is changed while requests run: each is answered by the one or the other."""

import time

import agents
from support import folder, free_port, until


def run():
    with folder() as path, agents.Hello(text="one\n") as one, agents.Hello(text="two\n") as two:
        local, port = free_port(), free_port()
        files = {"caller.json": agents.service("caller", port, [("one", local)]),
                 "one.json": agents.service("one", one.port), "two.json": agents.service("two", two.port)}
        with agents.Agent(path, files) as agent:
            assert agents.answers(local) == "one\n"
            agents.until(lambda: agent.get("/v1/health/connect/two?passing"), "the other destination is there")
            with agents.Load(local, threads=3, wanted=("one\n", "two\n")) as load:
                for destination in ["two", "one", "two"]:
                    agent.write("caller.json", agents.service("caller", port, [(destination, local)]))
                    agent.reload()
                    until(lambda: load.last == destination + "\n", f"{destination} answers")
                    time.sleep(0.2)
            load.is_faultless(10)
            assert not [line for line in agent.logs("caller-proxy") if "cannot listen" in line]
            print(f"{load.count} requests, none failed")
