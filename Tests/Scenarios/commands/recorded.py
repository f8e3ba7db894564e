"""What Consul 1.9.17's commands were seen to print, and how it is compared with ours."""

import pathlib
import re
import shlex

RECORDINGS = pathlib.Path(__file__).parent / "recordings"


class Recording:
    """One run: `$ consul …`, then [stdout], [stderr] and [exit code]."""

    def __init__(self, name):
        self.name = name
        text = (RECORDINGS / f"{name}.txt").read_text()
        found = re.fullmatch(
            r"\$ consul (.*?)\n(?:\[stdin\]\n(.*?))?\[stdout\]\n(.*?)\[stderr\]\n(.*?)\[exit code\] (\d+)\n?", text,
            re.DOTALL)
        assert found, f"{name}: not a recording"
        self.words = shlex.split(found[1])
        self.stdout, self.stderr, self.status = found[3], found[4], int(found[5])


def names(prefix=""):
    return sorted(path.stem for path in RECORDINGS.glob(f"{prefix}*.txt"))


def plain(text):
    """`text` without what differs from run to run and from product to product."""
    # Usage texts are each product's own, but for whose they are.
    text = re.sub(r"Usage: (?:consul|warren)((?: [a-z-]+)*).*", r"Usage: warren\1", text, flags=re.DOTALL)
    text = re.sub(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", "UUID", text)
    text = re.sub(r"(?<=  )[0-9a-f]{8}(?=  )", "ID", text)
    text = re.sub(r"[A-Z][a-z]+day, \d\d-[A-Z][a-z]{2}-\d\d \d\d:\d\d:\d\d UTC", "TIME", text)
    text = text.replace("1.9.17+warren", "1.9.17")
    text = re.sub(r'("(?:Create|Modify)Index": )\d+', r"\1N", text)
    # The widths of columns follow from what stands in them; that they are right is a unit test's.
    return re.sub(r"(?<=\S) {2,}", "  ", text).strip()


def compare(recording, done, but=None):
    """Compares `done` with `recording`; `but` rewrites texts of which a difference is known."""
    for part in ("stdout", "stderr"):
        want, have = (plain(getattr(side, part)) for side in (recording, done))
        if but:
            want, have = but(want), but(have)
        assert want == have, f"{recording.name}: {part}\n--- Consul's\n{want}\n--- ours\n{have}\n"
    assert recording.status == done.status, f"{recording.name}: status {done.status}, Consul's {recording.status}"
