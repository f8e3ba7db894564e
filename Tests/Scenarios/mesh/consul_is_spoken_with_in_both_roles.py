"""HashiCorp's agent serves Warren's sidecars and Warren's agent serves HashiCorp's proxy; tunnels join any two of them, and a deny
holds between them."""

import itertools
import json
import pathlib

import agents
from mesh_support import program, running
from support import binary, folder, free_port, until


class TheirAgent:
    """`consul agent -dev` on ports of its own."""

    def __init__(self, consul, path):
        self.http = free_port()
        numbers = {"http": self.http, "dns": -1, **{name: free_port() for name in ("server", "serf_lan", "serf_wan")}}
        self.file = pathlib.Path(path, "consul.json")
        self.file.write_text(json.dumps({"ports": numbers, "connect": {"enabled": True}}))
        self.words = [consul, "agent", "-dev", "-bind", "127.0.0.1", "-config-file", self.file]
        # The same questions, asked in the same way.
        self.ask, self.get, self.put = (
            getattr(agents.Agent, name).__get__(self) for name in ("ask", "get", "put"))

    def __enter__(self):
        self.process = running(*self.words, ready=self.leads)
        self.process.__enter__()
        return self

    def __exit__(self, *what):
        self.process.__exit__(*what)

    def leads(self):
        return agents.listens(self.http) and self.ask("GET", "/v1/connect/ca/roots")[0] == 200


def speaks(agent, caller, target, port):
    """A caller's proxy by one program reaches a target's by another, until an intention says no, and again when it is gone."""
    local, listen, address = free_port(), free_port(), ["-http-addr", f"127.0.0.1:{agent.http}"]
    theirs = running(
        target, "connect", "proxy", *address, "-service", "target", "-service-addr", f"127.0.0.1:{port}",
        "-listen", f"127.0.0.1:{listen}", "-register", ready=lambda: agents.listens(listen))
    with theirs, running(caller, "connect", "proxy", *address, "-service", "caller",
                         "-upstream", f"target:{local}"):
        assert agents.answers(local) == "hello, world!\n"
        rule = agent.put("/v1/connect/intentions", {
            "SourceName": "caller", "DestinationName": "target", "Action": "deny"}, method="POST")["ID"]
        agents.fails(local)
        agent.put(f"/v1/connect/intentions/{rule}", method="DELETE")
        assert agents.answers(local) == "hello, world!\n"
    until(lambda: not any("proxy" in name for name in agent.get("/v1/agent/services")), "the target's proxy took its leave")


def run():
    consul = program("consul")
    names = {binary(): "Warren's", consul: "HashiCorp's"}
    with folder() as path, agents.Hello() as hello:
        for agent in (TheirAgent(consul, path), agents.Agent(path, {})):
            with agent:
                for caller, target in itertools.product(names, repeat=2):
                    speaks(agent, caller, target, hello.port)
                    print(f"{names[caller]} caller and {names[target]} target under {type(agent).__name__}", flush=True)
