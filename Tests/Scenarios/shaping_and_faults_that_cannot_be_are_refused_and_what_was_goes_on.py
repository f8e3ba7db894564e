"""Limits, faults and mirrors that no sidecar could use are refused by `warren validate`, a reload, a registration and a config
entry, each with field and reason, while connections go on under the last good ones; good ones reach live sidecars and cost no
tunnel, and a fault ends by itself."""

import http.client
import json
import os
import subprocess
import time

import agents
from support import binary, folder, free_port, until


def moment(seconds):
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + seconds))


def run():
    with folder() as path, agents.Hello() as hello:
        local = free_port()

        def caller(**settings):
            file = agents.service("caller", free_port(), [("target", local)])
            file["service"]["connect"]["proxy"]["config"]["upstreams"][0]["config"] = settings
            return file

        good = {"shaping": {"connection": {"bandwidth_out": "50MB/s"}}}
        files = {"caller.json": caller(**good), "target.json": agents.service("target", hello.port)}
        with agents.Agent(path, files) as agent:
            agents.answers(local)
            live = http.client.HTTPConnection("127.0.0.1", local, timeout=10)

            def lives():
                live.request("GET", "/")
                assert live.getresponse().read() == hello.text

            def warren(*words, entry=None):
                made = subprocess.run(
                    [binary(), *words], input=None if entry is None else json.dumps(entry), text=True,
                    capture_output=True, timeout=30,
                    env={**os.environ, "CONSUL_HTTP_ADDR": f"127.0.0.1:{agent.http}"})
                return made.returncode, made.stdout + made.stderr

            lives()
            end = live.sock
            # What is validated is an agent that keeps its state.
            agent.write("data.json", {"data_dir": f"{path}/data"})
            place = "connect.proxy.config.upstreams[0].config"
            bad = [
                ({"shaping": {"connection": {"bandwidth_out": "quick"}}}, ".shaping.connection.bandwidth_out must be bytes"),
                ({"shaping": {"conections_per_second": 5}}, ".shaping.conections_per_second is not known"),
                ({"faults": [{"kind": "refuse"}]}, ".faults[0].expires is missing, and a fault must not outlive its purpose"),
                ({"faults": [{"kind": "refuse", "expires": moment(172_800)}]}, ".faults[0].expires is too far ahead"),
                ({"mirror": {"address": "shadow:9000"}}, ".mirror.address is the name \"shadow:9000\""),
                ({"balance": "coin"}, ".balance: want one of \"least_request\""),
                ({"idle_timeout_ms": -1}, ".idle_timeout_ms: want integer from 0")]
            for settings, reason in bad:
                agent.write("caller.json", caller(**settings))
                for words in (("validate", str(agent.configuration)), ("reload",)):
                    status, text = warren(*words)
                    # `reload` shows the text as Go quotes it.
                    text = text.replace('\\"', '"')
                    assert status == 1 and place + reason in text and '"caller"' in text, (words, status, text)
                registered = {"Name": "other", "Port": 80, "Connect": {"SidecarService": {"Proxy": {"Upstreams": [
                    {"DestinationName": "target", "LocalBindPort": free_port(), "Config": settings}]}}}}
                status, text, _ = agent.ask("PUT", "/v1/agent/service/register", registered)
                assert status == 400 and "connect.sidecar_service.proxy.upstreams[0].config" + reason in text, text
                assert "other" not in agent.get("/v1/agent/services")
                entry = {"Kind": "service-defaults", "Name": "caller", "UpstreamConfig": {"Overrides": [
                    {"Name": "target", "Config": settings}]}}
                status, text = warren("config", "write", "-", entry=entry)
                assert status == 1 and "service-defaults" in text and "caller" in text, text
                assert "UpstreamConfig.Overrides[target]" + reason in text, text
                assert agent.ask("GET", "/v1/config/service-defaults/caller")[0] == 404
                assert agents.fetched(local), "connections go on"
                lives()

            # A fault that may be: those who come are reset, who is there stays; then it is over without anybody's doing.
            agent.write("caller.json", caller(**good, faults=[{"kind": "refuse", "expires": moment(8)}]))
            assert warren("validate", str(agent.configuration))[0] == 0
            assert warren("reload")[0] == 0
            agents.fails(local)
            lives()
            until(lambda: agents.fetched(local), "the fault has expired", 30)
            lives()
            assert live.sock is end
            live.close()
