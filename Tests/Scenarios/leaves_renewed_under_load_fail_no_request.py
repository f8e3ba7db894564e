"""Leaves are renewed under one and the same root while requests run, on kept connections and on new ones: all are served, and the
new certificate is the one on the wire."""

import json
import re
import ssl
import subprocess

import agents
from support import binary, program, until

SECONDS = 6


def run():
    openssl = program("openssl")
    with agents.Hello() as hello, agents.mesh(hello.port) as (agent, local):
        assert agents.answers(local) == "hello, world!\n"
        root = agent.get("/v1/connect/ca/roots")["ActiveRootID"]
        public = agent.get("/v1/agent/service/target-proxy")["Port"]
        pids = agent.sidecar_pids()

        def on_the_wire():
            """Serial number and hours to live of the target's certificate, as its callers see it."""
            pem = ssl.get_server_certificate(("127.0.0.1", public))
            text = subprocess.run(
                [openssl, "x509", "-noout", "-serial", "-checkend", "7000"], input=pem, capture_output=True, text=True).stdout
            return re.search(r"serial=(\w+)", text).group(1).lower(), "will not expire" in text

        with agents.Load(local, threads=2) as load, agents.Wrk(local, SECONDS) as wrk:
            serials = {serial(agent, "target-proxy")}
            # Whoever shortens the life of leaves wants it of those that are out: each step renews all of them.
            for hours in (48, 24, 12, 6, 1):
                before = {name: len(leaves(agent, name)) for name in ("caller-proxy", "target-proxy")}
                settings = agent.get("/v1/connect/ca/configuration")
                settings["Config"]["LeafCertTTL"] = f"{hours}h"
                made = subprocess.run(
                    [binary(), "connect", "ca", "set-config", "-http-addr", f"127.0.0.1:{agent.http}", "-config-file",
                     written(agent, settings)], capture_output=True, text=True, timeout=20)
                assert made.returncode == 0, made.stdout + made.stderr
                for name, count in before.items():
                    until(lambda: len(leaves(agent, name)) > count, f"{name} has another leaf")
                serials.add(serial(agent, "target-proxy"))
                until(lambda: on_the_wire()[0] == serial(agent, "target-proxy"), "the new leaf is on the wire")
            assert len(serials) == 6, serials
            assert not on_the_wire()[1], "it lives for an hour at the most"
            kept = wrk.requests()
        load.is_faultless(50)
        assert agent.get("/v1/connect/ca/roots")["ActiveRootID"] == root
        assert agent.sidecar_pids() == pids
        assert not wrk.process or kept > 100
        print(f"{kept} requests on kept connections and {load.count} on new ones, none failed")


def written(agent, settings):
    path = agent.folder / "authority.json"
    path.write_text(json.dumps({"Provider": settings["Provider"], "Config": settings["Config"]}))
    return str(path)


def leaves(agent, sidecar):
    return [line for line in agent.logs(sidecar) if "leaf certificate received" in line]


def serial(agent, sidecar):
    return re.search(r"serial=\"?([0-9a-f:]+)", leaves(agent, sidecar)[-1]).group(1).replace(":", "")
