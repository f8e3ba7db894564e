"""An agent with as much as one machine may have: thousands of services, checks and waiting queries, a hundred thousand
intentions. What each of them costs, how soon a crowd of watchers hears of one change, what a decision costs."""

import http.client
import json
import resource
import select
import socket
import sys
import time
from contextlib import contextmanager

from .growth import Api, cpu_seconds
from .load import LoadFailure
from .processes import resident_bytes

#: Requests that are under way at a time where an answer need not be read before the next question.
WINDOW = 64
#: Authorize requests that are timed.
DECISIONS = 20_000
#: Rules that the shorter list of the two has.
FEW = 10
#: Seconds that any step may take.
PATIENCE = 240.0


def say(words):
    print(f"          agent-scale: {words}", file=sys.stderr, flush=True)


class Pipeline:
    """One kept connection on which requests follow each other without waiting for answers (RFC 9112, section 9.3.2), so that
    what is measured is the agent and not the client."""

    def __init__(self, address):
        host, _, port = address.rpartition(":")
        self.host = address
        self.socket = socket.create_connection((host, int(port)), timeout=PATIENCE)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.bytes = b""

    def request(self, method, path, body):
        text = b"" if body is None else json.dumps(body).encode()
        return (f"{method} {path} HTTP/1.1\r\nHost: {self.host}\r\nContent-Length: {len(text)}\r\n\r\n").encode() + text

    def answer(self):
        """Status and body of the next answer."""
        while True:
            found = split(self.bytes)
            if found:
                status, body, self.bytes = found
                return status, body
            more = self.socket.recv(1 << 18)
            if not more:
                raise LoadFailure("the agent closed a connection in the middle of a row of requests")
            self.bytes += more

    def ask_all(self, requests):
        """Sends requests, each (method, path, body); every answer has to be 200. Returns the last body."""
        sent, last = [], b""
        for method, path, body in requests:
            sent.append(self.request(method, path, body))
            if len(sent) == WINDOW:
                last = self.exchange(sent)
                sent = []
        return self.exchange(sent) if sent else last

    def exchange(self, sent):
        try:
            self.socket.sendall(b"".join(sent))
            for _ in sent:
                status, body = self.answer()
                if status != 200:
                    raise LoadFailure(f"the agent's API: {status} {body[:200].decode(errors='replace')}")
        except OSError as error:
            raise LoadFailure(f"the agent's API: {error}") from error
        return body

    def close(self):
        self.socket.close()


def split(data):
    """(status, body, what is behind it) of a whole answer with a Content-Length; None when it is not whole."""
    end = data.find(b"\r\n\r\n")
    if end < 0:
        return None
    head = data[:end].decode("latin-1").split("\r\n")
    length = next((int(line.split(":", 1)[1]) for line in head if line.lower().startswith("content-length:")), None)
    if length is None:
        raise LoadFailure(f"an answer without a length: {head[0]}")
    begin = end + 4
    if len(data) < begin + length:
        return None
    return int(head[0].split(" ")[1]), data[begin:begin + length], data[begin + length:]


class Meter:
    """What a step adds to the agent, for each of what it makes."""

    def __init__(self, pids, figures):
        self.pids = pids
        self.figures = figures

    @contextmanager
    def step(self, thing, count):
        memory, cpu, begin = resident_bytes(self.pids), cpu_seconds(self.pids), time.monotonic()
        yield
        self.settle()
        self.figures[f"kb_per_{thing}"] = (resident_bytes(self.pids) - memory) / count / 1024
        self.figures[f"us_per_{thing}"] = (cpu_seconds(self.pids) - cpu) / count * 1e6
        say(f"{count:,} x {thing}: {self.figures[f'kb_per_{thing}']:.2f} KB and {self.figures[f'us_per_{thing}']:.1f} us of "
            f"CPU each, {time.monotonic() - begin:.1f} s")

    def settle(self):
        """Until the agent has done what it was given."""
        end, last = time.monotonic() + PATIENCE, -1.0
        while time.monotonic() < end:
            now = cpu_seconds(self.pids)
            if now - last < 0.001:
                return
            last = now
            time.sleep(0.2)
        raise LoadFailure(f"the agent is still busy after {PATIENCE:.0f} s")


def agent(bench, row, deployment):
    """The row's measure."""
    settings, figures = row.settings, {}
    allow_descriptors(settings["waiters"] + 256)
    pids = deployment.agent_pids()
    meter = Meter(pids, figures)
    figures["rss_mb"] = resident_bytes(pids) / 1e6
    pipeline = Pipeline(deployment.api)
    try:
        with meter.step("service", settings["services"]):
            pipeline.ask_all(("PUT", "/v1/agent/service/register", service(number))
                             for number in range(settings["services"]))
        with meter.step("check", settings["services"] * 2):
            pipeline.ask_all(("PUT", "/v1/agent/check/register", check(number, place))
                             for number in range(settings["services"]) for place in (1, 2))
        crowd(deployment, settings["waiters"], meter, figures)
        trust = json.loads(pipeline.ask_all([("GET", "/v1/connect/ca/roots", None)]))["TrustDomain"]
        pipeline.ask_all(rules(0, FEW))
        decide(pipeline, pids, trust, FEW, figures, "few")
        with meter.step("intention", settings["intentions"] - FEW):
            pipeline.ask_all(rules(FEW, settings["intentions"]))
        decide(pipeline, pids, trust, settings["intentions"], figures, "many")
    except (OSError, http.client.HTTPException) as error:
        raise LoadFailure(f"the agent's API: {error}") from error
    finally:
        pipeline.close()
    figures["agent_rss_mb"] = resident_bytes(pids) / 1e6
    return figures


