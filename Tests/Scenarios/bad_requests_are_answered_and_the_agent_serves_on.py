"""Bad JSON, oversized bodies, slow clients, unknown ids, wrong methods, no descriptors left: Consul's status, a sentence, and on it serves."""

import os
import pathlib
import resource
import socket
import time

import agents
from support import folder, until

# Method, path, body, Consul's status, a part of the sentence.
TABLE = [
    ("PUT", "/v1/agent/service/register", b"{", 400, "Request decode failed"),
    ("PUT", "/v1/agent/service/register", b"", 400, "Request decode failed"),
    ("PUT", "/v1/agent/service/register", b"[]", 400, "Request decode failed"),
    ("PUT", "/v1/agent/service/register", b'{"Name":""}', 400, "Missing service name"),
    ("PUT", "/v1/agent/service/register", b'{"Name":"a","Port":"80"}', 400, "Port"),
    ("PUT", "/v1/agent/service/register", b'{"Name":"a","Port":99999}', 400, "99999"),
    ("PUT", "/v1/agent/service/register", b'{"Name":"a","Bogus":1}', 400, 'unknown field "Bogus"'),
    ("PUT", "/v1/agent/service/register", b'{"Name":"a","Check":{"Interval":"1s"}}', 400, "Invalid check"),
    ("PUT", "/v1/agent/service/register", b'{"Name":"a","Address":"0.0.0.0"}', 400, "Invalid service address"),
    ("PUT", "/v1/agent/service/register", b'{"Name":"\xff\xfe"}', 400, "Request decode failed"),
    ("PUT", "/v1/agent/service/register", b"[" * 200_000, 400, "Request decode failed"),
    ("PUT", "/v1/agent/check/register", b'{"TTL":"1s"}', 400, "Missing check name"),
    ("PUT", "/v1/agent/check/register", b'{"Name":"c","TTL":"1s","ServiceID":"none"}', 500, "does not exist"),
    ("PUT", "/v1/agent/check/register", b'{"Name":"c","Args":["true"],"Interval":"1s"}', 500, "Scripts are disabled"),
    ("PUT", "/v1/agent/check/pass/none", b"", 500, "does not have associated TTL"),
    ("PUT", "/v1/agent/check/update/none", b'{"Status":"fine"}', 400, "Invalid check status"),
    ("PUT", "/v1/agent/service/maintenance/none?enable=true", b"", 404, "No service registered with ID"),
    ("PUT", "/v1/agent/service/maintenance/none", b"", 400, "Missing value for enable"),
    ("GET", "/v1/agent/service/none", b"", 404, "unknown service ID"),
    ("PUT", "/v1/catalog/register", b'{"Node":"n"}', 500, "Must provide address"),
    ("PUT", "/v1/catalog/register", b'{"Node":"n","Address":"1.1.1.1","ID":"x"}', 500, "Bad node ID"),
    ("PUT", "/v1/catalog/deregister", b"{}", 500, "Must provide node"),
    ("GET", "/v1/health/service/a?index=x", b"", 400, "Invalid index"),
    ("GET", "/v1/health/service/a?index=1&wait=x", b"", 400, "Invalid wait time"),
    ("GET", "/v1/health/service/a?passing=x", b"", 400, "Invalid value for ?passing"),
    ("GET", "/v1/catalog/nodes?dc=elsewhere", b"", 500, "No path to datacenter"),
    ("GET", "/v1/catalog/nodes?stale&consistent", b"", 400, "conflicting semantics"),
    ("GET", "/v1/agent/services?filter=bogus", b"", 500, "boolean expression"),
    ("POST", "/v1/connect/intentions", b"{", 500, "Failed to decode request body"),
    ("POST", "/v1/connect/intentions", b'{"SourceName":"a","DestinationName":"b","Action":"maybe"}', 500, "Action"),
    ("GET", "/v1/connect/intentions/not-a-uuid", b"", 400, ""),
    ("GET", "/v1/connect/intentions/match", b"", 500, "by"),
    ("POST", "/v1/agent/connect/authorize", b'{"Target":"web","ClientCertURI":"http://x"}', 400, "not a valid Connect identifier"),
    ("PUT", "/v1/connect/ca/configuration", b'{"Provider":"consul","Config":{"LeafCertTTL":"1s"}}', 500, "leaf cert TTL"),
    ("PUT", "/v1/config", b'{"Name":"x"}', 400, "kind"),
    ("GET", "/v1/config/service-defaults/none", b"", 404, "Config entry not found"),
    ("GET", "/v1/nothing/there", b"", 404, ""),
    ("GET", "/v1/agent/service/register", b"", 405, "method GET not allowed"),
    ("DELETE", "/v1/agent/self", b"", 405, "method DELETE not allowed"),
    ("POST", "/v1/catalog/nodes", b"", 405, "method POST not allowed"),
    ("BREW", "/v1/catalog/nodes", b"", 405, "method BREW not allowed"),
    ("PUT", "/v1/agent/service/register", b'"' + b"x" * (5 << 20) + b'"', 413, ""),
]


