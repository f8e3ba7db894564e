"""The topology mesh: an agent, two services in its configuration, and a sidecar for each; ours, or HashiCorp's own."""

import http.client
import json
import re
import shutil
import socket
import time
from pathlib import Path

from .candidates import Candidate, Deployment, first_line
from .processes import StartFailure, children, is_listening

#: How long an agent may take until a request comes through both sidecars.
DEADLINE = 60.0


class Sidecar:
    """A process that the agent started, in whose hands it stays."""

    def __init__(self, pid):
        self.pid = pid

    def pids(self):
        return [self.pid]

    def tail(self):
        return ""

    def stop(self):
        """Nothing: the agent ends it."""


def service(name, identifier, port, *, old, proxy_port, upstream=None, check=None, limits=None):
    """A service's definition: `connect.proxy` of Consul 1.2, or `connect.sidecar_service` of later ones. Only with the later
    does a sidecar fall out of the rotation with its service, through an alias check."""
    upstreams = [{"destination_name": upstream[0], "local_bind_port": upstream[1]}] if upstream else []
    if limits:
        upstreams[0]["config"] = {"shaping": limits}
    if old:
        connect = {"proxy": {"config": {"bind_port": proxy_port, "bind_address": "127.0.0.1", "upstreams": upstreams}}}
    else:
        connect = {"sidecar_service": {"port": proxy_port, "proxy": {"upstreams": upstreams}}}
    definition = {"name": name, "id": identifier, "port": port, "connect": connect}
    if check:
        definition["checks"] = [{"tcp": check, "interval": "500ms", "timeout": "500ms"}]
    return {"service": definition}


def settings(ports, old, port):
    """Ports of the agent's own, so that several run beside each other."""
    numbers = {"http": port or ports.take(), "dns": -1, "server": ports.take(), "serf_lan": ports.take(),
               "serf_wan": ports.take()}
    found = {"ports": numbers}
    if old:
        # As root Consul 1.2 starts no sidecar unless told so.
        found["connect"] = {"enabled": True, "proxy": {"allow_managed_root": True}}
    else:
        numbers["grpc"] = -1
        found["connect"] = {"enabled": True}
    return found


def start(name, program, site, variant, *, managed, old, port=0):
    """A running mesh whose service `up` reaches `pub`, which has as many instances as the variant says; or the agent alone,
    when the variant says so. With `managed` the agent starts the sidecars, with `old` they are asked for as in Consul 1.2. The agent answers on `port`, or one of
    ours when that is 0."""
    entry = site.ports.take()
    folder = site.directory / f"{name}-mesh-{entry}"
    folder.mkdir()
    found = settings(site.ports, old, port)
    (folder / "agent.json").write_text(json.dumps(found))
    identifiers, files = [], {}
    if not variant.bare:
        identifiers.append("up")
        files["up.json"] = json.dumps(service(
            "up", "up", site.ports.take(), old=old, proxy_port=site.ports.take(), upstream=("pub", entry),
            limits=limits_of(variant)))
    for number, target in enumerate([] if variant.bare else site.targets[:variant.targets]):
        identifier = "pub" if number == 0 else f"pub{number + 1}"
        identifiers.append(identifier)
        behind = int(target.rpartition(":")[2])
        files[f"{identifier}.json"] = json.dumps(service(
            "pub", identifier, behind, old=old, proxy_port=site.ports.take(),
            check=target if variant.targets > 1 else None))
    if not variant.rules:
        put(folder, files)
    api = f"127.0.0.1:{found['ports']['http']}"
    started = []
    try:
        agent = site.supervisor.start(
            [program, "agent", "-dev", "-advertise", "127.0.0.1", "-bind", "127.0.0.1", "-log-level", "err", "-config-dir",
             folder], f"{name}-agent", cwd=folder)
        agent.counts_children = False
        started.append(agent)
        agent.wait_listening(found["ports"]["http"], DEADLINE)
        if variant.rules:
            # Before any sidecar is there to fetch the whole list again for each of them.
            make_rules(api, variant.rules)
            put(folder, files)
            ask(http.client.HTTPConnection(api, timeout=60), "PUT", "/v1/agent/reload")
        roles = {"agent": agent}
        if not managed:
            for identifier in identifiers:
                roles[identifier] = site.supervisor.start(
                    [program, "connect", "proxy", "-sidecar-for", identifier, "-http-addr", api, "-log-level", "err"],
                    f"{name}-{identifier}")
                started.append(roles[identifier])
        if not variant.bare:
            wait_answer(agent, entry)
        if managed:
            sidecars = {proxy_of(pid): pid for pid in children(agent.pid)}
            for identifier in identifiers:
                proxy = f"{identifier}-proxy" if old else f"{identifier}-sidecar-proxy"
                if proxy not in sidecars:
                    raise StartFailure(f"{name}: the agent runs no sidecar {proxy}: {agent.tail()}")
                roles[identifier] = Sidecar(sidecars[proxy])
        return Deployment(name, f"127.0.0.1:{entry}", roles, api)
    except BaseException:
        for process in reversed(started):
            site.supervisor.stop(process)
        raise


