"""The walkthrough: two files, one command, `curl http://127.0.0.1:38082/`; then a caller is denied, allowed, reloaded."""

import json
import os
import shutil
import signal
import subprocess
import time

import agents
from support import binary, folder, until


def run():
    # Its ports are as people write them, 8500 and 38082, so it needs a network where they are free.
    if not agents.in_a_network_of_its_own():
        print("this system allows no network of one's own: the same is shown with other ports in the other scenarios")
        return
    with folder() as path, agents.Hello(8081, "hello from service1\n"), agents.Hello(8082, "hello, world!\n"):
        config = shutil.copytree(agents.CONFIGURATIONS, path + "/config-dir")
        begin = time.monotonic()
        agent = subprocess.Popen(
            [binary(), "agent", "-dev", "-advertise", "127.0.0.1", "-config-dir", config],
            stdin=subprocess.DEVNULL, stdout=open(path + "/log", "wb"), stderr=subprocess.STDOUT,
            env={**os.environ, "TMPDIR": path})
        try:
            assert agents.answers(38082, seconds=2 if "release" in binary() else 4) == "hello, world!\n"
            print(f"hello, world! {1000 * (time.monotonic() - begin):.0f} ms after the agent's start")
            services = json.loads(agents.fetch_path(8500, "/v1/agent/services"))
            assert sorted(services) == ["service1", "service1-proxy", "service2", "service2-proxy"], services
            assert all(20000 <= services[f"service{n}-proxy"]["Port"] <= 20255 for n in (1, 2)), services

            made = json.loads(agents.send(8500, "POST", "/v1/connect/intentions", {
                "SourceName": "service1", "DestinationName": "service2", "Action": "deny"}))
            agents.fails(38082)
            agents.send(8500, "PUT", f"/v1/connect/intentions/{made['ID']}", {
                "SourceName": "service1", "DestinationName": "service2", "Action": "allow"})
            assert agents.answers(38082) == "hello, world!\n"

            # service2 learns to call service1, without anybody being started again.
            file = os.path.join(config, "service2.json")
            definition = json.load(open(file))
            definition["service"]["connect"]["proxy"] = {"config": {"upstreams": [
                {"destination_name": "service1", "local_bind_port": 38081}]}}
            json.dump(definition, open(file, "w"))
            agent.send_signal(signal.SIGHUP)
            assert agents.answers(38081) == "hello from service1\n"

            agent.send_signal(signal.SIGINT)
            assert agent.wait(10) == 1
            until(lambda: agents.fetched(38082) is None, "the sidecars end with a -dev agent")
        finally:
            agent.kill()
            agent.wait()
