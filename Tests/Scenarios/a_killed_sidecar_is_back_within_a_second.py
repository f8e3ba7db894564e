"""A sidecar that is killed comes back at once; only its own tunnels are lost. One that keeps failing waits longer and longer."""

import http.client
import os
import signal
import time

import agents
from support import folder, free_port, until


def run():
    with folder() as path, agents.Hello() as hello:
        a, b = free_port(), free_port()
        failing = agents.service("failing", free_port())
        failing["service"]["connect"]["proxy"] = {"command": ["/bin/false"]}
        files = {"a.json": agents.service("a", free_port(), [("target", a)]),
                 "b.json": agents.service("b", free_port(), [("target", b)]),
                 "failing.json": failing, "target.json": agents.service("target", hello.port)}
        with agents.Agent(path, files, data=path + "/data") as agent:
            agents.answers(a), agents.answers(b)
            live = http.client.HTTPConnection("127.0.0.1", b, timeout=10)
            live.request("GET", "/")
            live.getresponse().read()

            old = agent.sidecar_pids()["a-proxy"]
            os.kill(old, signal.SIGKILL)
            begin = time.monotonic()
            until(lambda: agent.sidecar_pids()["a-proxy"] != old, "it is started again")
            assert agents.answers(a) == "hello, world!\n"
            seconds = time.monotonic() - begin
            assert seconds < 1 or "debug" in binary() and seconds < 2, seconds
            live.request("GET", "/")
            assert live.getresponse().read() == b"hello, world!\n", "another sidecar's tunnel lives on"
            live.close()
            agent.says("sidecar ended: id=a-proxy pid=\\d+ signal=9")
            print(f"back after {1000 * seconds:.0f} ms")

            agent.says("sidecar starts again later: id=failing-proxy seconds=2", 5)
            agent.says("sidecar starts again later: id=failing-proxy seconds=4", 10)
            starts = [line for line in agent.output if "started sidecar: id=failing-proxy" in line]
            assert len(starts) == 4, starts

            # A deregistered service's sidecar ends, without being started again.
            agent.put("/v1/agent/service/deregister/a")
            last = agent.sidecar_pids()["a-proxy"]
            until(lambda: not agents.is_alive(last), "the sidecar of a removed service ends")
            agents.fails(a)
            time.sleep(0.3)
            assert agent.sidecar_pids()["a-proxy"] == last


def binary():
    import support
    return support.binary()
