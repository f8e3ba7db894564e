"""Results as a Markdown page with charts, and the section of the README that shows the newest."""

import datetime
from pathlib import Path

from . import charts
from .catalog import FIGURES, SHOWN
from .results import best_peer, is_reference, judge, load, main_figure, median, ratio, spread, values

BEGIN = "<!-- bench:begin -->"
END = "<!-- bench:end -->"
HEADINGS = {"relay": "Plain relay", "tunnel": "One mutual TLS tunnel, two hops"}
SECTIONS = {
    "bulk": "Bulk", "request": "Requests over kept connections", "connect": "A new connection for each request",
    "latency": "Latency in open loop", "idle": "Idle tunnels", "syscalls": "System calls",
    "mix": "Elephants and mice", "slow": "Slow readers", "converge": "A target dies",
}
ORDER = ("direct", "floor-splice", "floor-copy", "warren", "warren-attached", "haproxy", "haproxy-tuned", "nginx", "nginx-tuned", "envoy", "stunnel")


def order(names):
    return sorted(names, key=lambda name: (ORDER.index(name) if name in ORDER else len(ORDER), name))


def number(value, figure):
    return "–" if value is None else format(value, FIGURES[figure][1])


def table(header, lines):
    if not lines:
        return []
    return ["| " + " | ".join(header) + " |", "| --- |" + " ---: |" * (len(header) - 1),
            *("| " + " | ".join(line) + " |" for line in lines), ""]


def is_scale(row):
    return "idle" in row["settings"] and row["measure"] == "request"


def measured(data):
    """Every row that has a sample."""
    return [row for row in data["rows"] if row["samples"]]


def candidates_in(rows):
    return order({name for row in rows for name in row["samples"]})


def page(data, charts_at):
    """The whole results page; `charts_at` is where its charts are, seen from the page."""
    lines = [f"# Benchmarks of {data['started'][:10]}, commit {data['machine']['commit'][:12] or 'unknown'}", ""]
    lines += provenance(data) + [""]
    lines += check_lines(data)
    for topology, heading in HEADINGS.items():
        rows = [row for row in measured(data) if row["topology"] == topology]
        if not rows:
            continue
        lines += [f"## {heading}", ""]
        for name, _ in charts_of(data, topology):
            lines += [f"![{name}]({charts_at}/{name}.svg)", ""]
        for measure, title in SECTIONS.items():
            group = [row for row in rows if row["measure"] == measure]
            if group:
                lines += [f"### {title}", ""] + figure_tables(group)
    lines += bar_lines(data) + trouble(data)
    return "\n".join(lines).rstrip() + "\n"


def provenance(data):
    """What the figures are of: machine, system, versions, length, and whether the run came to its end."""
    machine = data["machine"]
    lines = []
    if not data["complete"]:
        lines += [f"**Partial: {data['ended_because']}.** Rows without a figure were not reached.", ""]
    versions = ", ".join(f"{entry['name']} {entry['version']}".removesuffix(" unknown") for entry in data["candidates"]
                         if entry["status"] == "measured" and not is_reference(entry["name"])
                         and not entry["name"].endswith(("-tuned", "-attached")))
    missing = [entry["name"] for entry in data["candidates"] if entry["status"] == "missing"]
    modified = ", with changes that are not committed" if machine["modified"] else ""
    lines += [
        f"{machine['cpu'] or 'unknown CPU'}, {machine['cores']} cores, {machine['memory_bytes'] / 2**30:.0f} GiB, "
        f"{machine['system']}, Linux {machine['kernel']}; commit {machine['commit'][:12] or 'unknown'}{modified}; "
        f"{data['started'][:16].replace('T', ' ')} UTC. Versions: {versions}."
        + (f" Missing: {', '.join(missing)}." if missing else ""),
        "",
        f"Loopback; client, proxies and server share the cores, so that CPU for each unit of work is the figure to "
        f"trust. {data['mode'].capitalize()} run: medians of {data['repetitions']} interleaved repetitions of "
        f"{data['seconds']:g} s, in brackets (largest - smallest) / median. Load average before the run: "
        f"{machine['load_before']:.1f}."]
    return lines


