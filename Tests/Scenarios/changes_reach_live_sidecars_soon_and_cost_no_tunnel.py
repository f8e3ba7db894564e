"""Config entries, an upstream's settings in a file, and conditions (shaping, faults) act in sidecars that run, soon after they are
said; the tunnels that live go on, and no sidecar is started again."""

import json
import os
import subprocess
import time

import agents
from support import Server, binary, connect, folder, free_port, until


def run():
    block = bytes(1 << 14)

    def serve(end):
        """Answers a word by its echo, and the word "pour" by bytes without an end."""
        with end:
            try:
                while word := end.recv(4):
                    while word == b"pour":
                        end.sendall(block)
                    end.sendall(word)
            except OSError:
                pass

    def serve_two(end):
        with end:
            try:
                while end.recv(4):
                    end.sendall(b"two!")
            except OSError:
                pass

    with folder() as path, Server(serve) as one, Server(serve_two) as two:
        local, port = free_port(), free_port()

        def caller(**settings):
            return agents.service("caller", port, [("one", local, {"config": settings})])

        files = {"caller.json": caller(), "one.json": agents.service("one", one.address[1]),
                 "two.json": agents.service("two", two.address[1])}
        with agents.Agent(path, files) as agent:
            until(lambda: echoes(local), "the target is reached")
            until(lambda: agent.get("/v1/health/connect/two?passing"), "the other one is there")
            pids = agent.sidecar_pids()
            live, poured = connect(("127.0.0.1", local)), connect(("127.0.0.1", local))
            times = []

            def acts(what, change, effect):
                begin = time.monotonic()
                change()
                until(effect, what)
                times.append(f"{what}: {1000 * (time.monotonic() - begin):.0f} ms")
                live.sendall(b"live")
                assert live.recv(4) == b"live", f"{what}: the live tunnel goes on"

            def write(**entry):
                def change():
                    made = warren(agent, "config", "write", "-", entry=entry)
                    assert made == f"Config entry written: {entry['Kind']}/{entry['Name']}\n", made
                return change

            def delete(kind, name):
                return lambda: warren(agent, "config", "delete", "-kind", kind, "-name", name)

            def configure(**settings):
                def change():
                    agent.write("caller.json", caller(**settings))
                    agent.reload()
                return change

            acts("service-resolver redirects", write(Kind="service-resolver", Name="one", Redirect={"Service": "two"}),
                 lambda: said(local) == b"two!")
            acts("service-resolver is gone", delete("service-resolver", "one"), lambda: echoes(local))
            acts("service-defaults limit an upstream", write(
                Kind="service-defaults", Name="caller", UpstreamConfig={"Defaults": {"Limits": {"MaxConnections": 2}}}),
                lambda: not echoes(local))
            acts("service-defaults are gone", delete("service-defaults", "caller"), lambda: echoes(local))
            acts("proxy-defaults limit callers", write(
                Kind="proxy-defaults", Name="global", Config={"max_inbound_connections": 2}), lambda: not echoes(local))
            acts("proxy-defaults are gone", delete("proxy-defaults", "global"), lambda: echoes(local))
            acts("an upstream's edited settings", configure(limits={"max_connections": 2}), lambda: not echoes(local))
            acts("the same taken back", configure(), lambda: echoes(local))
            expiry = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 600))
            acts("a fault is made", configure(faults=[{"kind": "refuse", "expires": expiry}]), lambda: not echoes(local))
            acts("the fault is over", configure(), lambda: echoes(local))

            # A limit of bandwidth is a live tunnel's too, from the moment it is said to the moment it is taken back.
            poured.sendall(b"pour")
            fast = 4 << 20
            until(lambda: rate(poured) > fast, "bytes flow freely")
            acts("bandwidth is limited", configure(shaping={"connection": {"bandwidth_out": "500KB/s"}}),
                 lambda: rate(poured) < 1 << 20)
            acts("bandwidth is free again", configure(), lambda: rate(poured) > fast)
            assert agent.sidecar_pids() == pids, "no sidecar was started again"
            live.close()
            poured.close()
            print("\n".join(times))


def warren(agent, *words, entry=None):
    made = subprocess.run(
        [binary(), *words], input=None if entry is None else json.dumps(entry), text=True, capture_output=True, timeout=20,
        env={**os.environ, "CONSUL_HTTP_ADDR": f"127.0.0.1:{agent.http}"})
    assert made.returncode == 0, (words, made.stdout, made.stderr)
    return made.stdout


def said(local):
    """What a new connection is told; None when it is not served."""
    try:
        with connect(("127.0.0.1", local)) as end:
            end.sendall(b"word")
            return end.recv(4)
    except OSError:
        return None


def echoes(local):
    """Whether a new connection is served by the first target."""
    return said(local) == b"word"


def rate(end):
    """Bytes a second that come through a connection just now."""
    begin, count = time.monotonic(), 0
    while time.monotonic() < begin + 0.3:
        count += len(end.recv(1 << 18))
    return count / (time.monotonic() - begin)
