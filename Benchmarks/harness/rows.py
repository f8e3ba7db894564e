"""The rows, in the order of the table. The full run has to fit into 40 minutes on two cores: who adds a row looks at
`script/bench --full --list`, which ends with the estimate."""

import dataclasses

from .bars import BARS
from .catalog import Row

DIRECTIONS = {"to": "client to server", "from": "server to client", "duplex": "both ways"}
#: Whom the rows with bars have time for beside the peers as they come.
RELAY_EXTRAS = ("haproxy-tuned", "nginx-tuned", "floor-splice", "floor-copy")
TUNNEL_BULK_EXTRAS = ("warren-accelerated", "warren-attached", "haproxy-tuned", "nginx-tuned")
TUNNEL_EXTRAS = ("warren-accelerated", "warren-attached")


def bulk(topology):
    for streams, direction in ((1, "to"), (1, "from"), (8, "to"), (8, "from"), (8, "duplex"), (64, "to")):
        barred = streams < 64 and direction != "duplex"
        extras = () if not barred else RELAY_EXTRAS if topology == "relay" else TUNNEL_BULK_EXTRAS
        yield Row(f"{topology}-bulk-{streams}-{direction}", topology, "bulk",
                  f"Bulk, {streams} stream{'s' * (streams > 1)}, {DIRECTIONS[direction]}",
                  {"streams": streams, "direction": direction}, short=barred, direct=True, extras=extras,
                  repetitions=0 if barred else 1)


def requests(topology):
    for size, words, count in ((64, "64 B", 1), (64, "64 B", 64), (1024, "1 KiB", 64), (16384, "16 KiB", 64)):
        barred = size == 64
        extras = () if not barred else ("floor-copy",) if topology == "relay" else TUNNEL_EXTRAS
        yield Row(f"{topology}-request-{size}-c{count}", topology, "request",
                  f"Requests of {words}, {count} kept connection{'s' * (count > 1)}",
                  {"connections": count, "bytes": size}, short=barred, direct=True, extras=extras,
                  repetitions=0 if barred else 1)


def connections(topology):
    for resumed in (True, False):
        for count in (1, 16):
            kind = "" if topology == "relay" else ", resumed" if resumed else ", full handshakes"
            yield Row(f"{topology}-connect-{'' if resumed else 'full-'}c{count}", topology, "connect",
                      f"A connection for each request, {count} at a time{kind}", {"connections": count, "bytes": 64},
                      short=count == 16, resumed=resumed, direct=topology == "relay",
                      extras=("floor-copy",) if topology == "relay" else TUNNEL_EXTRAS if count == 16 else (),
                      repetitions=0 if topology == "relay" or count == 16 else 1)
        if topology == "relay":
            return


def latencies(topology):
    for name, settings, words in (
            ("half", {"fraction": 0.5}, "half its own saturation"),
            ("80", {"fraction": 0.8}, "80 % of its own saturation"),
            ("common", {"common": 0.5}, "one rate for all, half the slowest one's saturation")):
        yield Row(f"{topology}-latency-{name}", topology, "latency", f"Latency of 64 B requests at {words}",
                  {"connections": 64, "bytes": 64, **settings}, short=name == "common", direct=name == "common",
                  repetitions=0 if name == "common" else 2)


def idle(topology):
    for count in (1000, 9000):
        yield Row(f"{topology}-idle-{count}", topology, "idle", f"Resident memory of {count:,} idle tunnels",
                  {"connections": count}, short=count == 1000, repetitions=1, descriptors=2 * count + 256)


def mixed(topology):
    yield Row(f"{topology}-mix", topology, "mix", "8 bulk streams beside 64 connections with requests",
              {"elephants": 8, "mice": 64}, direct=True, repetitions=2)
    # What the slowest candidate can carry beside the mice: who could carry more has the rest of the machine for them.
    rate = {"relay": 50_000_000, "tunnel": 15_000_000}[topology]
    yield Row(f"{topology}-mix-common", topology, "mix",
              f"8 bulk streams of {rate / 1e6:.0f} MB/s each beside 64 connections with requests",
              {"elephants": 8, "mice": 64, "rate": rate}, direct=True, repetitions=2)
    yield Row(f"{topology}-slow", topology, "slow", "64 readers of 100 kB/s beside one fast stream",
              {"slow": 64, "rate": 100_000}, repetitions=1)
    yield Row(f"{topology}-syscalls", topology, "syscalls", "System calls", {"connections": 64}, short=True,
              repetitions=1)


