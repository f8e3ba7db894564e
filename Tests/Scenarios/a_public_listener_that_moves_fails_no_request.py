"""A public listener moves between ports and addresses under load, also back to one it has just left, also to one that is taken:
no request fails, and callers are sent to the new place when it is there. Both forms of a sidecar."""

import socket
import time

import agents
from support import folder, free_port, until


def managed(hello, port, address="127.0.0.1"):
    return agents.service("target", hello.port, inbound={"bind_address": address, "bind_port": port})


def sidecar(hello, port, address="127.0.0.1"):
    return {"service": {"name": "target", "port": hello.port, "connect": {"sidecar_service": {
        "port": port, "proxy": {"config": {"bind_address": address}}}}}}


def run():
    for form, proxy in ((managed, "target-proxy"), (sidecar, "target-sidecar-proxy")):
        with folder() as path, agents.Hello() as hello:
            local, first, second, third = (free_port() for _ in range(4))
            files = {"caller.json": agents.service("caller", free_port(), [("target", local)]),
                     "target.json": form(hello, first)}
            with agents.Agent(path, files) as agent:
                assert agents.answers(local) == "hello, world!\n"

                def move(port, address="127.0.0.1", is_free=True):
                    agent.write("target.json", form(hello, port, address))
                    before = len(agent.logs(proxy))
                    agent.reload()
                    until(lambda: [line for line in agent.logs(proxy)[before:]
                                   if ("listening" if is_free else "cannot listen") in line and f":{port}" in line],
                          f"the sidecar turns to {address}:{port}")
                    if is_free:
                        until(lambda: shown(agent) == port, f"callers are sent to {port}")

                with agents.Load(local) as load:
                    # There and back, faster than callers can be sure to have heard of it.
                    for port in (second, first, second, third, first):
                        move(port)
                    time.sleep(3)
                    # To a port that somebody else has: the sidecar stays where it is until it is sent elsewhere.
                    with socket.socket() as stranger:
                        # Connections of the time when the sidecar was there may not be quite over.
                        stranger.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                        stranger.bind(("127.0.0.1", second))
                        stranger.listen()
                        move(second, is_free=False)
                        time.sleep(0.5)
                        assert shown(agent) == first
                        move(third)
                    until(lambda: not agents.listens(first), "the place that was left is closed")
                    # Other addresses of the same port; the last is a name for the one before.
                    for address in ("0.0.0.0", "127.0.0.1"):
                        move(third, address)
                        time.sleep(3)
                    count = load.count
                    until(lambda: load.count > count + 20, "the last place serves")
                load.is_faultless(100)
                print(f"{form.__name__}: {load.count} requests, none failed")


def shown(agent):
    instances = agent.get("/v1/health/connect/target?passing")
    return instances[0]["Service"]["Port"] if instances else None
