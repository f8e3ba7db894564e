"""Two agents with the same files but for the ports people connect to: other API ports, other data, one range of sidecar ports."""

import signal

import agents
from support import folder, free_port


def run():
    with folder() as one, folder() as two, agents.Hello(text="one\n") as first, agents.Hello(text="two\n") as second:
        low = free_port()
        ports = {"ports": {"proxy_min_port": low, "proxy_max_port": low + 30,
                           "sidecar_min_port": low + 31, "sidecar_max_port": low + 60}}

        def files(hello, local, later):
            caller = {"service": {"name": "later", "port": free_port(), "connect": {"sidecar_service": {"proxy": {
                "upstreams": [{"destination_name": "target", "local_bind_port": later}]}}}}}
            return {"99-ports.json": ports, "caller.json": agents.service("caller", free_port(), [("target", local)]),
                    "later.json": caller, "target.json": agents.service("target", hello.port)}

        a, b, c, d = (free_port() for _ in range(4))
        with agents.Agent(one, files(first, a, c), data=one + "/data") as here, \
                agents.Agent(two, files(second, b, d)) as there:
            assert (agents.answers(a), agents.answers(b)) == ("one\n", "two\n")
            assert (agents.answers(c), agents.answers(d)) == ("one\n", "two\n")
            taken = [service["Port"] for agent in (here, there) for service in agent.get("/v1/agent/services").values()
                     if service.get("Kind") == "connect-proxy"]
            assert len(taken) == len(set(taken)) == 6, taken
            domains = {agent.get("/v1/connect/ca/roots")["TrustDomain"] for agent in (here, there)}
            assert len(domains) == 2

            rule = {"SourceName": "caller", "DestinationName": "target", "Action": "deny"}
            here.put("/v1/connect/intentions", rule, method="POST")
            agents.fails(a)
            assert agents.fetch(b) == "two\n"
            there.signal(signal.SIGINT)
            assert there.ends() == 1
            agents.fails(b)
            assert agents.fetch(c) == "one\n"
