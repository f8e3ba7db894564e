"""The service behind a local port is changed while requests run: each is answered by the one or the other."""

import threading
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
            seen, faults, going = [], [], [True]

            def ask():
                while going[0]:
                    try:
                        seen.append(agents.fetch(local))
                    except Exception as fault:  # noqa: BLE001: any failure is the finding
                        faults.append(repr(fault))

            threads = [threading.Thread(target=ask, daemon=True) for _ in range(3)]
            for thread in threads:
                thread.start()
            for destination in ["two", "one", "two"]:
                agent.write("caller.json", agents.service("caller", port, [(destination, local)]))
                assert agent.ask("PUT", "/v1/agent/reload")[0] == 200
                until(lambda: seen and seen[-1] == destination + "\n", f"{destination} answers")
                time.sleep(0.2)
            going[0] = False
            for thread in threads:
                thread.join(10)
            assert not faults, (len(seen), faults[:3])
            assert set(seen) == {"one\n", "two\n"}
            assert not [line for line in agent.logs("caller-proxy") if "cannot listen" in line]
            print(f"{len(seen)} requests, none failed")
