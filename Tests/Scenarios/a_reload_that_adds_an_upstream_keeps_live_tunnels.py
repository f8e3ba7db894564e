"""A reload tells a sidecar of a new upstream; neither it nor its tunnels are started anew. A bad reload changes nothing."""

import http.client

import agents
from support import folder, free_port


def run():
    with folder() as path, agents.Hello() as one, agents.Hello(text="hello from two\n") as two:
        first, second = free_port(), free_port()
        port = free_port()
        files = {"caller.json": agents.service("caller", port, [("one", first)]),
                 "one.json": agents.service("one", one.port), "two.json": agents.service("two", two.port)}
        with agents.Agent(path, files) as agent:
            assert agents.answers(first) == "hello, world!\n"
            live = http.client.HTTPConnection("127.0.0.1", first, timeout=10)
            live.request("GET", "/")
            assert live.getresponse().read() == b"hello, world!\n"
            socket_before = live.sock
            pids = agent.sidecar_pids()
            agent.put("/v1/agent/service/register", {"Name": "kept", "Port": 1})

            agent.write("caller.json", agents.service("caller", port, [("one", first), ("two", second)]))
            status, text, _ = agent.ask("PUT", "/v1/agent/reload")
            assert (status, text) == (200, ""), (status, text)
            assert agents.answers(second) == "hello from two\n"
            live.request("GET", "/")
            assert live.getresponse().read() == b"hello, world!\n" and live.sock is socket_before
            assert agent.sidecar_pids() == pids, "no sidecar was started again"
            assert "kept" in agent.get("/v1/agent/services"), "what the API registered stays, in -dev too"

            # All or nothing: the good file beside the bad one is not taken either.
            agent.write("three.json", agents.service("three", free_port()))
            agent.write("bad.json", {"service": {"name": "bad", "prot": 1}})
            status, text, _ = agent.ask("PUT", "/v1/agent/reload")
            assert status == 500 and "bad.json" in text and "invalid config key service.prot" in text, (status, text)
            assert "three" not in agent.get("/v1/agent/services")
            (agent.configuration / "bad.json").unlink()
            assert agent.ask("PUT", "/v1/agent/reload")[0] == 200
            assert "three" in agent.get("/v1/agent/services")

            # What a file no longer declares goes, its sidecar too.
            (agent.configuration / "three.json").unlink()
            gone = agent.sidecar_pids()["three-proxy"]
            assert agent.ask("PUT", "/v1/agent/reload")[0] == 200
            assert "three" not in agent.get("/v1/agent/services")
            agents.until(lambda: not agents.is_alive(gone), "the sidecar of a removed service ends")
            live.request("GET", "/")
            assert live.getresponse().read() == b"hello, world!\n" and live.sock is socket_before
            live.close()
