"""A run's results: kept after every sample, so that an interrupted run loses none, and summed up for the tables."""

import dataclasses
import json
import os
import statistics
from pathlib import Path

from .catalog import FIGURES, SHOWN

FORMAT = 1


class Results:
    """The file of one run."""

    def __init__(self, path, head):
        self.path = Path(path)
        self.data = {"format": FORMAT, **head, "complete": False, "ended_because": "still running", "candidates": [],
                     "checks": [], "micro": [], "rows": []}
        self.rows = {}

    def row(self, row):
        """The record of a row, made when first asked for."""
        if row.name not in self.rows:
            self.rows[row.name] = {
                "name": row.name, "topology": row.topology, "measure": row.measure, "title": row.title,
                "settings": row.settings, "workers": row.workers, "resumed": row.resumed, "samples": {}, "errors": {},
                "bars": [{**dataclasses.asdict(bar), "against": list(bar.against)} for bar in row.bars],
            }
            self.data["rows"].append(self.rows[row.name])
        return self.rows[row.name]

    def sample(self, row, candidate, repetition, figures):
        record = {"repetition": repetition, **{key: rounded(value) for key, value in figures.items()}}
        self.row(row)["samples"].setdefault(candidate, []).append(record)
        self.save()

    def error(self, row, candidate, text):
        texts = self.row(row)["errors"].setdefault(candidate, [])
        if text not in texts:
            texts.append(text)
        self.save()

    def skip(self, row, reason):
        self.row(row)["skipped"] = reason
        self.save()

    def finish(self, because, complete):
        self.data["complete"] = complete
        self.data["ended_because"] = because
        self.save()

    def save(self):
        self.path.parent.mkdir(parents=True, exist_ok=True)
        partial = self.path.with_suffix(".tmp")
        partial.write_text(json.dumps(self.data, indent=1) + "\n")
        os.replace(partial, self.path)


def rounded(value):
    return float(f"{value:.6g}") if isinstance(value, float) else value


def load(path):
    """A results file, or ValueError with the reason."""
    try:
        data = json.loads(Path(path).read_text())
    except OSError as error:
        raise ValueError(f"{path}: {error.strerror}") from error
    except json.JSONDecodeError as error:
        raise ValueError(f"{path}: not JSON: {error}") from error
    if not isinstance(data, dict) or data.get("format") != FORMAT:
        raise ValueError(f"{path}: not a results file of format {FORMAT}")
    return data


def values(row, candidate, figure):
    return [sample[figure] for sample in row["samples"].get(candidate, []) if figure in sample]


def median(row, candidate, figure):
    """The median over the repetitions, None without a sample."""
    found = values(row, candidate, figure)
    return statistics.median(found) if found else None


def spread(row, candidate, figure):
    """(largest - smallest) / median over the repetitions."""
    found = values(row, candidate, figure)
    middle = statistics.median(found) if found else 0
    return (max(found) - min(found)) / middle if middle else 0.0


def is_ours(name):
    return name.split("-")[0] == "warren"


def is_reference(name):
    """No rival: the path without a proxy, or the bare relay that shows the kernel's part."""
    return name == "direct" or name.startswith("floor-")


def best_peer(row, figure, against=()):
    """The peer with the best median, None when none was measured. Without `against`: every peer as it comes, not tuned
    by hand, and no reference; whoever `against` names counts."""
    less_is_better = FIGURES[figure][2]
    found = {}
    for name in row["samples"]:
        if name not in against if against else is_ours(name) or is_reference(name) or name.endswith("-tuned"):
            continue
        value = median(row, name, figure)
        if value is not None:
            found[name] = value
    if not found:
        return None
    return (min if less_is_better else max)(found, key=found.get)


def ratio(row, candidate, other, figure):
    """Median, least and largest of the ratios candidate / other, paired by repetition: what noise does to both at once
    cancels out."""
    theirs = {sample["repetition"]: sample[figure] for sample in row["samples"].get(other, []) if figure in sample}
    pairs = [sample[figure] / theirs[sample["repetition"]] for sample in row["samples"].get(candidate, [])
             if figure in sample and theirs.get(sample["repetition"])]
    return (statistics.median(pairs), min(pairs), max(pairs)) if pairs else None


def judge(row, data=None):
    """Each bar of a row: what was reached, and whether it is enough; None where there is nothing to compare. `data` is
    the whole run, for the bars that look at another row."""
    verdicts = []
    for bar in row["bars"]:
        bar = {"least": 0.0, "beside": "", **bar}
        figure, candidate = bar["figure"], bar["candidate"]
        peer = None
        if bar["limit"] or bar["least"]:
            reached = median(row, candidate, figure)
        elif bar["beside"]:
            other = next((found for found in (data or {}).get("rows", []) if found["name"] == bar["beside"]), None)
            reached = None
            if other:
                mine, theirs = median(row, candidate, figure), median(other, candidate, figure)
                reached = mine / theirs if mine is not None and theirs else None
        else:
            peer = best_peer(row, figure, bar["against"])
            found = ratio(row, candidate, peer, figure) if peer else None
            reached = found[0] if found else None
        met = None
        if reached is not None:
            met = reached >= bar["least"] if bar["least"] else reached <= (bar["limit"] or bar["ratio"])
        verdicts.append({**bar, "reached": reached, "peer": peer, "met": met})
    return verdicts


def defeats(data):
    """[(row, figure, best peer, ratio)] of every row on whose main figure, or the p99 beside it, the best peer is ahead."""
    found = []
    for row in data["rows"]:
        for figure in dict.fromkeys((main_figure(row), "p99_us", "mice_p99_us")):
            if figure not in SHOWN[row["measure"]]:
                continue
            peer = best_peer(row, figure)
            pair = ratio(row, "warren", peer, figure) if peer else None
            if not pair:
                continue
            behind = pair[0] > 1 if FIGURES[figure][2] else pair[0] < 1
            if behind:
                found.append((row, figure, peer, pair[0]))
    return found


def main_figure(row):
    """The figure that ratios and charts of a row are made of."""
    for figure in SHOWN[row["measure"]]:
        if any(figure in sample for samples in row["samples"].values() for sample in samples):
            return figure
    return SHOWN[row["measure"]][0]
