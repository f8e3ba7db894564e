"""rebalance: after a scale-out connections above an instance's fair share end while nothing moves on them; busy ones go on."""

import contextlib
import http.client
import time

import agents
from support import folder, free_port, until

COUNT = 40


def instance(name, identifier, hello):
    return {"service": {"name": name, "id": identifier, "port": hello.port, "connect": {"sidecar_service": {}}}}


def run():
    with folder() as path, agents.Hello(text="old") as old, agents.Hello(text="new") as new, contextlib.ExitStack() as stack:
        local = free_port()
        caller = {"service": {"name": "caller", "port": free_port(), "connect": {"sidecar_service": {"proxy": {
            "upstreams": [{"destination_name": "web", "local_bind_port": local, "config": {
                "rebalance": {"idle_ms": 500, "max_per_second": 50}}}]}}}}}
        with agents.Agent(path, {"caller.json": caller, "old.json": instance("web", "web-old", old)}) as agent:
            agents.answers(local)
            ends = []
            for _ in range(COUNT):
                end = stack.enter_context(contextlib.closing(http.client.HTTPConnection("127.0.0.1", local, timeout=10)))
                end.request("GET", "/")
                assert end.getresponse().read() == b"old"
                ends.append(end)
            time.sleep(1.5)
            pid = agent.sidecar_pids()["caller-sidecar-proxy"]

            def asked(end):
                """What the connection answers, or None if it was ended."""
                try:
                    end.request("GET", "/")
                    return end.getresponse().read().decode()
                except (OSError, http.client.HTTPException):
                    end.close()
                    return None

            # Nothing has joined: quiet ones live on.
            assert all(asked(end) == "old" for end in ends)
            busy = ends[:5]
            agent.write("new.json", instance("web", "web-new", new))
            agent.put("/v1/agent/reload")
            until(lambda: "new" in {agents.fetched(local) for _ in range(10)}, "the new instance is used")

            def moved():
                assert all(asked(end) == "old" for end in busy), "a busy connection was ended"
                return [line for line in agent.logs("caller-sidecar-proxy") if "ending=moved" in line]

            # Half of them are above the share; a tenth and one for each loop may stay.
            until(lambda: len(moved()) >= 10, "connections are ended")
            time.sleep(2)
            count = len(moved())
            assert 10 <= count <= 24, f"{count} of {COUNT} were moved"
            living = [end for end in ends[5:] if end.sock and asked(end) == "old"]
            assert len(living) + count == COUNT - 5, (len(living), count)
            assert agent.sidecar_pids()["caller-sidecar-proxy"] == pid
