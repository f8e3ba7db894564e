"""docs/FLAGS.md has every flag that -h of a relay, a tunnel or a sidecar tells, with its default, and no other."""

import re
import subprocess

from support import ROOT, binary


def helped(command):
    """The flags of -h, each with the default it tells."""
    done = subprocess.run(
        [binary(), *command.split(), "-h"], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=20)
    assert done.returncode == 0 and not done.stderr, done
    flags = {}
    for name, sentences in re.findall(r"^  -([a-z-]+)(?:=.*)?\n((?:     .*\n?)+)", done.stdout, re.MULTILINE):
        told = re.search(r"The default is ([\w.:]+\w)", " ".join(sentences.split()))
        flags[name] = told.group(1) if told else None
    return flags


def documented():
    """The flags of each command in docs/FLAGS.md, with the cell for their default and the roles in their description."""
    flags = {}
    for section in (ROOT / "docs" / "FLAGS.md").read_text().split("\n## ")[1:]:
        for command in re.findall(r"`warren ([a-z ]+)`", section.split("\n")[0]):
            for name, default, what in re.findall(r"^\| `-([a-z-]+)`(?: \+)? \| (.*?) ?\| (.*) \|$", section, re.MULTILINE):
                role = re.match(r"(server|client): ", what)
                if not role or command.endswith(role.group(1)):
                    flags.setdefault(command, {})[name] = default
    return flags


def run():
    told = documented()
    assert sorted(told) == ["connect proxy", "relay", "tunnel client", "tunnel server"], sorted(told)
    for command, rows in told.items():
        flags = helped(command)
        assert len(flags) > 15, f"{command}: {flags}"
        assert not set(flags) - set(rows), f"not in docs/FLAGS.md: {command} {sorted(set(flags) - set(rows))}"
        assert not set(rows) - set(flags), f"only in docs/FLAGS.md: {command} {sorted(set(rows) - set(flags))}"
        for name, default in flags.items():
            if default is None or default.startswith("WARREN_") or default in ("what", "CONSUL_HTTP_TOKEN"):
                continue
            assert default in rows[name].split(), \
                f"{command} -{name}: {default} by -h, {rows[name]} by docs/FLAGS.md"
