"""mirror of an upstream: a connection that begins again with another instance, since nobody was behind its first, is not copied
from there on: the shadow would miss what the client has said already."""

import contextlib
import time

import agents
from support import Server, connect, echo, folder, free_port, until


def run():
    copies = []

    def note(end):
        copy = bytearray()
        copies.append(copy)
        with end, contextlib.suppress(OSError):
            while piece := end.recv(4096):
                copy += piece

    with folder() as path, Server(echo) as alive, Server(note) as shadow:
        local = free_port()
        upstream = {"destination_name": "web", "local_bind_port": local, "config": {
            "balance": "round_robin", "passive_health_check": {"max_failures": 0},
            "mirror": {"address": f"127.0.0.1:{shadow.address[1]}", "percent": 50}}}
        files = {"caller.json": {"service": {"name": "caller", "port": free_port(), "connect": {"sidecar_service": {"proxy": {
            "upstreams": [upstream]}}}}}}
        # Nobody is behind the second one's sidecar.
        for name, port in (("one", alive.address[1]), ("two", free_port())):
            files[f"{name}.json"] = {"service": {
                "name": "web", "id": name, "port": port, "connect": {"sidecar_service": {"checks": []}}}}
        with agents.Agent(path, files) as agent:
            until(lambda: agents.listens(local), "the caller listens")
            until(lambda: [line for line in agent.logs("caller-sidecar-proxy")
                           if "one-sidecar-proxy@" in line and "two-sidecar-proxy@" in line], "the caller knows both")
            agent.report("caller-sidecar-proxy")
            copies.clear()
            served = 0
            for number in range(200):
                # A connection that is copied is not tried again: about a third fail. Of those that are served a third are copied.
                with contextlib.suppress(OSError), connect(("127.0.0.1", local)) as end:
                    end.sendall(b"head")
                    if end.recv(4) == b"head":
                        end.sendall(b"tail")
                        assert end.recv(4) == b"tail"
                        served += 1
            assert 80 < served < 200, served
            until(lambda: len([copy for copy in copies if copy == b"headtail"]) > 10, "copies arrive")
            time.sleep(0.2)
            wrong = [copy for copy in copies if not b"headtail".startswith(bytes(copy))]
            assert not wrong, f"{len(wrong)} of {len(copies)} copies, such as {wrong[0]}"
