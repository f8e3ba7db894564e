"""Config entries move connections between subsets and services while an agent and its sidecars run; no live tunnel ends."""

import http.client

import agents
from support import folder, free_port, until


def instance(name, identifier, hello, version, **more):
    return {"service": {
        "name": name, "id": identifier, "port": hello.port, "meta": {"version": version},
        "check": {"id": f"{identifier}-ttl", "ttl": "1h", "status": "passing"}, "connect": {"sidecar_service": {}}, **more}}


def run():
    with folder() as path, agents.Hello(text="v1") as one, agents.Hello(text="v2") as two, \
            agents.Hello(text="spare") as spare:
        local = free_port()
        caller = {"service": {"name": "caller", "port": free_port(), "connect": {"sidecar_service": {
            "proxy": {"upstreams": [{"destination_name": "web", "local_bind_port": local}]}}}}}
        files = {"caller.json": caller, "one.json": instance("web", "web-1", one, "1"),
                 "two.json": instance("web", "web-2", two, "2"), "spare.json": instance("spare", "spare-1", spare, "1")}
        with agents.Agent(path, files) as agent:
            until(lambda: {agents.fetched(local) for _ in range(20)} == {"v1", "v2"}, "both instances are used")
            live = http.client.HTTPConnection("127.0.0.1", local, timeout=10)

            def lives():
                live.request("GET", "/")
                return live.getresponse().read().decode()

            first = lives()
            end = live.sock

            def write(**entry):
                assert agent.put("/v1/config", entry) is True

            def everybody(wanted):
                def look():
                    seen = {agents.fetch(local) for _ in range(15)}
                    return seen == wanted
                until(look, f"all connections go to {sorted(wanted)}")
                # Every answer, not one failure: a change never leaves a connection without a place to go.
                assert lives() == first and live.sock is end

            # Subsets.
            subsets = {"v1": {"Filter": "Service.Meta.version == 1"}, "v2": {"Filter": "Service.Meta.version == 2"}}
            write(Kind="service-resolver", Name="web", DefaultSubset="v2", Subsets=subsets)
            everybody({"v2"})

            # Nine connections in ten to one, one to the other. 300 draws stray by sqrt(300 * 0.9 * 0.1) = 5.2; five times
            # that happens by chance less than once in a million runs.
            write(Kind="service-splitter", Name="web", Splits=[
                {"Weight": 90, "ServiceSubset": "v1"}, {"Weight": 10, "ServiceSubset": "v2"}])
            until(lambda: agents.fetch(local) == "v1", "the shares are drawn")
            answers = [agents.fetch(local) for _ in range(300)]
            assert set(answers) == {"v1", "v2"} and abs(answers.count("v2") - 30) <= 26, answers.count("v2")
            assert lives() == first and live.sock is end
            agent.put("/v1/config/service-splitter/web", method="DELETE")

            # A stand-in while nobody is healthy, first another subset, then another service; and back.
            write(Kind="service-resolver", Name="web", DefaultSubset="v2", Subsets=subsets, Failover={
                "v2": {"Service": "spare"}})
            everybody({"v2"})
            agent.put("/v1/agent/check/fail/web-2-ttl")
            everybody({"spare"})
            write(Kind="service-resolver", Name="web", DefaultSubset="v2", Subsets=subsets, Failover={
                "*": {"ServiceSubset": "v1"}})
            everybody({"v1"})
            agent.put("/v1/agent/check/pass/web-2-ttl")
            everybody({"v2"})

            # Another service under this one's name; and no entry at all.
            write(Kind="service-resolver", Name="web", Redirect={"Service": "spare"})
            everybody({"spare"})
            agent.put("/v1/config/service-resolver/web", method="DELETE")
            everybody({"v1", "v2"})
            live.close()
