"""Consul 1.9.17's help texts name commands and flags: ours name them too, on standard output, with status 0."""

import re

from commands.agent import command
from commands.recorded import Recording, names

# What Warren refuses as unknown, for the reasons in docs/COMPATIBILITY.md.
WITHOUT = {
    "every command": {"namespace", "ca-file", "ca-path", "client-cert", "client-key", "tls-server-name"},
    "help-watch": {"key", "name", "prefix"},
}
COMMANDS_WITHOUT = {"help-connect": {"envoy", "expose"}}


def flags(text):
    return set(re.findall(r"^  -([a-z-]+)", text, re.MULTILINE))


def members(text):
    return set(re.findall(r"^    ([a-z-]+)  ", text.split("Subcommands:", 1)[1], re.MULTILINE))


def run():
    told = names("help-")
    assert len(told) > 25, told
    for name in told:
        recording = Recording(name)
        for word in ("-h", "--help", "-help"):
            ours = command(*recording.words[:-1], word)
            assert ours.status == 0 and not ours.stderr, f"{name}: {ours}"
            assert ours.stdout.startswith("Usage: warren " + " ".join(recording.words[:-1])), f"{name}: {ours}"
        if "Subcommands:" in recording.stdout:
            missing = members(recording.stdout) - members(ours.stdout) - COMMANDS_WITHOUT.get(name, set())
        else:
            missing = flags(recording.stdout) - flags(ours.stdout) - WITHOUT["every command"] - WITHOUT.get(name, set())
        # Consul's help of `config delete` forgets its flags.
        assert not missing, f"{name}: {sorted(missing)}"
    whole = command("--help")
    assert whole.status == 0 and not whole.stderr and whole.stdout.startswith("Usage: warren [--version] [--help]")
    for words, said in (((), "Usage: warren "), (("bogus",), 'warren: unknown command "bogus"'),
                        (("catalog", "bogus"), 'warren catalog: unknown subcommand "bogus"')):
        done = command(*words)
        assert done.status == 1 and not done.stdout and done.stderr.startswith(said), f"{words}: {done}"