def ask(port, method, path, body=b"", more=""):
    """(status, text); the connection is the question's own."""
    with socket.create_connection(("127.0.0.1", port), timeout=20) as end:
        head = f"{method} {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: {len(body)}\r\n{more}\r\n"
        try:
            end.sendall(head.encode() + body)
        except OSError:
            # Refused before it was all taken; the answer is there all the same.
            pass
        return answer(end)


def answer(end):
    whole = b""
    try:
        while part := end.recv(1 << 16):
            whole += part
    except ConnectionResetError:
        pass
    if not whole:
        return None, ""
    head, _, text = whole.partition(b"\r\n\r\n")
    return int(head.split(b" ")[1]), text.decode("utf-8", "replace")


def descriptors(agent):
    return len(os.listdir(f"/proc/{agent.process.pid}/fd"))


def run():
    # A slow client has ten seconds for the head of a request; everything else is short.
    with folder() as path, agents.Agent(path, {"web.json": {"service": {"name": "web", "port": 80}}}) as agent:
        services = agent.get("/v1/agent/services")
        wrong = []
        for method, place, body, status, part in TABLE:
            found, text = ask(agent.http, method, place, body)
            if found != status or part not in text:
                wrong.append(f"{method} {place} {body[:60]}: {found}, not {status} with {part!r}: {text[:300]}")
            assert agent.process.poll() is None, f"{method} {place}: the agent ended: {agent.text()}"
        assert not wrong, "\n".join(wrong)
        for head, status in [
            ("GARBAGE\r\n\r\n", 400), ("GET / HTTP/1.1\r\n\r\n", 400), ("GET / HTTP/9.9\r\nHost: x\r\n\r\n", 505),
            ("GET /" + "x" * 70_000 + " HTTP/1.1\r\nHost: x\r\n\r\n", 414),
            ("GET / HTTP/1.1\r\nHost: x\r\nX: " + "y" * 70_000 + "\r\n\r\n", 431),
            ("PUT / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", 400),
            ("PUT / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", 400),
        ]:
            with socket.create_connection(("127.0.0.1", agent.http), timeout=20) as end:
                try:
                    end.sendall(head.encode())
                except OSError:
                    pass
                found, text = answer(end)
                if found != status:
                    wrong.append(f"{head[:60]!r}: {found}, not {status}: {text[:200]}")
        assert not wrong, "\n".join(wrong)

        # Clients that never finish what they say hold nobody up, and are sent away.
        slow = []
        for words in (b"", b"GET /v1/agent/self HT", b"PUT /v1/agent/service/register HTTP/1.1\r\nHost: x\r\nContent-Len"):
            end = socket.create_connection(("127.0.0.1", agent.http), timeout=30)
            end.sendall(words)
            slow.append(end)
        before = time.monotonic()
        assert agent.get("/v1/agent/services") == services, "nothing of the refused is there"
        assert time.monotonic() - before < 5
        for end in slow:
            assert answer(end)[0] in (None, 408), "a slow client is told so or sent away"
            end.close()

        crowd(agent)
        assert agent.get("/v1/agent/services") == services
        assert agent.get("/v1/agent/self")["Config"]["Server"] is True


def crowd(agent):
    """More connections than there are descriptors for: the agent keeps some for itself and tells the others."""
    open_now = descriptors(agent)
    soft, hard = resource.prlimit(agent.process.pid, resource.RLIMIT_NOFILE)
    limit = open_now + 20
    resource.prlimit(agent.process.pid, resource.RLIMIT_NOFILE, (limit, hard))
    ends = []
    for _ in range(60):
        end = socket.socket()
        end.settimeout(5)
        end.connect(("127.0.0.1", agent.http))
        ends.append(end)
    time.sleep(0.3)
    ticks = cpu(agent)
    time.sleep(0.5)
    assert cpu(agent) - ticks < 0.25 * os.sysconf("SC_CLK_TCK"), "the loop spins without descriptors"
    assert agent.process.poll() is None, agent.text()
    for end in ends:
        end.close()
    resource.prlimit(agent.process.pid, resource.RLIMIT_NOFILE, (soft, hard))
    until(lambda: descriptors(agent) <= open_now + 2, "the crowd's descriptors are closed")


def cpu(agent):
    fields = pathlib.Path(f"/proc/{agent.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
    return int(fields[11]) + int(fields[12])
