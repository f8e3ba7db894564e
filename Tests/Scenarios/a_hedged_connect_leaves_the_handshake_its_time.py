"""hedge_policy: a target that has answered connect has all of connect_timeout_ms for its handshake, however soon another would have
been tried beside it."""

import contextlib
import socket
import threading
import time

import agents
from support import folder, free_port, until


def pass_on(source, sink, pause=0.0):
    with contextlib.suppress(OSError):
        while piece := source.recv(65536):
            time.sleep(pause)
            pause = 0
            sink.sendall(piece)
        sink.shutdown(socket.SHUT_WR)


def slow_way(listener, port, ends):
    """Takes connections at once, and what a client says first to `port` after 0.4 s."""
    with contextlib.suppress(OSError):
        while True:
            near, _ = listener.accept()
            far = socket.create_connection(("127.0.0.1", port))
            ends += [near, far]
            threading.Thread(target=pass_on, args=(near, far, 0.4), daemon=True).start()
            threading.Thread(target=pass_on, args=(far, near), daemon=True).start()


def run():
    ends = []
    with folder() as path, agents.Hello(text="web") as web, socket.create_server(("127.0.0.1", 0)) as listener:
        local, public = free_port(), free_port()
        threading.Thread(target=slow_way, args=(listener, public, ends), daemon=True).start()
        upstream = {"destination_name": "web", "local_bind_port": local, "config": {
            "connect_timeout_ms": 8000, "hedge_policy": {"min_delay_ms": 20, "max_delay_ms": 100}}}
        # The sidecar itself is critical, so that there is only the slow way to it.
        check = {"name": "never", "ttl": "1h", "status": "critical"}
        files = {
            "caller.json": {"service": {"name": "caller", "port": free_port(), "connect": {"sidecar_service": {"proxy": {
                "upstreams": [upstream]}}}}},
            "web.json": {"service": {"name": "web", "id": "web", "port": web.port, "connect": {"sidecar_service": {
                "port": public, "checks": [check]}}}},
            "slow.json": {"service": {
                "name": "web", "id": "slow", "address": "127.0.0.1", "port": listener.getsockname()[1],
                "connect": {"native": True}}}}
        try:
            with agents.Agent(path, files) as agent:
                until(lambda: agents.listens(public) and agents.listens(local), "both sidecars listen")
                until(lambda: [line for line in agent.logs("caller-sidecar-proxy")
                               if "instances=slow" in line.replace('"', "")], "the caller knows where to go")
                agent.report("caller-sidecar-proxy")
                for _ in range(4):
                    begun = time.monotonic()
                    assert agents.fetched(local) == "web", "\n".join(agent.logs("caller-sidecar-proxy")[-5:])
                    assert time.monotonic() - begun > 0.35, "it did not come the slow way"
        finally:
            for end in ends:
                end.close()
