"""A service that is deregistered, through the API or with its file, loses its sidecar and every tunnel to it; others keep theirs."""

import http.client

import agents
from support import folder, free_port, until


def run():
    with folder() as path, agents.Hello() as hello:
        one, two, three = (free_port() for _ in range(3))
        files = {"caller.json": agents.service("caller", free_port(), [("one", one), ("two", two), ("three", three)])}
        for name in ("one", "two", "three"):
            files[name + ".json"] = agents.service(name, hello.port)
        with agents.Agent(path, files) as agent:
            live = {local: tunnel(local) for local in (one, two, three)}
            pids = agent.sidecar_pids()

            agent.put("/v1/agent/service/deregister/one")
            gone(agent, pids["one-proxy"], live[one], one)
            (agent.configuration / "two.json").unlink()
            # The file of the first still stands there, so that a reload brings it back, with a sidecar of its own.
            agent.reload()
            gone(agent, pids["two-proxy"], live[two], two)
            assert agents.answers(one) == "hello, world!\n"
            assert agent.sidecar_pids()["one-proxy"] != pids["one-proxy"]

            assert asked(live[three]) == b"hello, world!\n", "a bystander's tunnel lives on"
            assert agent.sidecar_pids()["three-proxy"] == pids["three-proxy"]
            assert agent.sidecar_pids()["caller-proxy"] == pids["caller-proxy"]
            for connection in live.values():
                connection.close()


def asked(connection):
    connection.request("GET", "/")
    return connection.getresponse().read()


def tunnel(local):
    """A connection that has carried a request and is kept."""
    agents.answers(local)
    connection = http.client.HTTPConnection("127.0.0.1", local, timeout=20)
    assert asked(connection) == b"hello, world!\n"
    return connection


def gone(agent, pid, connection, local):
    until(lambda: not agents.is_alive(pid), "the sidecar ends")
    try:
        assert connection.sock.recv(1) == b"", "its tunnel ends"
    except ConnectionResetError:
        pass
    agents.fails(local)
