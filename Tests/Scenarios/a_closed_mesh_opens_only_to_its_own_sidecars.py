"""Access control on, everything denied by default: sidecars work by their own tokens and by rules; nobody else sees anything."""

import agents
from support import folder, free_port, until


def run():
    with folder() as path, agents.Hello() as hello:
        local, dns = free_port(), free_port()
        key = {"X-Consul-Token": "the-master"}
        files = {"acl.json": {"acl": {"enabled": True, "default_policy": "deny", "tokens": {"master": "the-master"}},
                              "ports": {"dns": dns}},
                 "caller.json": agents.service("caller", free_port(), [("target", local)]),
                 "target.json": agents.service("target", hello.port)}
        with agents.Agent(path, files) as agent:
            until(lambda: [line for line in agent.logs("caller-proxy") if "instances received" in line], "it follows")
            assert agents.fetched(local) is None, "without a rule nobody is let in"
            status, text, _ = agent.ask("POST", "/v1/connect/intentions", {
                "SourceName": "caller", "DestinationName": "target", "Action": "allow"})
            assert status == 403, (status, text)
            status, text, _ = agent.ask("POST", "/v1/connect/intentions", {
                "SourceName": "caller", "DestinationName": "target", "Action": "allow"}, headers=key)
            assert status == 200, (status, text)
            assert agents.answers(local) == "hello, world!\n"

            assert agent.get("/v1/agent/services") == {} and agent.get("/v1/catalog/services") == {}
            for method, place in [("PUT", "/v1/agent/reload"), ("PUT", "/v1/agent/leave"), ("GET", "/v1/agent/monitor"),
                                  ("GET", "/v1/agent/connect/ca/leaf/target"), ("GET", "/v1/agent/self"),
                                  ("GET", "/v1/agent/service/target-proxy")]:
                assert agent.ask(method, place)[0] == 403, place
            from names_are_answered_over_udp_and_tcp import A, over_udp
            assert over_udp(dns, "target.service.consul", A) == (3, 0), "DNS tells no more than HTTP"
            assert "the-master" not in agent.text()
            status, _, _ = agent.ask("PUT", "/v1/agent/reload", headers=key)
            assert status == 200
            assert agents.answers(local) == "hello, world!\n"
            assert not [line for line in agent.logs("caller-proxy") if "refuses" in line], agent.logs("caller-proxy")
