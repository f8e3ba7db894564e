"""Drives an agent with whichever of Consul's Python clients this interpreter has: python_client.py PORT. The scenario runs it under
each of them; it prints the client's version and ends with status 0, or says what was not as Consul's."""

import http.client
import json
import sys
import threading
import time

import consul

# It knows neither intentions nor the authority.
IS_OLD = not hasattr(consul.Consul(port=1).agent, "connect")


def raises(kind, work):
    try:
        work()
    except kind as fault:
        return fault
    raise AssertionError(f"{kind.__name__} was not raised")


def told(port, path, answer):
    """Debian's client, of 2016, says some things with GET, as Consul took it before 1.0; Consul answers 405 since, and so do we,
    which it shows as False. What it meant is then said with PUT."""
    if answer is False and IS_OLD:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
        connection.request("GET", path)
        refused = connection.getresponse()
        assert (refused.status, refused.read()) == (405, b"method GET not allowed"), refused.status
        connection.request("PUT", path)
        answer = connection.getresponse().status == 200
        connection.close()
    return answer


def main(port):
    client = consul.Consul(host="127.0.0.1", port=port)

    # Registration, and what the catalog and the agent make of it.
    assert client.agent.service.register(
        "web", service_id="web-1", address="127.0.0.1", port=8080, tags=["v1", "blue"],
        check=consul.Check.ttl("60s")) is True
    services = client.agent.services()
    assert services["web-1"]["Service"] == "web" and services["web-1"]["Port"] == 8080, services
    index, found = client.catalog.services()
    assert sorted(found["web"]) == ["blue", "v1"], found
    _, instances = client.catalog.service("web")
    assert [one["ServiceID"] for one in instances] == ["web-1"], instances
    assert client.catalog.service("web", tag="v1")[1] and not client.catalog.service("web", tag="green")[1]
    assert not client.catalog.service("nobody")[1]

    # Health: critical until its program reports; a waiting query hears of it, and of nothing before.
    index, nodes = client.health.service("web")
    states = {check["CheckID"]: check["Status"] for check in nodes[0]["Checks"]}
    assert states["service:web-1"] == "critical" and states["serfHealth"] == "passing", states
    assert client.health.service("web", passing=True)[1] == []
    heard = []

    def wait():
        heard.append(client_of_its_own(port).health.service("web", index=index, wait="20s"))

    waiter = threading.Thread(target=wait)
    waiter.start()
    time.sleep(0.3)
    assert not heard, "a query that waits came back without news"
    assert told(
        port, "/v1/agent/check/pass/service:web-1?note=all%20is%20well",
        client.agent.check.ttl_pass("service:web-1", "all is well")) is True
    waiter.join(10)
    later, nodes = heard[0]
    assert int(later) > int(index), (later, index)
    mine = [check for check in nodes[0]["Checks"] if check["CheckID"] == "service:web-1"][0]
    assert mine["Status"] == "passing" and mine["Output"] == "all is well", mine
    assert len(client.health.service("web", passing=True)[1]) == 1
    # A wait that ends without news gives the same index.
    assert client.health.service("web", index=later, wait="100ms")[0] == later
    assert told(port, "/v1/agent/check/warn/service:web-1", client.agent.check.ttl_warn("service:web-1"))
    assert told(port, "/v1/agent/check/fail/service:web-1", client.agent.check.ttl_fail("service:web-1"))
    assert client.health.checks("web")[1][0]["Status"] == "critical"
    assert any(check["CheckID"] == "service:web-1" for check in client.health.state("critical")[1])

    # A check of the node, maintenance, and the way out of both.
    assert client.agent.check.register("memory", check=consul.Check.ttl("60s")) is True
    assert "memory" in client.agent.checks()
    assert client.agent.service.maintenance("web-1", True, "upgrade") is True
    assert client.agent.checks()["_service_maintenance:web-1"]["Notes"] == "upgrade"
    assert client.agent.service.maintenance("web-1", False) is True
    assert client.agent.maintenance(True, "rest") and "_node_maintenance" in client.agent.checks()
    assert client.agent.maintenance(False) and "_node_maintenance" not in client.agent.checks()
    assert told(port, "/v1/agent/check/deregister/memory", client.agent.check.deregister("memory")) is True
    assert "memory" not in client.agent.checks()

    # Nodes that no agent looks after.
    assert client.catalog.register("far", "10.0.0.9", service={"Service": "db", "ID": "db-1", "Port": 5432}) is True
    assert {node["Node"] for node in client.catalog.nodes()[1]} >= {"far"}
    assert client.catalog.node("far")[1]["Services"]["db-1"]["Port"] == 5432
    assert client.catalog.deregister("far") is True
    assert client.catalog.node("far")[1] is None

    # The agent of itself.
    assert client.agent.self()["Config"]["Datacenter"] == "dc1"
    assert len(client.agent.members()) == 1 and client.catalog.datacenters() == ["dc1"]
    assert ":" in client.status.leader() and client.status.peers() == [client.status.leader()]

    # What Consul refuses, in the clients' own words for it.
    if not IS_OLD:
        raises(consul.ConsulException, lambda: client.agent.check.ttl_pass("nobody"))
    assert client.agent.service.maintenance("nobody", True) is False
    raises(consul.ConsulException, lambda: client.catalog.nodes(dc="elsewhere"))
    if not IS_OLD:
        mesh(client)
    assert told(port, "/v1/agent/service/deregister/web-1", client.agent.service.deregister("web-1")) is True
    assert "web-1" not in client.agent.services() and client.health.service("web")[1] == []
    print(json.dumps({"client": getattr(consul, "__version__", "0.7"), "mesh": not IS_OLD}))


def client_of_its_own(port):
    return consul.Consul(host="127.0.0.1", port=port)


def mesh(client):
    """Intentions and the authority, which the older client does not know."""
    roots = client.connect.ca.roots()
    trust = roots["TrustDomain"] if isinstance(roots, dict) else roots[1]["TrustDomain"]
    leaf = client.agent.connect.ca.leaf("web")
    leaf = leaf if isinstance(leaf, dict) else leaf[1]
    assert "BEGIN CERTIFICATE" in leaf["CertPEM"] and trust in leaf["ServiceURI"], leaf
    if not hasattr(client.connect, "intentions"):
        return
    assert client.connect.intentions.upsert("web", "db", action="deny", description="not now") is True
    assert client.connect.intentions.read("web", "db")["Action"] == "deny"
    assert client.connect.intentions.check("web", "db") is False
    # It asks for a decision with PUT, which Consul answers 405 as we do: the endpoint takes POST.
    fault = raises(consul.ConsulException, lambda: client.agent.connect.authorize("db", leaf["ServiceURI"], "00"))
    assert "405" in str(fault), fault
    assert client.connect.intentions.upsert("web", "db", action="allow") is True
    assert client.connect.intentions.check("web", "db") is True
    assert [rule["Action"] for rule in client.connect.intentions.list()] == ["allow"]
    assert client.connect.intentions.delete("web", "db") is True
    assert client.connect.intentions.list() == []


if __name__ == "__main__":
    main(int(sys.argv[1]))