def scaling(topology):
    for count in (10, 100, 1000, 9000):
        yield Row(f"{topology}-scale-{count}", topology, "request",
                  f"Requests on 64 connections beside {count:,} idle tunnels",
                  {"connections": 64, "bytes": 64, "idle": count}, descriptors=2 * count + 512,
                  repetitions=1)
    for workers in (2, "auto"):
        words = "two workers" if workers == 2 else "workers as each chooses"
        for name, measure, settings, title in (
                ("bulk-8", "bulk", {"streams": 8, "direction": "to"}, "Bulk, 8 streams"),
                ("request-64", "request", {"connections": 64, "bytes": 64}, "Requests of 64 B, 64 kept connections")):
            if workers == 2 or name == "request-64":
                yield Row(f"{topology}-workers{workers if workers == 2 else '-auto'}-{name}", topology, measure,
                          f"{title}, {words}", settings, workers=workers, repetitions=2 if workers == 2 else 1)


def converging(topology):
    yield Row(f"{topology}-converge", topology, "converge",
              {"relay": "One of two targets dies under 500 connections a second",
               "tunnel": "One of two far ends dies under 300 connections a second",
               "mesh": "One of two instances dies under 300 connections a second"}[topology],
              {"rate": 500 if topology == "relay" else 300, "bytes": 64, "seconds": 4.0}, repetitions=2, targets=2)


def resilience(topology):
    for fault, words in (("kill", "is killed"), ("stop", "stops answering"), ("refuse", "refuses")):
        yield Row(f"{topology}-resilience-{fault}", topology, "resilience",
                  f"One of three targets {words} for 2 s under 64 connections, 400 a second",
                  {"fault": fault, "rate": 400, "connections": 64, "down": 2.0, "after": 3.0, "patience": 2.0},
                  repetitions=1, targets=3, only=("warren", "haproxy", "envoy", "consul"))


def shaping(topology):
    """Limits, under a load that would take many times as much. nginx limits each connection; HAProxy has bandwidth limits
    from 2.7 on, but counts connections; Envoy's local rate limit closes what is too much instead of letting it wait."""
    peers = {"connection": ("nginx",), "connections": ("haproxy",)} if topology == "relay" else {}
    for name, scope, count, rate, words in (
            ("1", "connection", 1, 100_000_000, "1 stream held to 100 MB/s"),
            ("100", "listener", 100, 100_000_000, "100 streams that share 100 MB/s"),
            ("each-100", "connection", 100, 1_000_000, "100 streams held to 1 MB/s each"),
            ("rate-1", "connections", 1, 300, "A connection for each request, 1 at a time, held to 300 a second"),
            ("rate-100", "connections", 100, 300, "A connection for each request, 100 at a time, held to 300 a second")):
        yield Row(f"{topology}-shaped-{name}", topology, "shaped", words,
                  {"scope": scope, "connections": count, "rate": rate, "seconds": 10.0, "free_seconds": 1.5},
                  repetitions=1, only=("warren", *peers.get(scope, ())))


def growth():
    for count in (10, 1000, 10_000):
        yield Row(f"mesh-intentions-{count}", "mesh", "intentions",
                  f"New tunnels under {count:,} intentions", {"connections": 16, "bytes": 64, "rules": count},
                  repetitions=1)
    for count in (10, 1000, 10_000):
        yield Row(f"mesh-services-{count}", "mesh", "services",
                  f"An agent with {count:,} services", {"services": count}, repetitions=1)
    # An agent keeps a quarter of its descriptors from clients, for its own work.
    yield Row("agent-scale", "mesh", "agent",
              "An agent with 5,000 services, 10,000 checks, 10,000 waiting queries and 100,000 intentions",
              {"services": 5000, "waiters": 10_000, "intentions": 100_000}, repetitions=1, only=("warren",), descriptors=14_000)


def of(topology):
    yield from bulk(topology)
    yield from requests(topology)
    yield from connections(topology)
    yield from latencies(topology)
    yield from idle(topology)
    yield from mixed(topology)
    yield from scaling(topology)
    yield from converging(topology)


#: The mesh's rows that the other topologies have too: what an agent's sidecars add to a tunnel from files.
MESH = ("bulk-1-to", "bulk-8-to", "request-64-c1", "request-64-c64", "connect-c1", "connect-c16", "idle-1000",
        "idle-9000", "converge")


def rows():
    """Every row with its bars."""
    table = [*of("relay"), *resilience("relay"), *shaping("relay"), *of("tunnel")]
    table += [row for row in (*bulk("mesh"), *requests("mesh"), *connections("mesh"), *idle("mesh"), *converging("mesh"))
              if row.name.removeprefix("mesh-") in MESH]
    table += [*resilience("mesh"), *shaping("mesh"), *growth()]
    return [dataclasses.replace(row, bars=BARS.get(row.name, ())) for row in table]
