"""About how long a run takes, so that who starts it knows, and so that the full run keeps within its 40 minutes."""

#: Seconds that a sample takes beside its window, measured on two cores of 2026: processes that start, warm up and end.
OVERHEAD = {"bulk": 0.6, "request": 0.55, "connect": 0.55, "latency": 0.5, "mix": 0.6, "idle": 6.0, "syscalls": 4.5,
            "slow": 3.5, "converge": 7.5, "resilience": 10.5, "shaped": 15.5, "intentions": 4.0,
            "services": 4.0, "agent": 45.0}
#: Measures whose window is their own.
FIXED = ("idle", "syscalls", "converge", "resilience", "shaped", "services", "agent")
#: What each further thing that is set up adds: an idle tunnel in a relay or through handshakes, a rule, a service.
EACH = {"relay": 0.00015, "tunnel": 0.0024, "mesh": 0.0024}
RULE, SERVICE = 0.0015, 0.002
CHECKS, MICRO = 45.0, 60.0


def takes_part(candidate, row, every=False):
    """Whether a candidate is measured on a row. `every`: wanted by name, and so on all rows that it can do."""
    if row.topology not in candidate.topologies:
        return False
    if row.only and candidate.name not in row.only:
        return False
    if (row.workers != 1 or row.targets > 1) and not candidate.is_whole:
        return False
    return candidate.is_main or every or candidate.name in row.extras


def sample(row, seconds):
    """Seconds of one sample of a row."""
    total = OVERHEAD[row.measure] + (0 if row.measure in FIXED else seconds)
    if row.measure == "bulk" and row.settings["streams"] >= 64:
        total += 0.7
    total += EACH[row.topology] * (row.settings.get("idle") or (
        row.settings["connections"] if row.measure == "idle" else 0))
    return total + RULE * row.settings.get("rules", 0) + SERVICE * row.settings.get("services", 0)


def estimate(rows, candidates, seconds, repetitions, every=False, with_checks=False, with_micro=False):
    """Seconds of the whole run."""
    total = CHECKS * with_checks + MICRO * with_micro
    for row in rows:
        able = sum(takes_part(candidate, row, every) for candidate in candidates) + row.direct
        total += min(row.repetitions or repetitions, repetitions) * able * sample(row, seconds)
    return total