def limits_of(variant):
    """The `shaping` block of an upstream that says what the variant does."""
    if not variant.scope:
        return None
    if variant.scope == "connections":
        return {"connections_per_second": variant.rate}
    return {variant.scope: {"bandwidth_in": variant.rate, "bandwidth_out": variant.rate}}


def put(folder, files):
    for name, text in files.items():
        (folder / name).write_text(text)


def ask(connection, method, path, body=None):
    """The answer of an agent's API and its text; StartFailure with both when it is not 200."""
    try:
        connection.request(method, path, None if body is None else json.dumps(body))
        answer = connection.getresponse()
        text = answer.read()
    except (OSError, http.client.HTTPException) as error:
        raise StartFailure(f"the agent's API, {method} {path}: {error}") from error
    if answer.status != 200:
        raise StartFailure(f"the agent's API, {method} {path}: {answer.status} {text[:200].decode(errors='replace')}")
    return answer, text


def make_rules(api, count):
    """So many intentions about callers of `pub` that do not exist."""
    connection = http.client.HTTPConnection(api, timeout=60)
    try:
        for number in range(count):
            ask(connection, "POST", "/v1/connect/intentions", {
                "SourceName": f"caller-{number}", "DestinationName": "pub", "SourceType": "consul",
                "Action": "deny" if number % 2 else "allow"})
    finally:
        connection.close()


def proxy_of(pid):
    """Which proxy a sidecar is, as the agent told it (CONNECT_PROXY_ID); "" for other processes."""
    try:
        words = Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    except OSError:
        return ""
    return next((word[17:].decode() for word in words if word.startswith(b"CONNECT_PROXY_ID=")), "")


def wait_answer(agent, port):
    """Until a request is answered through both sidecars: certificates have been issued and fetched by then."""
    end = time.monotonic() + DEADLINE
    while time.monotonic() < end:
        if agent.popen.poll() is not None:
            raise agent.failure(f"ended with status {agent.popen.returncode}")
        try:
            with socket.create_connection(("127.0.0.1", port), 2) as client:
                client.sendall(b"GET /1 HTTP/1.1\r\nHost: bench\r\n\r\n")
                if client.recv(64).startswith(b"HTTP/1.1 200"):
                    return
        except OSError:
            pass
        time.sleep(0.05)
    raise agent.failure(f"answers nothing through its sidecars within {DEADLINE:.0f} s")


class Consul(Candidate):
    """HashiCorp's agent with its built-in proxy, when a binary is on PATH: managed by the agent up to 1.5, a process beside
    it later."""

    topologies = ("mesh",)

    def binary(self):
        return shutil.which("consul")

    def hint(self):
        return "put HashiCorp's consul 1.2 or 1.9 on PATH; Debian has no package of it"

    def version(self):
        return first_line([self.binary(), "version"], r"Consul v?(\d+\.\d+\.\d+)")

    def is_managed(self):
        """Managed proxies were removed in 1.6."""
        found = re.match(r"(\d+)\.(\d+)", self.version())
        return bool(found) and (int(found[1]), int(found[2])) < (1, 6)

    def start(self, site, topology, *rest):
        if not self.is_managed():
            return start(self.name, self.binary(), site, *rest, managed=False, old=False)
        # The proxies that 1.2 starts look for their agent on its default port, whatever port it has.
        if is_listening(8500):
            raise StartFailure("consul: its managed proxies need their agent on port 8500, which is taken")
        return start(self.name, self.binary(), site, *rest, managed=True, old=True, port=8500)
