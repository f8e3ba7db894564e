"""What limits of bandwidth and of connections keep to, how evenly they are shared, and what they cost."""

from . import measures


def groups_of(row):
    """The load that a limit has to hold back: as fast as it goes."""
    count = row.settings["connections"]
    if row.settings["scope"] == "connections":
        return [f"connect,count={count},bytes=64"]
    return [f"bulk,count={count},direction=from"]


def wanted(row):
    """What the limit lets through in a second when all of it is used: bytes, or connections."""
    return row.settings["rate"] * (row.settings["connections"] if row.settings["scope"] == "connection" else 1)


def shaped(bench, row, deployment, without):
    """The limited deployment under a load that would take much more, then the same load on one without the limit
    (`without`, a context manager that gives it), for what a gigabyte or a connection costs there. The first second is left
    out of the window: what may pass at once has passed by then."""
    report = bench.run(deployment, groups_of(row), seconds=row.settings["seconds"], warmup=1.0)
    with without as other:
        free = bench.run(other, groups_of(row), seconds=row.settings["free_seconds"], warmup=0.5)
    if row.settings["scope"] == "connections":
        return rate_figures(row, deployment, report, other, free)
    group = report["groups"][0]
    measures.refuse_failures(group)
    if group["bytes"] == 0:
        raise measures.LoadFailure("no byte came through within the window")
    figures = measures.per_unit(report, deployment, group["bytes"], measures.PER_GB, 1e9)
    open_group = free["groups"][0]
    measures.refuse_failures(open_group)
    open_figures = measures.per_unit(free, other, open_group["bytes"] or 1, measures.PER_GB, 1e9)
    figures["cpu_unlimited_s_per_gb"] = open_figures["cpu_s_per_gb"]
    figures.update(gbit_per_s=group["gbit_per_s"], jain=group["jain"],
                   off_percent=off(group["gbit_per_s"] * 1e9 / 8, wanted(row)))
    return figures


def rate_figures(row, deployment, report, other, free):
    group, open_group = report["groups"][0], free["groups"][0]
    measures.refuse_failures(group)
    measures.refuse_failures(open_group)
    if not group["requests"] or not open_group["requests"]:
        raise measures.LoadFailure("nothing was answered within the window")
    figures = measures.per_unit(report, deployment, group["requests"], measures.PER_REQUEST, 1e6)
    open_figures = measures.per_unit(free, other, open_group["requests"], measures.PER_REQUEST, 1e6)
    figures["cpu_unlimited_us_per_request"] = open_figures["cpu_us_per_request"]
    figures.update(requests_per_s=group["requests_per_s"], off_percent=off(group["requests_per_s"], wanted(row)))
    return figures


def off(reached, limit):
    """How far from what was set, either way, in percent of it."""
    return abs(reached / limit - 1) * 100
