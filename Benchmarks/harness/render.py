"""Results as a Markdown page with charts, and the section of the README that shows the newest."""

import datetime
import fnmatch
import sys
from pathlib import Path

from . import charts
from .catalog import FIGURES, SHOWN
from .pictures import HEADINGS, SECTIONS, candidates_in, charts_of, measured, micro_curves, order
from .results import (best_peer, defeats, is_ours, is_reference, judge, load, main_figure, median, ratio, spread,
                      values)

#: What is known about rows on which a peer is ahead, written by hand.
REMARKS = Path(__file__).resolve().parent.parent / "results/remarks.md"
BEGIN = "<!-- bench:begin -->"
END = "<!-- bench:end -->"

def number(value, figure):
    return "–" if value is None else format(value, FIGURES[figure][1])


def table(header, lines):
    if not lines:
        return []
    return ["| " + " | ".join(header) + " |", "| --- |" + " ---: |" * (len(header) - 1),
            *("| " + " | ".join(line) + " |" for line in lines), ""]


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
    lines += micro_lines(data, charts_at) + bar_lines(data) + defeat_lines(data) + trouble(data)
    return "\n".join(lines).rstrip() + "\n"


def provenance(data):
    """What the figures are of: machine, system, versions, length, and whether the run came to its end."""
    machine = data["machine"]
    lines = []
    if not data["complete"]:
        lines += [f"**Partial: {data['ended_because']}.** Rows without a figure were not reached.", ""]
    if data.get("note"):
        lines += [f"**{data['note']}**", ""]
    versions = ", ".join(f"{entry['name']} {entry['version']}".removesuffix(" unknown") for entry in data["candidates"]
                         if entry["status"] == "measured" and not is_reference(entry["name"])
                         and not entry["name"].endswith("-tuned")
                         and (not is_ours(entry["name"]) or entry["name"] == "warren"))
    missing = [entry["name"] for entry in data["candidates"] if entry["status"] == "missing"]
    modified = ", with changes that are not committed" if machine["modified"] else ""
    lines += [
        f"{machine['cpu'] or 'unknown CPU'}, {machine['cores']} cores, {machine['memory_bytes'] / 2**30:.0f} GiB, "
        f"{machine['system']}, Linux {machine['kernel']}; commit {machine['commit'][:12] or 'unknown'}{modified}; "
        f"{data['started'][:16].replace('T', ' ')} UTC. Versions: {versions}."
        + (f" Where `warren version` is asked, records are protected by {machine['records_by']}; `warren` here is held to "
           "libcrypto, which the peers have too, `warren-accelerated` is not." if machine.get("records_by") else "")
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
        for verdict in judge(row, data):
            if verdict["reached"] is None:
                body.append([*bar_words(row, verdict), "not measured", "–"])
                continue
            figure = verdict["figure"]
            if verdict["limit"] or verdict["least"]:
                reached = f"{number(verdict['reached'], figure)} {FIGURES[figure][0]}"
            else:
                reached = f"{verdict['reached']:.3f}x" + (f" {verdict['peer']}" if verdict["peer"] else "")
            body.append([*bar_words(row, verdict), reached, "met" if verdict["met"] else "**missed**"])
    return ["## The bars", "", *table(["row", "bar", "reached", ""], body)] if body else []


def bar_words(row, verdict):
    """Which row a bar is of, and what it asks."""
    unit = FIGURES[verdict["figure"]][0]
    if verdict["limit"]:
        wanted = f"{unit} at most {verdict['limit']:g}"
    elif verdict["least"]:
        wanted = f"{unit} at least {verdict['least']:g}"
    elif verdict["beside"]:
        wanted = f"{unit} at most {verdict['ratio']:g}x that of {verdict['beside']}"
    else:
        whom = "the best peer as it comes" if not verdict["against"] else "the best of " + ", ".join(verdict["against"])
        wanted = f"{unit} at most {verdict['ratio']:g}x {whom}"
    who = "" if verdict["candidate"] == "warren" else f" ({verdict['candidate']})"
    return [f"{row['name']}{who}", wanted]


def remarks(path):
    """What stands in remarks.md about rows: a heading of level two is a row's name, where * stands for anything, the text below
    is what to say."""
    found, name = {}, None
    try:
        text = Path(path).read_text()
    except OSError:
        return found
    for line in text.splitlines():
        if line.startswith("## "):
            name = line[3:].strip()
            found[name] = []
        elif name and line.strip():
            found[name].append(line.strip())
    return {name: " ".join(words) for name, words in found.items()}


def remark(known, row):
    """The remark on a row; None when there is none. Its own before one for several."""
    return known.get(row["name"]) or next(
        (words for name, words in known.items() if fnmatch.fnmatch(row["name"], name)), None)


def defeat_lines(data):
    """Where a peer is ahead, and what is known about it."""
    lost = defeats(data)
    if not any(best_peer(row, main_figure(row)) for row in data["rows"]):
        return []
    lines = ["## Where we lose", ""]
    if not lost:
        return [*lines, "On no row of this run is a peer ahead, in its main figure or in p99.", ""]
    known = remarks(REMARKS)
    by_row = {}
    for row, figure, peer, times in lost:
        by_row.setdefault(row["name"], (row, []))[1].append(
            f"{FIGURES[figure][0]} {number(median(row, 'warren', figure), figure)} against {peer}'s "
            f"{number(median(row, peer, figure), figure)} ({times:.2f}x)")
    for name, (row, words) in by_row.items():
        lines.append(f"- **{name}** ({row['title']}): {'; '.join(words)}. "
                     + (remark(known, row) or "*No remark in `Benchmarks/results/remarks.md` yet.*"))
    return [*lines, ""]


def without_remark(data):
    """Rows that are lost and about which nothing is said."""
    known = remarks(REMARKS)
    return list(dict.fromkeys(row["name"] for row, *_ in defeats(data) if not remark(known, row)))


def micro_lines(data, charts_at):
    """The modules in process: what grows with numbers, and whether it is flat."""
    curves = micro_curves(data.get("micro", []))
    if not data.get("micro"):
        return []
    lines = ["## In process", "", "CPU nanoseconds of one operation, Warren's modules by themselves "
             "(`script/bench --micro`).", ""]
    if curves:
        lines += [f"![micro-curves]({charts_at}/micro-curves.svg)", ""]
        body = [[name, *(f"{count:,}: {value:,.0f}" for count, value in (points[0], points[-1])),
                 f"{points[-1][1] / points[0][1]:.2f}x"] for name, points in curves.items()]
        lines += table(["operation", "first", "last", "last / first"], body)
    return lines + table(["operation", "ns", "allocations"], [
        [entry["name"], f"{entry['ns']:,.1f}", f"{entry['allocations']:.2f}"] for entry in data["micro"]])


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
    verdicts = [verdict for row in measured(data) for verdict in judge(row, data) if verdict["reached"] is not None]
    if verdicts:
        met = sum(verdict["met"] for verdict in verdicts)
        lines += [f"Of the {len(verdicts)} bars that this run could judge, {met} are met; [the whole page]({page_at}) "
                  "lists them with every figure, its spread and its parts.", ""]
    else:
        lines += [f"[The whole page]({page_at}) has every figure, its spread and its parts.", ""]
    lines += ["#" + line if line.startswith("## ") else line for line in defeat_lines(data)]
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
    curves = micro_curves(data.get("micro", []))
    if curves:
        (folder / "micro-curves.svg").write_text(charts.lines(
            "In process: cost as numbers grow", "how many there are", "CPU ns", curves, list(curves)))
    target = path.with_suffix(".md")
    target.write_text(page(data, folder.name))
    for name in without_remark(data):
        print(f"script/bench: {name}: a peer is ahead, and Benchmarks/results/remarks.md says nothing about it",
              file=sys.stderr)
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
