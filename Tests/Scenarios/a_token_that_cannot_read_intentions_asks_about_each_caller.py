"""Where a sidecar's token may not read intentions the agent decides about each caller, live tunnels included."""

import http.client
import json
import time

import agents
from support import Warren, folder, free_port, until

KEY = {"X-Consul-Token": "the-master"}
RULES = """service "target" { policy = "write" intentions = "deny" }
service "target-proxy" { policy = "write" }
service_prefix "" { policy = "read" }
node_prefix "" { policy = "read" }"""


def run():
    with folder() as path, agents.Hello() as hello:
        local, listen = free_port(), free_port()
        files = {"acl.json": {"acl": {"enabled": True, "default_policy": "deny", "tokens": {"master": "the-master"},
                                      "static_tokens": [{"token": "no-rules", "description": "", "rules": RULES}]}},
                 "caller.json": agents.service("caller", free_port(), [("target", local)])}
        with agents.Agent(path, files) as agent, Warren(
                "proxy", "-service", "target", "-service-addr", f"127.0.0.1:{hello.port}", "-listen",
                f"127.0.0.1:{listen}", "-register", "-http-addr", f"127.0.0.1:{agent.http}", "-token", "no-rules",
                command="connect") as sidecar:
            sidecar.says("the token cannot read intentions")

            def decide(action, rule=None):
                status, text, _ = agent.ask(
                    "PUT" if rule else "POST", "/v1/connect/intentions" + (f"/{rule}" if rule else ""),
                    {"SourceName": "caller", "DestinationName": "target", "Action": action}, headers=KEY)
                assert status == 200, (status, text)
                return rule or json.loads(text)["ID"]

            until(lambda: [line for line in agent.logs("caller-proxy") if "instances received" in line
                           and "target-proxy@" in line], "the caller knows where to go")
            assert agents.fetched(local) is None, "denied by default"
            sidecar.says("client refused.*Default behavior")
            rule = decide("allow")
            assert agents.answers(local) == "hello, world!\n"
            live = http.client.HTTPConnection("127.0.0.1", local, timeout=15)
            live.request("GET", "/")
            live.getresponse().read()
            # Decisions run out after three seconds; a tunnel whose peer is still allowed does not notice.
            time.sleep(4)
            live.request("GET", "/")
            assert live.getresponse().read() == b"hello, world!\n"

            decide("deny", rule)
            begin = time.monotonic()
            try:
                assert live.sock.recv(1) == b"", "the live tunnel is cut"
            except ConnectionResetError:
                pass
            print(f"deny to the end of a live tunnel: {1000 * (time.monotonic() - begin):.0f} ms")
            agents.fails(local)
            until(lambda: sidecar.matching(r": rule: .*DENY.* cut=1") or sidecar.report(), "the counter names the rule")

            # Without the agent nobody is decided about, so nobody comes in.
            decide("allow", rule)
            assert agents.answers(local) == "hello, world!\n"
            count = hello.count
            agent.process.kill()
            agent.ends()
            time.sleep(4)
            assert agents.fetched(local, timeout=2) is None and hello.count == count
