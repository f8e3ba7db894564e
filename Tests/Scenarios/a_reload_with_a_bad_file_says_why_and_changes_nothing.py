"""`warren validate` and `warren reload` say the same about a bad file, and only a good one changes the agent."""

from commands.agent import Agent, command


def run():
    with Agent() as agent:
        before = agent.get("/v1/agent/services")
        agent.write("service2.json", {"service": {"name": "service2", "port": "8082", "colour": "red"}})
        refused = agent.run("reload")
        assert refused.status == 1 and refused.stderr.startswith(
            "Error reloading: Unexpected response code: 500 ("), refused
        assert "service2.json" in refused.stderr and not refused.stdout, refused
        assert agent.get("/v1/agent/services") == before

        agent.write("service2.json", {"service": {"name": "service2", "port": 8083}})
        assert agent.succeeds("reload") == "Configuration reload triggered\n"
        assert agent.get("/v1/agent/services")["service2"]["Port"] == 8083

        agent.write("data.json", {"data_dir": "/var/lib/warren"})
        assert agent.succeeds("validate", str(agent.configuration)) == "Configuration is valid!\n"
        assert agent.succeeds("validate", "-quiet", str(agent.configuration)) == ""
        agent.write("service2.json", {"service": {"name": "service2", "colour": "red"}})
        bad = command("validate", "-quiet", str(agent.configuration))
        assert bad.status == 1 and "service2.json" in bad.stderr and "invalid config key service.colour" in bad.stderr, bad
        hcl = command("validate", "-config-format=hcl", str(agent.configuration))
        assert hcl.status == 1 and "only json" in hcl.stderr, hcl
