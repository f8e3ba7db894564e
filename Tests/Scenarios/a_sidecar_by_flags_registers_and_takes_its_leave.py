"""`connect proxy` with flags of its own: -register, -sidecar-for of a known and of an unknown service, -proxy-id."""

import time

import agents
from support import Warren, folder, free_port, refused, until


def run():
    with folder() as path, agents.Hello() as hello:
        local, listen, upstream = free_port(), free_port(), free_port()
        files = {"manage.json": {"connect": {"manage_sidecars": False}},
                 "caller.json": {"service": {"name": "caller", "port": free_port(), "connect": {"sidecar_service": {
                     "proxy": {"upstreams": [{"destination_name": "target", "local_bind_port": upstream}]}}}}}}
        with agents.Agent(path, files) as agent:
            address = ["-http-addr", f"127.0.0.1:{agent.http}"]
            with Warren("proxy", "-service", "target", "-service-addr", f"127.0.0.1:{hello.port}", "-listen",
                        f"127.0.0.1:{listen}", "-register", "-register-id", "one", *address, command="connect") as target:
                target.says("registered")
                shown = until(lambda: agent.get("/v1/agent/services").get("target-proxy-one"), "it is registered")
                assert shown["Kind"] == "connect-proxy" and shown["Port"] == listen, shown
                assert shown["Proxy"]["DestinationServiceName"] == "target", shown
                assert agent.check("target-proxy-one-ttl")["Status"] == "passing"

                # The same upstream by each way of saying who one is.
                ways = [["-service", "caller", "-upstream", f"target:{local}"], ["-sidecar-for", "caller"],
                        ["-proxy-id", "caller-sidecar-proxy"]]
                for words in ways:
                    with Warren("proxy", *words, *address, command="connect", wait=False):
                        assert agents.answers(local if "-service" in words else upstream) == "hello, world!\n"

                # An agent that is not there when one leaves is told as soon as it is, three times at the most.
                target.terminate()
                assert target.ends() == 0
                assert target.matching("deregistered"), target.text()
            assert "target-proxy-one" not in agent.get("/v1/agent/services")

            status, said = refused("proxy", "-sidecar-for", "nobody", *address, command="connect")
            assert status == 1 and "No sidecar proxy registered for nobody" in said, (status, said)
            agent.put("/v1/agent/service/register", {
                "Name": "second", "ID": "second", "Kind": "connect-proxy", "Port": 9,
                "Proxy": {"DestinationServiceName": "caller", "DestinationServiceID": "caller"}})
            status, said = refused("proxy", "-sidecar-for", "caller", *address, command="connect")
            assert status == 1 and "More than one sidecar proxy registered for caller" in said, (status, said)
            assert "caller-sidecar-proxy, second" in said, said
            status, said = refused("proxy", "-register", "-proxy-id", "x", *address, command="connect")
            assert status == 1 and "-register may only be specified with -service and -listen" in said, (status, said)

            # Without an agent a registered proxy still ends, and says what is left.
            with Warren("proxy", "-service", "late", "-service-addr", f"127.0.0.1:{hello.port}", "-listen",
                        f"127.0.0.1:{free_port()}", "-register", *address, command="connect") as late:
                late.says("registered")
                agent.process.kill()
                agent.ends()
                late.says("the agent does not answer")
                begin = time.monotonic()
                late.terminate()
                assert late.ends() == 0 and time.monotonic() - begin < 10
                assert late.matching("was not told that this proxy ends"), late.text()
