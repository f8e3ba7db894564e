"""`warren services register FILE` and the same file in the agent's configuration make the same service."""

import json

from commands.agent import Agent

SERVICES = {"services": [
    {"id": "web-1", "name": "web", "port": 80, "tags": ["a"], "meta": {"empty": ""}, "address": "10.0.0.1",
     "tagged_addresses": {"wan": {"address": "1.2.3.4", "port": 81}}, "weights": {"passing": 3, "warning": 2},
     "enable_tag_override": True, "checks": [{"name": "alive", "ttl": "1m"}, {"tcp": "127.0.0.1:1", "interval": "1h"}]},
    {"name": "web-sidecar-proxy", "kind": "connect-proxy", "port": 20000, "proxy": {
        "destination_service_name": "web", "destination_service_id": "web-1", "local_service_port": 80,
        "config": {"zero": 0, "no": False, "nothing": None, "empty": {}},
        "upstreams": [{"destination_name": "db", "local_bind_port": 5432, "config": {"zero": 0}}]}},
    {"name": "native", "connect": {"native": True}},
    {"name": "plain", "connect": {"sidecar_service": {"port": 21000}}},
]}
QUIET = {"connect": {"manage_sidecars": False}}


def services(agent):
    return {name: {key: value for key, value in service.items() if key not in ("ContentHash", "CreateIndex", "ModifyIndex")}
            for name, service in agent.get("/v1/agent/services").items()}


def checks(agent):
    return {name: {key: check[key] for key in ("Name", "Status", "ServiceID", "Type", "Definition")}
            for name, check in agent.get("/v1/agent/checks").items()}


def run():
    with Agent({"agent.json": QUIET, "services.json": SERVICES}) as by_file, Agent({"agent.json": QUIET}) as by_command:
        path = by_command.folder / "given.txt"
        path.write_text(json.dumps(SERVICES))
        said = by_command.succeeds("services", "register", str(path))
        assert said == "".join(f"Registered service: {service['name']}\n" for service in SERVICES["services"]), said
        assert services(by_command) == services(by_file)
        assert len(services(by_file)) == 5, "four services, one with a sidecar"
        assert checks(by_command) == checks(by_file) and len(checks(by_file)) >= 2

        by_command.succeeds("services", "deregister", str(path))
        assert services(by_command) == {}

        path.write_text(json.dumps({"log_level": "INFO"}))
        none = by_command.run("services", "register", str(path))
        assert none.status == 1 and "no service is defined" in none.stderr, none
        hcl = path.with_suffix(".hcl")
        hcl.write_text('service { name = "web" }')
        refused = by_command.run("services", "register", str(hcl))
        assert refused.status == 1 and "HCL is not read here; write the file as JSON" in refused.stderr, refused
