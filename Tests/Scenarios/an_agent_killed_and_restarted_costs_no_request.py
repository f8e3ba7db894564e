"""kill -9 and a restart under load: no request fails, no sidecar is started again, and everything told to the agent is back."""

import signal
import time

import agents
from support import folder, free_port


def run():
    with folder() as path, agents.Hello() as hello:
        local = free_port()
        files = {"caller.json": agents.service("caller", free_port(), [("target", local)]),
                 "target.json": agents.service("target", hello.port, check={
                     "tcp": f"127.0.0.1:{hello.port}", "interval": "10s", "status": "passing"})}
        with agents.Agent(path, files, data=path + "/data") as agent:
            agents.answers(local)
            agent.put("/v1/agent/service/register", {
                "Name": "api", "ID": "api-1", "Port": 7, "Check": {"CheckID": "api-ttl", "TTL": "1h"}})
            agent.put("/v1/agent/check/register", {"Name": "node-ttl", "TTL": "1h", "Status": "passing"})
            agent.put("/v1/agent/check/pass/api-ttl?note=well")
            agent.put("/v1/agent/check/pass/node-ttl")
            rule = agent.put("/v1/connect/intentions", {
                "SourceName": "x", "DestinationName": "y", "Action": "deny"}, method="POST")["ID"]
            roots = agent.get("/v1/connect/ca/roots")
            node = agent.get("/v1/agent/self")["Config"]["NodeID"]
            index = highest_index(agent)
            pids = agent.sidecar_pids()
            services = agent.get("/v1/agent/services")

            # A node's check concerns every instance on it.
            agents.answers(local)
            with agents.Load(local) as load:
                for round in range(3):
                    time.sleep(0.3)
                    agent.signal(signal.SIGKILL)
                    agent.ends()
                    time.sleep(0.2)
                    assert all(agents.is_alive(pid) for pid in pids.values())
                    agent.start()
                    assert agent.sidecar_pids() == pids, f"adopted, not started: {agent.text()}"
                    assert highest_index(agent) >= index, "an index that clients have seen is not used again"
                    index = highest_index(agent)
                assert agent.get("/v1/agent/services") == services
                assert agent.check("api-ttl")["Status"] == "passing" and agent.check("api-ttl")["Output"] == "well"
                assert agent.check("node-ttl")["Status"] == "passing"
                assert agent.get(f"/v1/connect/intentions/{rule}")["Action"] == "deny"
                after = agent.get("/v1/connect/ca/roots")
                assert after["ActiveRootID"] == roots["ActiveRootID"] and after["TrustDomain"] == roots["TrustDomain"]
                assert agent.get("/v1/agent/self")["Config"]["NodeID"] == node
            load.is_faultless(100)

            # The adopted sidecars hear of changes as before.
            agent.put("/v1/connect/intentions", {
                "SourceName": "caller", "DestinationName": "target", "Action": "deny"}, method="POST")
            agents.fails(local)

            # An orderly stop leaves them too; a leave does not.
            agent.signal(signal.SIGTERM)
            assert agent.ends() == 1
            assert all(agents.is_alive(pid) for pid in pids.values())
            agent.start()
            assert agent.sidecar_pids() == pids
            assert agent.ask("PUT", "/v1/agent/leave")[0] == 200
            assert agent.ends() == 0
            assert not any(agents.is_alive(pid) for pid in pids.values())
            print(f"{load.count} requests, none failed")


def highest_index(agent):
    _, _, headers = agent.ask("GET", "/v1/catalog/nodes")
    one = int(headers["X-Consul-Index"])
    _, _, headers = agent.ask("GET", "/v1/catalog/services")
    return max(one, int(headers["X-Consul-Index"]))
