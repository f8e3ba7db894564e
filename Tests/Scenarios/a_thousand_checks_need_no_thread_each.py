"""Checks by the thousand: the agent's threads stay the same few, all results come in, and stopping drops them all."""

import os
import re

import agents
from support import FULL, folder, until


def run():
    count = 5000 if FULL else 1000
    with folder() as path, agents.Hello() as hello:
        services = [{"name": f"s{n}", "port": hello.port, "check": (
            {"http": f"http://localhost:{hello.port}/", "interval": "10s"} if n % 2 else
            {"tcp": f"localhost:{hello.port}", "interval": "10s"})} for n in range(count)]
        with agents.Agent(path, {"many.json": {"services": services}}, "-log-level", "info") as agent:
            threads = []

            def passing():
                threads.append(len(os.listdir(f"/proc/{agent.process.pid}/task")))
                checks = agent.get("/v1/agent/checks").values()
                return sum(check["Status"] == "passing" for check in checks) == count

            until(passing, "every check passes", 40)
            # The loop, the log, and look-ups, of which there are eight at most.
            assert max(threads) <= 10, max(threads)
            (agent.configuration / "many.json").write_text('{"services": []}')
            assert agent.ask("PUT", "/v1/agent/reload", timeout=60)[0] == 200
            assert agent.get("/v1/agent/checks") == {}
            with open(f"/proc/{agent.process.pid}/status") as status:
                resident = int(re.search(r"VmRSS:\s+(\d+)", status.read()).group(1))
            fields = open(f"/proc/{agent.process.pid}/stat").read().rsplit(")", 1)[1].split()
            seconds = (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
            print(f"{count} checks: {max(threads)} threads at most, {seconds:.1f} s of CPU, {resident} KiB resident")