def allow_descriptors(wanted):
    """As many descriptors for this process as it needs for the crowd, or a failure that says what to raise."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft >= wanted:
        return
    if hard != resource.RLIM_INFINITY and hard < wanted:
        raise LoadFailure(f"{wanted} descriptors are needed and this process may open {hard}: raise the limit "
                          f"(ulimit -Hn {wanted})")
    resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def service(number, tag=""):
    return {"Name": f"service-{number}", "ID": f"service-{number}", "Port": 1000 + number % 60_000,
            "Tags": [tag] if tag else []}


def check(number, place):
    # An hour: none of them falls due within the row.
    return {"ID": f"service-{number}-{place}", "Name": f"check {place}", "ServiceID": f"service-{number}", "TTL": "3600s",
            "Status": "passing"}


def rules(first, end):
    for number in range(first, end):
        yield ("POST", "/v1/connect/intentions", {
            "SourceName": f"caller-{number}", "DestinationName": f"callee-{number % 1000}", "SourceType": "consul",
            "Action": "deny" if number % 2 else "allow"})


def decide(pipeline, pids, trust, count, figures, which):
    """Decisions about callers of the table, spread over all of it."""
    step = max(1, count // 997)
    numbers = [turn * step % count for turn in range(DECISIONS)]
    cpu, begin = cpu_seconds(pids), time.monotonic()
    pipeline.ask_all(("POST", "/v1/agent/connect/authorize", {
        "Target": f"callee-{number % 1000}", "ClientCertSerial": "01",
        "ClientCertURI": f"spiffe://{trust}/ns/default/dc/dc1/svc/caller-{number}"}) for number in numbers)
    seconds = time.monotonic() - begin
    figures[f"authorize_{which}_us"] = (cpu_seconds(pids) - cpu) / DECISIONS * 1e6
    figures[f"authorize_{which}_per_s"] = DECISIONS / seconds
    say(f"authorize among {count:,} intentions: {figures[f'authorize_{which}_us']:.1f} us of CPU each, "
        f"{DECISIONS / seconds:,.0f} a second on one connection")


def crowd(deployment, count, meter, figures):
    """So many queries that wait for one service, and the moment in which it changes."""
    api = Api(deployment.api)
    host, _, port = deployment.api.rpartition(":")
    path = "/v1/health/service/service-0"
    index = api.ask("GET", path)[0].headers["X-Consul-Index"]
    question = f"GET {path}?index={index}&wait=600s HTTP/1.1\r\nHost: {deployment.api}\r\n\r\n".encode()
    sockets = {}
    poll = select.epoll()
    try:
        with meter.step("waiter", count):
            for _ in range(count):
                client = socket.create_connection((host, int(port)), timeout=PATIENCE)
                client.sendall(question)
                client.setblocking(False)
                sockets[client.fileno()] = client
                poll.register(client.fileno(), select.EPOLLIN)
        if poll.poll(0):
            raise LoadFailure("a query was answered before anything changed")
        cpu, begin = cpu_seconds(meter.pids), time.monotonic()
        api.ask("PUT", "/v1/agent/service/register", service(0, "changed"))
        first, last = hear(poll, sockets, begin)
        meter.settle()
        figures["wake_first_ms"] = first * 1e3
        figures["wake_ms"] = last * 1e3
        figures["wake_us"] = (cpu_seconds(meter.pids) - cpu) / count * 1e6
        say(f"{count:,} waiters woken by one change: the first after {first * 1e3:.1f} ms, the last after {last * 1e3:.0f} ms, "
            f"{figures['wake_us']:.1f} us of CPU each")
    finally:
        for client in sockets.values():
            client.close()
        poll.close()
        api.close()


def hear(poll, sockets, begin):
    """Seconds until the first and the last of them had its whole answer."""
    pieces, first = {number: b"" for number in sockets}, None
    while pieces:
        if time.monotonic() - begin > PATIENCE:
            raise LoadFailure(f"{len(pieces)} of {len(sockets)} queries were not answered within {PATIENCE:.0f} s")
        for number, _ in poll.poll(1.0):
            if number not in pieces:
                raise LoadFailure("the agent sent more than an answer, or closed a connection after it")
            more = sockets[number].recv(1 << 16)
            if not more:
                raise LoadFailure("the agent closed the connection of a query that waited")
            pieces[number] += more
            found = split(pieces[number])
            if found:
                if found[0] != 200 or b'"changed"' not in found[1]:
                    raise LoadFailure(f"a query that waited was answered with {found[0]} and not with the change")
                first = first or time.monotonic() - begin
                del pieces[number]
    return first, time.monotonic() - begin
