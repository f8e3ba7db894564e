"""A tunnel that moves as fast as it can is cut by a deny; its last byte comes soon, and the counters name the rule."""

import os
import re
import signal
import threading
import time

import agents
from support import Server, connect, folder, free_port, until


def run():
    block = bytes(1 << 16)

    def pour(end):
        with end:
            try:
                while True:
                    end.sendall(block)
            except OSError:
                pass

    with folder() as path, Server(pour) as server:
        local = free_port()
        files = {"caller.json": agents.service("caller", free_port(), [("target", local)]),
                 "target.json": agents.service("target", server.address[1])}
        with agents.Agent(path, files) as agent:
            agents.until(lambda: agent.get("/v1/health/connect/target?passing"), "the target is there")
            end = until(lambda: begun(local), "bytes flow")
            last = [time.monotonic(), 0]

            def drink():
                try:
                    while data := end.recv(1 << 16):
                        last[0] = time.monotonic()
                        last[1] += len(data)
                except OSError:
                    pass

            reader = threading.Thread(target=drink, daemon=True)
            reader.start()
            time.sleep(0.5)
            begin = time.monotonic()
            agent.put("/v1/connect/intentions", {
                "SourceName": "caller", "DestinationName": "target", "Action": "deny"}, method="POST")
            reader.join(10)
            assert not reader.is_alive(), "the tunnel is cut"
            end.close()
            print(f"{last[1] >> 20} MiB, deny to last byte: {1000 * (last[0] - begin):.0f} ms")
            assert last[1] > 1 << 20 and last[0] - begin < 5

            os.kill(agent.sidecar_pids()["target-proxy"], signal.SIGUSR1)
            line = until(lambda: [line for line in agent.logs("target-proxy") if ": rule: " in line],
                         "the counters name the rule")[-1]
            assert "DENY" in line and re.search(r"\bcut=1\b", line), line


def begun(local):
    """A connection through which bytes have come, or None."""
    try:
        end = connect(("127.0.0.1", local))
    except OSError:
        return None
    try:
        if end.recv(1):
            return end
    except OSError:
        pass
    end.close()
    return None
