"""`warren version`, `--version` and `-v`: the release, whose API it speaks, OpenSSL, and what protects records."""

import re

from commands.agent import command


def run():
    said = command("version")
    assert said.status == 0 and not said.stderr, said
    assert re.fullmatch(
        r"Warren v\d+\.\d+\.\d+\nSpeaks the HTTP API of Consul [\d.]+, understands 1\.2 and later\n"
        r"TLS by OpenSSL 3\.\S+ .*\nRecord protection by (libcrypto|libIPSec_MB .*)\n"
        r"Kernel TLS (not )?usable: .+\n", said.stdout), said
    for word in ("-v", "-version", "--version"):
        assert command(word).stdout == said.stdout
