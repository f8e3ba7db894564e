"""The rows of the table: what runs, which figures matter, and the bars that Warren sets itself."""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Bar:
    """What Warren is to reach on a row: a figure at most `ratio` times that of the best of `against` (all peers when
    empty), or at most `limit` in the figure's own unit."""

    figure: str
    ratio: float = 0.0
    limit: float = 0.0
    against: tuple = ()
    candidate: str = "warren"


@dataclass(frozen=True)
class Row:
    """One line of the table."""

    name: str
    topology: str
    measure: str
    title: str
    settings: dict = field(default_factory=dict)
    #: Part of the short run.
    short: bool = False
    #: Measured without a proxy as well.
    direct: bool = False
    #: Repetitions, unless the run says otherwise; 1 where a figure hardly varies.
    repetitions: int = 0
    resumed: bool = True
    workers: int = 1
    #: Descriptors that one process needs for it.
    descriptors: int = 1024
    bars: tuple = ()


#: Figures: unit, how to print, and whether less is better.
FIGURES = {
    "cpu_s_per_gb": ("CPU s/GB", ".3f", True),
    "cpu_user_s_per_gb": ("user s/GB", ".3f", True),
    "cpu_system_s_per_gb": ("system s/GB", ".3f", True),
    "gbit_per_s": ("Gbit/s", ".1f", False),
    "cpu_us_per_request": ("CPU us/request", ".1f", True),
    "cpu_user_us_per_request": ("user us/request", ".1f", True),
    "cpu_system_us_per_request": ("system us/request", ".1f", True),
    "requests_per_s": ("requests/s", ",.0f", False),
    "p50_us": ("p50 us", ",.0f", True),
    "p90_us": ("p90 us", ",.0f", True),
    "p99_us": ("p99 us", ",.0f", True),
    "p99_9_us": ("p99.9 us", ",.0f", True),
    "max_us": ("max us", ",.0f", True),
    "lag_p99_us": ("generator lag p99 us", ",.0f", True),
    "rate": ("rate", ",.0f", False),
    "jain": ("Jain index", ".4f", False),
    "rss_mb": ("MB with none", ".1f", True),
    "kb_per_tunnel": ("KB per tunnel", ".2f", True),
    "kb_per_tunnel_per_hop": ("KB per tunnel and hop", ".2f", True),
    "rss_after_mb": ("MB after they closed", ".1f", True),
    "syscalls_per_request": ("syscalls/request", ".1f", True),
    "syscalls_per_connection": ("syscalls/connection", ".1f", True),
    "syscalls_per_mb": ("syscalls/MB", ".1f", True),
    "mice_p50_us": ("mice p50 us", ",.0f", True),
    "mice_p99_us": ("mice p99 us", ",.0f", True),
    "growth_mb": ("memory grown MB", ".1f", True),
    "converge_ms": ("ms to converge", ",.0f", True),
    "failed": ("failed requests", ",.0f", True),
}

#: Which figures a measure shows, the first of them being the one that ratios and charts are made of.
SHOWN = {
    "bulk": ("cpu_s_per_gb", "cpu_user_s_per_gb", "cpu_system_s_per_gb", "gbit_per_s", "jain"),
    "request": ("cpu_us_per_request", "cpu_user_us_per_request", "cpu_system_us_per_request", "requests_per_s", "p50_us",
                "p99_us"),
    "connect": ("cpu_us_per_request", "cpu_user_us_per_request", "cpu_system_us_per_request", "requests_per_s", "p50_us",
                "p99_us"),
    "latency": ("p99_us", "p50_us", "p90_us", "p99_9_us", "max_us", "rate", "lag_p99_us"),
    "idle": ("kb_per_tunnel", "kb_per_tunnel_per_hop", "rss_mb", "rss_after_mb"),
    "syscalls": ("syscalls_per_request", "syscalls_per_connection", "syscalls_per_mb"),
    "mix": ("mice_p99_us", "mice_p50_us", "gbit_per_s"),
    "slow": ("growth_mb", "gbit_per_s"),
    "converge": ("converge_ms", "failed"),
}


