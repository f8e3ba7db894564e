"""connect_latency_factor: of three instances one whose machine has become slow rests, says so, and comes back when it is well."""

import contextlib
import os
import re
import signal
import threading
import time

import agents
from support import folder, free_port, until


@contextlib.contextmanager
def slowed(pid):
    """A process that gets a tenth of the time, in pieces: it answers, late."""
    ends = threading.Event()

    def slow():
        while not ends.is_set():
            os.kill(pid, signal.SIGSTOP)
            ends.wait(0.09)
            os.kill(pid, signal.SIGCONT)
            time.sleep(0.01)

    thread = threading.Thread(target=slow, daemon=True)
    thread.start()
    try:
        yield
    finally:
        ends.set()
        thread.join(5)
        os.kill(pid, signal.SIGCONT)


def run():
    local = free_port()
    with contextlib.ExitStack() as stack:
        path = stack.enter_context(folder())
        hellos = [stack.enter_context(agents.Hello(text=word)) for word in ("one", "two", "three")]
        files = {f"{hello.text.decode()}.json": agents.service("web", hello.port, id=f"web-{hello.text.decode()}")
                 for hello in hellos}
        files["caller.json"] = {"service": {"name": "caller", "port": free_port(), "connect": {"sidecar_service": {
            "proxy": {"upstreams": [{"destination_name": "web", "local_bind_port": local, "config": {
                "balance": "round_robin",
                # A second's rest each time; silence is not what is tested.
                "passive_health_check": {
                    "connect_latency_factor": 4, "connect_latency_minimum_hosts": 3,
                    "connect_latency_minimum_connects": 5, "connect_latency_floor": "5ms",
                    "base_ejection_time": "1s", "max_ejection_time": "1s", "silence_factor": 0}}}]}}}}}
        agent = stack.enter_context(agents.Agent(path, files))
        until(lambda: len(agent.get("/v1/health/connect/web?passing=1")) == 3, "all three are well")
        agents.answers(local)
        until(lambda: {agents.fetched(local) for _ in range(30)} == {"one", "two", "three"}, "all three are used")
        for _ in range(30):
            assert agents.fetched(local)

        def said(words):
            return [line for line in agent.logs("caller-sidecar-proxy") if words in line]

        with slowed(agent.sidecar_pids()["web-three-proxy"]):
            def rests():
                assert agents.fetch(local) in ("one", "two", "three")
                return said("connecting to it takes far longer than to the others")

            until(rests, "the slow instance rests", 30)
            # Not one of those that follow meets it: a second is long for so few.
            assert "three" not in [agents.fetch(local) for _ in range(20)]
        until(lambda: "three" in [agents.fetch(local) for _ in range(10)] and said("instance is back"),
              "it is tried out, and used again", 30)
        report = "\n".join(agent.report("caller-sidecar-proxy"))
        assert re.search(r"ejections_by_latency=[1-9]", report), report
        assert "ejections_by_silence=0" in report, report
