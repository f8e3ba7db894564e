"""Which charts a run has."""

import re

from . import charts
from .catalog import FIGURES, SHOWN
from .results import main_figure, median, values

HEADINGS = {"relay": "Plain relay", "tunnel": "One mutual TLS tunnel, two hops", "mesh": "Mesh, an agent and two sidecars"}
SECTIONS = {
    "bulk": "Bulk", "request": "Requests over kept connections", "connect": "A new connection for each request",
    "latency": "Latency in open loop", "idle": "Idle tunnels", "syscalls": "System calls",
    "mix": "Elephants and mice", "slow": "Slow readers", "converge": "A target dies",
    "resilience": "One of three targets fails", "shaped": "Limits of bandwidth and of connections",
    "intentions": "Under many intentions", "services": "With many services", "agent": "An agent at its largest",
}
ORDER = ("direct", "floor-splice", "floor-copy", "warren", "warren-accelerated", "warren-attached", "warren-copies",
         "warren-splices", "haproxy", "haproxy-tuned",
         "nginx", "nginx-tuned", "envoy", "stunnel", "consul")


def order(names):
    return sorted(names, key=lambda name: (ORDER.index(name) if name in ORDER else len(ORDER), name))


def measured(data):
    """Every row that has a sample."""
    return [row for row in data["rows"] if row["samples"]]


def candidates_in(rows):
    return order({name for row in rows for name in row["samples"]})


def is_curve(row):
    """Whether a row is there for a curve, and has no bars of its own among the others."""
    return bool(row["settings"].get("idle")) or row["measure"] in ("intentions", "services", "agent")


def _setting(name, measure):
    return lambda row: row["settings"].get(name) if row["measure"] == measure else None


def _workers(measure):
    """Rows that differ in their workers only, as points."""
    def picks(row):
        alike = {"bulk": "bulk-8-to", "request": "request-64-c64"}[measure]
        same = row["name"] == f"{row['topology']}-{alike}" or row["workers"] == 2
        return row["workers"] if row["measure"] == measure and same and row["workers"] in (1, 2) else None
    return picks


#: Curves: name, title, what grows, how a row says how much, and the figure.
CURVES = (
    ("scale", "cost of a request as idle tunnels grow", "idle tunnels", _setting("idle", "request"), "cpu_us_per_request"),
    ("workers-bulk", "bulk with a second worker", "workers", _workers("bulk"), "gbit_per_s"),
    ("workers-requests", "requests with a second worker", "workers", _workers("request"), "requests_per_s"),
    ("intentions-curve", "cost of a new tunnel as intentions grow", "intentions", _setting("rules", "intentions"),
     "cpu_us_per_request"),
    ("services-register", "cost of a registration as services grow", "services", _setting("services", "services"),
     "register_us"),
    ("services-notice", "time until a watcher hears of a change", "services", _setting("services", "services"),
     "notice_ms"),
)


def micro_curves(micro):
    """{operation: [(how many, ns)]} of the micro-benchmarks that say "among N" or "of N" in their names."""
    found = {}
    for entry in micro:
        match = re.fullmatch(r"(.*) (?:among|with) ([0-9]+)", entry["name"])
        if match:
            found.setdefault(match[1], []).append((int(match[2]), entry["ns"]))
    return {name: sorted(points) for name, points in found.items() if len(points) > 1}


def charts_of(data, topology):
    """[(name, svg)] of a topology: bars for each measure, curves for scaling."""
    found = []
    for measure, title in SECTIONS.items():
        rows = [row for row in measured(data) if row["topology"] == topology and row["measure"] == measure
                and not is_curve(row) and row["workers"] == 1]
        if not rows:
            continue
        # Calls of a request, of a connection and of a megabyte are three figures of one row.
        every = measure == "syscalls"
        for figure in (SHOWN[measure] if every else {main_figure(row): None for row in rows}):
            groups, names = [], candidates_in(rows)
            for row in rows:
                series = {}
                for name in names:
                    taken = values(row, name, figure)
                    if taken:
                        series[name] = (median(row, name, figure), min(taken), max(taken))
                if series:
                    groups.append((shortened(row), series))
            names = [name for name in names if any(name in series for _, series in groups)]
            unit = FIGURES[figure][0] + (", less is better" if FIGURES[figure][2] else ", more is better")
            heading = f"{HEADINGS[topology].split(',')[0]}: {title.lower()}"
            name = f"{topology}-{figure}" if every else f"{topology}-{measure}"
            found.append((name.replace("_", "-"), charts.bars(heading, unit, groups, names)))
    for name, title, x_label, picks, figure in CURVES:
        series = {}
        for row in measured(data):
            if row["topology"] != topology or (x := picks(row)) is None:
                continue
            for candidate in row["samples"]:
                value = median(row, candidate, figure)
                if value is not None:
                    series.setdefault(candidate, []).append((x, value))
        if any(len(points) > 1 for points in series.values()):
            found.append((f"{topology}-{name}", charts.lines(
                f"{HEADINGS[topology].split(',')[0]}: {title}", x_label, FIGURES[figure][0], series, order(series))))
    return found


def shortened(row):
    settings = row["settings"]
    if row["measure"] == "bulk":
        return f"{settings['streams']} stream{'s' * (settings['streams'] > 1)} {settings['direction']}"
    if row["measure"] == "request":
        return f"{settings['bytes']:,} B, {settings['connections']} conn."
    if row["measure"] == "connect":
        return f"{settings['connections']} at a time" + ("" if row["resumed"] else ", full")
    if row["measure"] == "latency":
        return "common rate" if "common" in settings else f"{settings['fraction']:.0%} of own saturation"
    if row["measure"] == "resilience":
        return {"kill": "killed", "stop": "stopped", "refuse": "refusing"}[settings["fault"]]
    if row["measure"] == "shaped":
        each = "each" if settings["scope"] == "connection" else "shared"
        return (f"{settings['connections']} conn., {settings['rate']}/s" if settings["scope"] == "connections"
                else f"{settings['connections']} of {settings['rate'] / 1e6:g} MB/s {each}")
    if row["measure"] in ("mix", "slow", "converge", "syscalls"):
        pace = f" of {settings['rate'] / 1e6:g} MB/s" if "rate" in settings else ""
        return {"mix": f"64 mice, 8 elephants{pace}", "slow": "64 slow readers", "converge": "one of two",
                "syscalls": "calls"}[row["measure"]]
    return f"{settings['connections']:,} tunnels"
