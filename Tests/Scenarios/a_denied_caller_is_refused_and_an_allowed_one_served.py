"""Intentions act on new connections and on live ones, at once."""

import http.client
import time

import agents
from support import folder, free_port, until


def run():
    with folder() as path, agents.Hello() as hello:
        local = free_port()
        files = {"caller.json": agents.service("caller", free_port(), [("target", local)]),
                 "target.json": agents.service("target", hello.port)}
        with agents.Agent(path, files) as agent:
            assert agents.answers(local) == "hello, world!\n"
            live = http.client.HTTPConnection("127.0.0.1", local, timeout=10)
            live.request("GET", "/")
            live.getresponse().read()

            begin = time.monotonic()
            rule = agent.put("/v1/connect/intentions", {
                "SourceName": "caller", "DestinationName": "target", "Action": "deny"}, method="POST")["ID"]
            try:
                assert live.sock.recv(1) == b"", "a denied caller's live tunnel is cut"
            except ConnectionResetError:
                pass
            cut = time.monotonic() - begin
            live.close()
            agents.fails(local)
            assert agent.get("/v1/connect/intentions/check?source=caller&destination=target") == {"Allowed": False}
            count = hello.count
            assert agents.fetched(local) is None and hello.count == count, "no request passes"
            until(lambda: any("client refused" in line and "Action: DENY" in line
                              for line in agent.logs("target-proxy")), "the sidecar says whom it refused, and by which rule")

            agent.put(f"/v1/connect/intentions/{rule}", {
                "SourceName": "caller", "DestinationName": "target", "Action": "allow"})
            assert agents.answers(local) == "hello, world!\n"
            agent.put(f"/v1/connect/intentions/{rule}", method="DELETE")
            assert agents.answers(local) == "hello, world!\n"
            print(f"deny to the end of a live tunnel: {1000 * cut:.0f} ms")