def check_lines(data):
    if not data["checks"]:
        return []
    lines = []
    for check in data["checks"]:
        verdict = "–" if check.get("difference") is None else f"{check['difference']:+.1%}"
        lines.append([check["title"], check["unit"], number_or_dash(check.get("ours")),
                      number_or_dash(check.get("theirs")), verdict,
                      check.get("error") or ("yes" if check["within"] else "**no**")])
    return ["## The load generator against known ones, direct path", "",
            *table(["", "unit", "warren-bench", "the other", "difference", "within 10 %"], lines)]


def number_or_dash(value):
    return "–" if value is None else charts.short(value)


def figure_tables(rows):
    """A table for each figure of a measure."""
    lines = []
    for position, figure in enumerate(SHOWN[rows[0]["measure"]]):
        names = order({name for row in rows for name in row["samples"] if values(row, name, figure)})
        if not names:
            continue
        unit = FIGURES[figure][0]
        body = []
        for row in rows:
            cells = [row["title"]]
            best = best_peer(row, figure)
            for name in names:
                value = median(row, name, figure)
                cell = number(value, figure)
                if value is not None and len(values(row, name, figure)) > 1:
                    cell += f" ({spread(row, name, figure):.0%})"
                cells.append(f"**{cell}**" if name == best else cell)
            cells.append(ratio_cell(row, figure))
            body.append(cells)
        arrow = "less is better" if FIGURES[figure][2] else "more is better"
        lines += [f"{'**' if position == 0 else ''}{unit}{'**' if position == 0 else ''}, {arrow}; "
                  "the best peer is bold", ""]
        lines += table(["", *names, "warren / best peer"], body)
    return lines


def ratio_cell(row, figure):
    best = best_peer(row, figure)
    found = ratio(row, "warren", best, figure) if best else None
    if not found:
        return "–"
    middle, least, most = found
    return f"{middle:.2f}x ({least:.2f}–{most:.2f})" if most > least else f"{middle:.2f}x"


def bar_lines(data):
    """The bars Warren sets itself, and whether they are met."""
    body = []
    for row in measured(data):
        for verdict in judge(row):
            if verdict["reached"] is None:
                continue
            figure = verdict["figure"]
            unit = FIGURES[figure][0]
            if verdict["limit"]:
                wanted, reached = f"at most {verdict['limit']:g} {unit}", f"{number(verdict['reached'], figure)} {unit}"
            else:
                whom = "the best peer" if not verdict["against"] else "the best of " + ", ".join(verdict["against"])
                wanted = f"{unit} at most {verdict['ratio']:g}x {whom}"
                reached = f"{verdict['reached']:.2f}x {verdict['peer']}"
            who = "" if verdict["candidate"] == "warren" else f" ({verdict['candidate']})"
            body.append([f"{HEADINGS[row['topology']]}: {row['title']}{who}", wanted, reached,
                         "met" if verdict["met"] else "**missed**"])
    return ["## The bars", "", *table(["row", "bar", "reached", ""], body)] if body else []


def trouble(data):
    """What was not measured, and why: nothing is dropped silently."""
    lines = []
    for entry in data["candidates"]:
        if entry["status"] != "measured":
            lines.append(f"- **{entry['name']}** {entry['status']}: {entry['reason']}")
    for row in data["rows"]:
        if row.get("skipped"):
            lines.append(f"- {row['name']} skipped: {row['skipped']}")
        for name, texts in row["errors"].items():
            lines += [f"- {row['name']}, {name}: {' '.join(text.split())}" for text in texts]
    return ["## Not measured", "", *lines, ""] if lines else []


