"""A sidecar that the agent does not know yet asks in both forms until it does, and serves then."""

import agents
from support import Warren, folder, free_port


def run():
    with folder() as path, agents.Hello() as hello:
        # Neither sidecar is the agent's own to run.
        files = {"target.json": agents.service("target", hello.port),
                 "manage.json": {"connect": {"manage_sidecars": False}}}
        with agents.Agent(path, files) as agent:
            def managed(local):
                return {"proxy": {"exec_mode": "script", "config": {
                    "upstreams": [{"destination_name": "target", "local_bind_port": local}]}}}

            def sidecar(local):
                return {"sidecar_service": {"proxy": {
                    "upstreams": [{"destination_name": "target", "local_bind_port": local}]}}}

            def declare(name, block):
                agent.write(f"{name}.json", {"service": {"name": name, "port": port, "connect": block}})
                assert agent.ask("PUT", "/v1/agent/reload")[0] == 200

            for name, proxy, block in [("early", "early-proxy", managed), ("later", "later-sidecar-proxy", sidecar)]:
                local, other, port = free_port(), free_port(), free_port()
                with Warren("proxy", "-proxy-id", proxy, "-http-addr", f"127.0.0.1:{agent.http}", command="connect",
                            wait=False) as process:
                    process.says("the agent does not know this proxy yet")
                    declare(name, block(local))
                    process.says("definition received")
                    assert agents.answers(local) == "hello, world!\n"
                    # Gone and back: what was known goes on, and the next definition is heard of.
                    (agent.configuration / f"{name}.json").unlink()
                    assert agent.ask("PUT", "/v1/agent/reload")[0] == 200
                    process.says("does not know this proxy any more")
                    assert agents.answers(local) == "hello, world!\n"
                    declare(name, block(other))
                    assert agents.answers(other) == "hello, world!\n"
                (agent.configuration / f"{name}.json").unlink()
