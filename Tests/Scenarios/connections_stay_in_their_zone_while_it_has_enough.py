"""A caller prefers instances in its own zone, goes elsewhere while there is none, and comes back; a newcomer begins small."""

import agents
from support import folder, free_port, until


def instance(identifier, hello, zone):
    return {"service": {
        "name": "web", "id": identifier, "port": hello.port, "meta": {"zone": zone},
        "check": {"id": f"{identifier}-ttl", "ttl": "1h", "status": "passing"}, "connect": {"sidecar_service": {}}}}


def run():
    with folder() as path, agents.Hello(text="here") as here, agents.Hello(text="there") as there, \
            agents.Hello(text="new") as new:
        near, slow = free_port(), free_port()
        # The caller says nothing of its zone: its node does.
        caller = {"service": {"name": "caller", "port": free_port(), "connect": {"sidecar_service": {"proxy": {
            "upstreams": [
                {"destination_name": "web", "local_bind_port": near, "config": {
                    "zone_aware_lb_config": {"min_cluster_size": 1}}},
                {"destination_name": "web", "local_bind_port": slow, "config": {
                    "balance": "random", "slow_start_config": {"slow_start_window": "1h", "min_weight_percent": 10}}}]}}}}}
        files = {"node.json": {"node_meta": {"zone": "a"}}, "here.json": instance("web-here", here, "a"),
                 "there.json": instance("web-there", there, "b")}
        with agents.Agent(path, files) as agent:
            # Both are there before the caller is: neither is a newcomer to it.
            until(lambda: len(agent.get("/v1/health/connect/web?passing")) == 2, "both instances are passing")
            agent.write("caller.json", caller)
            agent.put("/v1/agent/reload")
            agents.answers(near)
            # Without a preference both are asked.
            until(lambda: {agents.fetched(slow) for _ in range(20)} == {"here", "there"}, "both instances are used")
            until(lambda: {agents.fetched(near) for _ in range(20)} == {"here"}, "connections stay in their zone")
            assert {agents.fetch(near) for _ in range(50)} == {"here"}
            agent.put("/v1/agent/check/fail/web-here-ttl")
            until(lambda: {agents.fetched(near) for _ in range(10)} == {"there"}, "the other zone stands in")
            agent.put("/v1/agent/check/pass/web-here-ttl")
            until(lambda: {agents.fetched(near) for _ in range(20)} == {"here"}, "connections are back in their zone")

            # One that joins has a tenth of its weight in the first minutes, and so has the one that was critical.
            agent.write("new.json", instance("web-new", new, "c"))
            agent.put("/v1/agent/reload")
            until(lambda: "new" in [agents.fetched(slow) for _ in range(60)], "the newcomer is used")
            answers = [agents.fetch(slow) for _ in range(300)]
            # 1 of 12 for here and for new, 10 of 12 for there: 25 each expected, standard deviation 4.8.
            assert 3 <= answers.count("new") <= 50, answers.count("new")
            assert 3 <= answers.count("here") <= 50, answers.count("here")
