"""The micro-benchmarks against what was accepted: allocations are judged, times only shown."""

import json
import os
import subprocess
import sys
from pathlib import Path


class MicroFailure(Exception):
    """warren-micro got no result; the text says why."""


def measure(binary):
    # Swift seeds its hash tables anew in each process otherwise, and a table's growth is an allocation.
    done = subprocess.run([str(binary), "-json"], capture_output=True, text=True,
                          env=os.environ | {"SWIFT_DETERMINISTIC_HASHING": "1"})
    if done.returncode != 0:
        raise MicroFailure(f"warren-micro failed: {(done.stdout + done.stderr).strip()[-500:]}")
    return json.loads(done.stdout)


def more_allocations(accepted, found):
    """Operations that allocate more than was accepted; half an allocation in a hundred operations is chance (a table that
    grows), and so is the share that the benchmark itself says."""
    known = {entry["name"]: entry for entry in accepted}
    return [(entry, known[entry["name"]]) for entry in found if entry["name"] in known
            and entry["allocations"] > known[entry["name"]]["allocations"] * (1 + entry.get("variation", 0.02)) + 0.005]


def lines(accepted, found):
    known = {entry["name"]: entry for entry in accepted}
    for entry in found:
        before = known.get(entry["name"])
        change = f"{entry['ns'] / before['ns']:6.2f}x" if before and before["ns"] else "    new"
        rate = f"{entry['gb_per_s']:8.2f} GB/s" if "gb_per_s" in entry else ""
        yield (f"{entry['name']:58} {entry['ns']:14,.1f} ns {change}  {entry['allocations']:10.2f} allocations a "
               f"{entry['unit']}{rate}")


def run(binary, accepted_path, accept):
    """Prints all; 1 when something allocates more than accepted."""
    found = measure(binary)
    path = Path(accepted_path)
    accepted = json.loads(path.read_text()) if path.exists() else []
    print("\n".join(lines(accepted, found)))
    if accept:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(found, indent=1) + "\n")
        return 0
    worse = more_allocations(accepted, found)
    for entry, before in worse:
        print(f"script/bench: {entry['name']}: {entry['allocations']:g} allocations a {entry['unit']}, "
              f"{before['allocations']:g} were accepted", file=sys.stderr)
    return 1 if worse else 0
