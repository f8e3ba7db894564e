"""hedge_policy: where an instance does not answer connect, another is tried beside it; one application hears of the caller."""

import os
import signal
import time

import agents
from a_target_that_does_not_answer_is_given_up_in_time import deaf_listener
from support import folder, free_port, until


def run():
    kept = []
    deaf = int(deaf_listener(kept).rsplit(":", 1)[1])
    try:
        with folder() as path, agents.Hello(text="one") as one, agents.Hello(text="two") as two:
            local = free_port()
            caller = {"service": {"name": "caller", "port": free_port(), "connect": {"sidecar_service": {"proxy": {
                "upstreams": [{"destination_name": "web", "local_bind_port": local, "config": {
                    "balance": "round_robin", "connect_timeout_ms": 8000,
                    "passive_health_check": {"max_failures": 0},
                    "hedge_policy": {"min_delay_ms": 20, "max_delay_ms": 200}}}]}}}}}
            files = {"caller.json": caller}
            for hello in (one, two):
                word = hello.text.decode()
                files[f"{word}.json"] = {"service": {
                    "name": "web", "id": word, "port": hello.port, "connect": {"sidecar_service": {}}}}
            files["deaf.json"] = {"service": {
                "name": "web", "id": "deaf", "address": "127.0.0.1", "port": deaf, "connect": {"native": True}}}
            with agents.Agent(path, files) as agent:
                agents.answers(local)
                until(lambda: {agents.fetched(local) for _ in range(6)} == {"one", "two"}, "both that answer are used")
                served = one.count + two.count
                slowest = 0
                for _ in range(60):
                    begun = time.monotonic()
                    assert agents.fetch(local) in ("one", "two")
                    slowest = max(slowest, time.monotonic() - begun)
                # A third of the connections met the deaf one first; alone it would have cost each of them 8 s.
                assert slowest < 4, f"a connection took {slowest:.2f} s"
                assert one.count + two.count == served + 60, "a connection was served twice"

                pid = agent.sidecar_pids()["caller-sidecar-proxy"]
                os.kill(pid, signal.SIGUSR1)

                def counters():
                    sums = {}
                    for line in agent.logs("caller-sidecar-proxy"):
                        if " counters: " in line:
                            for word in line.split():
                                name, _, value = word.partition("=")
                                if value.isdigit():
                                    sums[name] = sums.get(name, 0) + int(value)
                    return sums

                until(lambda: counters().get("hedges_won", 0) >= 10, "the sidecar reports what was overtaken")
                sums = counters()
                assert sums["retries"] >= sums["hedges"] >= sums["hedges_won"], sums
    finally:
        for end in kept:
            end.close()
