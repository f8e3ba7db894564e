"""Where commands take the token and the address from, what they send, and when they had better send nothing."""

import os
import pathlib

from commands.agent import Canned, command
from support import folder


def run():
    with Canned({("GET", "/v1/catalog/datacenters"): (200, '["dc1"]'),
                 ("GET", "/v1/catalog/services?dc=east&stale="): (200, '{"web": []}')}) as agent, folder() as place:
        token = pathlib.Path(place) / "token"
        token.write_text("from-a-file\n")

        def shown(*words, **more):
            done = agent.run("catalog", "datacenters", *words, **more)
            assert (done.status, done.stdout) == (0, "dc1\n"), done
            return agent.requests[-1][2].get("X-Consul-Token")

        assert shown() is None
        assert shown("-token", "given") == shown("--token=given") == "given"
        assert shown(CONSUL_HTTP_TOKEN="from-outside") == "from-outside"
        assert shown("-token=given", CONSUL_HTTP_TOKEN="from-outside") == "given"
        assert shown("-token-file", str(token)) == shown(CONSUL_HTTP_TOKEN_FILE=str(token)) == "from-a-file"
        missing = agent.run("catalog", "datacenters", "-token-file", str(token) + "x")
        assert missing.status == 1 and "-token-file" in missing.stderr and "No such file" in missing.stderr, missing

        assert agent.run("catalog", "services", "-datacenter", "east", "-stale").stdout == "web\n"
        flag = command("catalog", "datacenters", f"-http-addr=http://{agent.address}/", CONSUL_HTTP_ADDR="127.0.0.1:1")
        assert flag.stdout == "dc1\n", flag

        # Over TLS it was meant to go; in the clear it does not go instead.
        count = len(agent.requests)
        for words, more in ((["-http-addr", f"https://{agent.address}"], {}), ([], {"CONSUL_HTTP_SSL": "true"})):
            done = agent.run("catalog", "datacenters", "-token=secret", *words, **more)
            assert done.status == 1 and "HTTPS" in done.stderr and "secret" not in done.stderr, done
        assert len(agent.requests) == count

        # A header cannot be smuggled in.
        done = agent.run("catalog", "datacenters", "-token", "a\r\nX-Other: b")
        assert done.status == 1 and len(agent.requests) == count, done

        assert agent.run("catalog", "datacenters", "-http-addr", "unix://" + os.path.join(place, "none")).stderr == (
            'Error listing datacenters: Get "http://127.0.0.1/v1/catalog/datacenters": dial unix '
            f"{place}/none: connect: no such file or directory\n")
