"""A public listener moves to another port, then to another address of that port; the tunnels of each place obey a deny."""

import http.client

import agents
from support import folder, free_port, until


def run():
    with folder() as path, agents.Hello() as hello:
        local, port, first, second = free_port(), free_port(), free_port(), free_port()

        def target(bind_port, address):
            return {"service": {"name": "target", "port": hello.port, "connect": {"proxy": {"config": {
                "bind_address": address, "bind_port": bind_port}}}}}

        files = {"caller.json": agents.service("caller", port, [("target", local)]),
                 "target.json": target(first, "127.0.0.1")}
        with agents.Agent(path, files) as agent:
            assert agents.answers(local) == "hello, world!\n"
            live = []
            for bind_port, address in [(second, "127.0.0.1"), (second, "0.0.0.0"), (second, "localhost")]:
                live.append(tunnel(local))
                agent.write("target.json", target(bind_port, address))
                assert agent.ask("PUT", "/v1/agent/reload")[0] == 200
                shown = "127.0.0.1" if address == "localhost" else address
                until(lambda: [line for line in agent.logs("target-proxy")
                               if "listening" in line and f"address={shown}:{bind_port}" in line],
                      f"the sidecar listens on {address}:{bind_port}")
            assert not [line for line in agent.logs("target-proxy") if "cannot listen" in line]
            live.append(tunnel(local))

            agent.put("/v1/connect/intentions", {
                "SourceName": "caller", "DestinationName": "target", "Action": "deny"}, method="POST")
            for number, connection in enumerate(live):
                try:
                    assert connection.sock.recv(1) == b"", f"tunnel {number} is cut"
                except ConnectionResetError:
                    pass
                connection.close()
            agents.fails(local)


def tunnel(local):
    """A live tunnel that has carried a request. While the agent has not yet heard that a new listener is open there is none."""
    assert agents.answers(local) == "hello, world!\n"
    connection = http.client.HTTPConnection("127.0.0.1", local, timeout=10)
    connection.request("GET", "/")
    connection.getresponse().read()
    return connection
