"""-max-lifetime ends a quiet connection on time, and one that is busy once it falls quiet."""

import time

from support import Server, Warren, echo, until, was_reset


def run():
    with Server(echo) as server, Warren(
            "-listen", "127.0.0.1:0", "-target", server.flag, "-max-lifetime", "2s", "-access-log", "-") as warren:
        begun = time.monotonic()
        with warren.connect() as quiet, warren.connect() as busy:
            while time.monotonic() < begun + 4:
                busy.sendall(b"word")
                assert busy.recv(4) == b"word", "a busy connection is cut in the middle"
                time.sleep(0.05)
            assert was_reset(quiet)
            until(lambda: len(warren.matching("ending=lifetime", warren.output)) == 1, "one line")
            assert was_reset(busy), "the busy one, quiet now, lives on"
        until(lambda: len(warren.matching("ending=lifetime", warren.output)) == 2, "two lines")
        assert warren.counters()["live"] == 0
