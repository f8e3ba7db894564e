"""`warren config` writes, shows, lists and deletes a running agent's entries; what cannot be served is refused whole with its
field and reason, and connections go on under the last good entries."""

import json
import os
import subprocess

import agents
from support import binary


def run():
    with agents.Hello() as hello, agents.mesh(hello.port) as (agent, local):
        assert agents.answers(local) == "hello, world!\n"

        def warren(*words, entry=None):
            made = subprocess.run(
                [binary(), "config", *words], input=None if entry is None else json.dumps(entry), text=True,
                capture_output=True, timeout=30,
                env={**os.environ, "CONSUL_HTTP_ADDR": f"127.0.0.1:{agent.http}"})
            return made.returncode, made.stdout + made.stderr

        with agents.Load(local, threads=1) as load:
            good = {"Kind": "service-resolver", "Name": "target", "ConnectTimeout": "3s",
                    "Subsets": {"all": {"Filter": ""}}}
            assert warren("write", "-", entry=good) == (0, "Config entry written: service-resolver/target\n")
            split = {"Kind": "service-splitter", "Name": "target", "Splits": [
                {"Weight": 100, "ServiceSubset": "all"}]}
            assert warren("write", "-", entry=split) == (0, "Config entry written: service-splitter/target\n")
            assert warren("list", "-kind", "service-splitter") == (0, "target\n")
            before = agent.get("/v1/discovery-chain/target")

            def refused(reason, entry):
                status, text = warren("write", "-", entry=entry)
                assert status == 1 and reason in text and entry["Name"] in text, (status, text)
                assert agent.get("/v1/discovery-chain/target") == before

            refused("the sum of all split weights must be 100, not 90.000000", {
                **split, "Splits": [{"Weight": 90}]})
            refused("no splits configured", {**split, "Splits": []})
            refused("does not have a subset named \"all\"", {**good, "Subsets": {}})
            refused("Bad ConnectTimeout '-3s', must be >= 0", {**good, "ConnectTimeout": "-3s"})
            refused("invalid config key \"Subsets[all].Fliter\"", {**good, "Subsets": {"all": {"Fliter": ""}}})
            refused("Bad LoadBalancer.Policy \"coin\"", {**good, "LoadBalancer": {"Policy": "coin"}})
            refused("by request", {"Kind": "service-router", "Name": "target", "Routes": []})
            # An entry that another needs cannot go either.
            status, text = warren("delete", "-kind", "service-resolver", "-name", "target")
            assert status == 1 and "does not have a subset named \"all\"" in text, (status, text)

            # Two redirects in a circle: the first is fine by itself.
            status, text = warren("write", "-", entry={
                "Kind": "service-resolver", "Name": "here", "Redirect": {"Service": "there"}})
            assert status == 0, text
            refused("detected circular resolver redirect", {
                "Kind": "service-resolver", "Name": "there", "Redirect": {"Service": "here"}})

            status, text = warren("read", "-kind", "service-resolver", "-name", "target")
            assert status == 0 and json.loads(text)["ConnectTimeout"] == "3s", (status, text)
            for kind in ("service-splitter", "service-resolver"):
                assert warren("delete", "-kind", kind, "-name", "target") == (
                    0, f"Config entry deleted: {kind}/target\n")
            status, text = warren("read", "-kind", "service-resolver", "-name", "target")
            assert status == 1 and "Config entry not found" in text, (status, text)
        load.is_faultless(1)
