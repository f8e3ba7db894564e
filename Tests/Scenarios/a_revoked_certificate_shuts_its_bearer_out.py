"""revoked_serials: a caller's certificate and a target's are revoked in proxy-defaults while tunnels live. Those of their bearers
are cut at once, although live tunnels are else kept, and new ones are refused; others go on, and who has a new leaf is back. A
list with a word that is no serial number is refused, and changes nothing."""

import json
import re
import ssl
import subprocess

import agents
from support import Server, admitted, binary, connect, echo, echoes, echoing, ends, folder, free_port, until


def run():
    with folder() as path, Server(echo) as server:
        one, two = free_port(), free_port()
        keep = {"intention_deny_live": "keep"}
        files = {"one.json": agents.service("one", free_port(), [("target", one)]),
                 "two.json": agents.service("two", free_port(), [("target", two)]),
                 "target.json": agents.service("target", server.address[1], inbound=keep)}
        with agents.Agent(path, files) as agent:
            for local in (one, two):
                until(lambda: admitted(local), f"127.0.0.1:{local} reaches the target")
            pids = agent.sidecar_pids()

            # A caller's: its tunnel is cut by the sidecar of whom it calls.
            first, second = echoing(one), echoing(two)
            bearer = serial(agent, "one")
            revoke(agent, bearer.replace(":", "").upper())
            with first:
                assert ends(first)
            until(lambda: not admitted(one), "it is not let in again")
            assert echoes(second) and admitted(two)
            said = until(lambda: [line for line in agent.report("target-proxy") if ": rule: " in line
                                  and f"certificate revoked: {bearer}" in line], "the counters name the certificate")[-1]
            assert re.search(r"\bcut=1\b", said) and re.search(r"\brefused=[1-9]", said), said
            assert any("live tunnel cut" in line and bearer in line for line in agent.logs("target-proxy"))

            # No serial number: refused with the place, and what was said before goes on.
            status, text, _ = agent.ask("PUT", "/v1/config", entry(bearer, "stolen"))
            assert status == 500 and "revoked_serials[1]" in text and "serial number" in text, (status, text)
            assert not admitted(one) and echoes(second)

            # A new leaf has another number.
            renew(agent, 48)
            until(lambda: admitted(one), "the caller is back with a new leaf")
            assert serial(agent, "one") != bearer and echoes(second)
            first = echoing(one)

            # A target's: its callers leave it.
            shown = serial(agent, "target")
            revoke(agent, shown)
            # The old leaf still is what the second tunnel began with; the first saw the one that is revoked now.
            with first:
                assert ends(first)
            until(lambda: not admitted(one) and not admitted(two), "nobody calls it any more")
            assert any("live tunnel cut" in line and shown in line for line in agent.logs("one-proxy"))
            assert echoes(second)
            renew(agent, 24)
            until(lambda: admitted(one) and admitted(two), "it is called again with a new leaf")
            assert echoes(second)
            assert agent.sidecar_pids() == pids
            second.close()


def entry(*serials):
    return {"Kind": "proxy-defaults", "Name": "global", "Config": {"revoked_serials": list(serials)}}


def revoke(agent, *serials):
    agent.put("/v1/config", entry(*serials))


def serial(agent, service):
    """The number of the certificate that a service's sidecar shows now."""
    lines = [line for line in agent.logs(f"{service}-proxy") if "leaf certificate received" in line]
    return re.search(r"serial=\"?([0-9a-f:]+)", lines[-1]).group(1)


def renew(agent, hours):
    """Shortens the life of leaves, which renews all of them; returns when each sidecar has another."""
    before = {name: serial(agent, name) for name in ("one", "two", "target")}
    settings = agent.get("/v1/connect/ca/configuration")
    settings["Config"]["LeafCertTTL"] = f"{hours}h"
    file = agent.folder / "authority.json"
    file.write_text(json.dumps({"Provider": settings["Provider"], "Config": settings["Config"]}))
    made = subprocess.run(
        [binary(), "connect", "ca", "set-config", "-http-addr", f"127.0.0.1:{agent.http}", "-config-file", str(file)],
        capture_output=True, text=True, timeout=20)
    assert made.returncode == 0, made.stdout + made.stderr
    until(lambda: all(serial(agent, name) != old for name, old in before.items()), "each sidecar has another leaf")
    until(lambda: is_shown(agent, serial(agent, "target")), "whoever calls the target sees its new leaf")


def is_shown(agent, number):
    """Whether the target's sidecar answers a handshake with the certificate of this serial number."""
    listening = [line for line in agent.logs("target-proxy") if "listening: route=public" in line]
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with connect(("127.0.0.1", int(listening[-1].rsplit(":", 1)[1]))) as raw, context.wrap_socket(raw) as end:
        return bytes.fromhex(number.replace(":", "")) in end.getpeercert(binary_form=True)