def _both(topology, bars):
    """The rows that relay and tunnel share."""
    relay = topology == "relay"
    rows = []
    for streams in (1, 8, 64):
        for direction in ("to", "from", "duplex"):
            name = f"{topology}-bulk-{streams}-{direction}"
            words = {"to": "client to server", "from": "server to client", "duplex": "both ways"}[direction]
            rows.append(Row(
                name, topology, "bulk", f"Bulk, {streams} stream{'s' * (streams > 1)}, {words}",
                {"streams": streams, "direction": direction}, short=streams < 64 and direction != "duplex",
                direct=True, bars=bars.get(f"bulk-{streams}", ()) if direction != "duplex" else ()))
    for count in (1, 64):
        for size, words in ((64, "64 B"), (1024, "1 KiB"), (16384, "16 KiB")):
            rows.append(Row(
                f"{topology}-request-{size}-c{count}", topology, "request",
                f"Requests of {words}, {count} kept connection{'s' * (count > 1)}",
                {"connections": count, "bytes": size}, short=size == 64, direct=True,
                bars=bars.get(f"request-{count}", ()) if size == 64 else ()))
    for count in (1, 16):
        rows.append(Row(
            f"{topology}-connect-c{count}", topology, "connect",
            f"A connection for each request, {count} at a time" + ("" if relay else ", resumed"),
            {"connections": count, "bytes": 64}, short=count == 16, direct=relay,
            bars=bars.get("connect", ()) if count == 16 else ()))
        if not relay:
            rows.append(Row(
                f"{topology}-connect-full-c{count}", topology, "connect",
                f"A connection for each request, {count} at a time, full handshakes",
                {"connections": count, "bytes": 64}, short=count == 16, resumed=False,
                bars=bars.get("connect-full", ()) if count == 16 else ()))
    for name, settings, words in (
            ("half", {"fraction": 0.5}, "half its own saturation"),
            ("80", {"fraction": 0.8}, "80 % of its own saturation"),
            ("common", {"common": 0.5}, "one rate for all, half the slowest one's saturation")):
        rows.append(Row(
            f"{topology}-latency-{name}", topology, "latency", f"Latency of 64 B requests at {words}",
            {"connections": 64, "bytes": 64, **settings}, short=name == "common", direct=name != "80"))
    for count in (1000, 9000):
        rows.append(Row(
            f"{topology}-idle-{count}", topology, "idle", f"Resident memory of {count:,} idle tunnels",
            {"connections": count}, short=count == 1000, repetitions=1, descriptors=2 * count + 256,
            bars=bars.get(f"idle-{count}", ())))
    rows.append(Row(f"{topology}-syscalls", topology, "syscalls", "System calls", {"connections": 64}, short=True,
                    repetitions=1))
    rows.append(Row(f"{topology}-mix", topology, "mix", "8 bulk streams beside 64 connections with requests",
                    {"elephants": 8, "mice": 64}, direct=True))
    rows.append(Row(f"{topology}-slow", topology, "slow", "64 readers of 100 kB/s beside one fast stream",
                    {"slow": 64, "rate": 100_000}))
    for count in (10, 100, 1000, 9000):
        rows.append(Row(
            f"{topology}-scale-{count}", topology, "request", f"Requests on 64 connections beside {count:,} idle tunnels",
            {"connections": 64, "bytes": 64, "idle": count}, descriptors=2 * count + 512))
    for name, measure, settings, words in (
            ("bulk-8", "bulk", {"streams": 8, "direction": "to"}, "Bulk, 8 streams"),
            ("request-64", "request", {"connections": 64, "bytes": 64}, "Requests of 64 B, 64 kept connections")):
        rows.append(Row(f"{topology}-workers2-{name}", topology, measure, f"{words}, two workers", settings, workers=2))
    return rows


RELAY_BARS = {
    "bulk-1": (Bar("cpu_s_per_gb", limit=0.25), Bar("cpu_s_per_gb", ratio=0.6)),
    "bulk-8": (Bar("cpu_s_per_gb", limit=0.25), Bar("cpu_s_per_gb", ratio=0.4)),
    "request-1": (Bar("cpu_us_per_request", ratio=1.0), Bar("p99_us", ratio=1.0)),
    "request-64": (Bar("cpu_us_per_request", ratio=1.0), Bar("p99_us", ratio=1.0)),
    "connect": (Bar("cpu_us_per_request", ratio=1.0), Bar("p99_us", ratio=1.0)),
    "idle-9000": (Bar("kb_per_tunnel", limit=1.5),),
}

SAME_OPENSSL = ("haproxy", "nginx", "stunnel")

TUNNEL_BARS = {
    "bulk-1": (Bar("cpu_s_per_gb", ratio=0.90), Bar("cpu_s_per_gb", ratio=1.05, candidate="warren-attached"),
               Bar("cpu_s_per_gb", ratio=0.75, against=SAME_OPENSSL)),
    "bulk-8": (Bar("cpu_s_per_gb", ratio=0.85), Bar("cpu_s_per_gb", ratio=0.95, candidate="warren-attached"),
               Bar("cpu_s_per_gb", ratio=0.75, against=SAME_OPENSSL)),
    "request-64": (Bar("cpu_us_per_request", ratio=0.75), Bar("cpu_us_per_request", ratio=0.85,
                                                             candidate="warren-attached"),
                   Bar("p50_us", ratio=1.0), Bar("p99_us", ratio=1.0)),
    "connect": (Bar("cpu_us_per_request", ratio=0.88, against=("envoy",)),),
    "connect-full": (Bar("cpu_us_per_request", ratio=1.0, against=("envoy",)),
                     Bar("cpu_us_per_request", ratio=0.5, against=("haproxy", "nginx"))),
    "idle-9000": (Bar("kb_per_tunnel_per_hop", limit=4.0),),
}


def rows():
    """Every row, in the order of the table."""
    table = _both("relay", RELAY_BARS)
    table.append(Row("relay-converge", "relay", "converge", "One of two targets dies under 500 connections a second",
                     {"rate": 500, "bytes": 64}, repetitions=3))
    return table + _both("tunnel", TUNNEL_BARS)