def charts_of(data, topology):
    """[(name, svg)] of a topology: bars for each measure, curves for scaling."""
    found = []
    for measure, title in SECTIONS.items():
        rows = [row for row in measured(data) if row["topology"] == topology and row["measure"] == measure
                and not is_scale(row) and row["workers"] == 1]
        if not rows or measure in ("mix", "slow", "converge", "syscalls"):
            continue
        for figure in {main_figure(row): None for row in rows}:
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
            found.append((f"{topology}-{measure}", charts.bars(heading, unit, groups, names)))
    scale = [row for row in measured(data) if row["topology"] == topology and is_scale(row)]
    if len(scale) > 1:
        series = {}
        for row in scale:
            for name in row["samples"]:
                value = median(row, name, "cpu_us_per_request")
                if value is not None:
                    series.setdefault(name, []).append((row["settings"]["idle"], value))
        found.append((f"{topology}-scale", charts.lines(
            f"{HEADINGS[topology].split(',')[0]}: cost of a request as idle tunnels grow", "idle tunnels",
            "CPU us/request", series, order(series))))
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
    return f"{settings['connections']:,} tunnels"


def summary(data, charts_at, page_at):
    """The README's section: charts, one line a row, bars, and where the rest is."""
    lines = ["", *provenance(data), ""]
    for topology, heading in HEADINGS.items():
        rows = [row for row in measured(data) if row["topology"] == topology]
        if not rows:
            continue
        lines += [f"### {heading}", ""]
        for name, _ in charts_of(data, topology):
            lines += [f"![{name}]({charts_at}/{name}.svg)", ""]
        body = []
        names = [name for name in candidates_in(rows) if not name.endswith("-tuned") and not is_reference(name)]
        for row in rows:
            figure = main_figure(row)
            cells = [f"{row['title']}, {FIGURES[figure][0]}"]
            cells += [number(median(row, name, figure), figure) for name in names]
            body.append([*cells, ratio_cell(row, figure)])
        lines += table(["", *names, "warren / best peer"], body)
    verdicts = [verdict for row in measured(data) for verdict in judge(row) if verdict["reached"] is not None]
    if verdicts:
        met = sum(verdict["met"] for verdict in verdicts)
        lines += [f"Of the {len(verdicts)} bars that this run could judge, {met} are met; [the whole page]({page_at}) "
                  "lists them with every figure, its spread and its parts."]
    else:
        lines += [f"[The whole page]({page_at}) has every figure, its spread and its parts."]
    lines += ["", "Repeat it with `script/bench` (`--install` fetches the peers first), or `script/bench --full`.", ""]
    return "\n".join(lines)


def write(path, readme=None):
    """Renders a results file: NAME.md and a folder NAME of charts beside NAME.json, and the README's section when
    `readme` is given. Returns the page's path."""
    path = Path(path)
    data = load(path)
    folder = path.with_suffix("")
    folder.mkdir(exist_ok=True)
    for old in folder.glob("*.svg"):
        old.unlink()
    for topology in HEADINGS:
        for name, svg in charts_of(data, topology):
            (folder / f"{name}.svg").write_text(svg)
    target = path.with_suffix(".md")
    target.write_text(page(data, folder.name))
    if readme:
        update_readme(Path(readme), data, folder, target)
    return target


def update_readme(readme, data, folder, target):
    """Replaces what stands between the markers."""
    text = readme.read_text() if readme.exists() else ""
    if text.count(BEGIN) != 1 or text.count(END) != 1 or text.index(BEGIN) > text.index(END):
        raise ValueError(f"{readme}: needs the lines {BEGIN} and {END}, once each and in this order; the section between "
                         "them is what is replaced")
    root = readme.resolve().parent
    charts_at = folder.resolve().relative_to(root)
    head, rest = text.split(BEGIN, 1)
    tail = rest.split(END, 1)[1]
    readme.write_text(head + BEGIN + "\n" + summary(data, charts_at, target.resolve().relative_to(root)) + END + tail)


def now():
    return datetime.datetime.now(datetime.timezone.utc).replace(microsecond=0).isoformat()
