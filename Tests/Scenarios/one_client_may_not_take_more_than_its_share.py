"""More connections than one client may have are refused at once, with a counted reason; closing one makes room again."""

import contextlib

from support import Server, Warren, connect, echo, refused, until, was_reset


def is_served(end):
    end.sendall(b"word")
    return end.recv(4) == b"word"


def is_turned_away(warren):
    try:
        with warren.connect() as end:
            return was_reset(end)
    except ConnectionResetError:
        # The reset overtakes the end of our own connect.
        return True


def run():
    with Server(echo) as server, Warren(
            "-listen", "127.0.0.1:0", "-target", server.flag, "-max-connections-per-client", "3", "-workers", "2",
            "-access-log", "-") as warren:
        with contextlib.ExitStack() as stack:
            ends = [stack.enter_context(warren.connect()) for _ in range(3)]
            assert all(is_served(end) for end in ends)
            for _ in range(10):
                assert is_turned_away(warren), "a fourth connection is served, on whatever loop"
            until(lambda: len(warren.matching("ending=limited-source-connections", warren.output)) == 10, "ten lines")
            counters = warren.counters()
            assert counters["limited"] == 10 and counters["dials"] == 3, counters
            ends[0].close()
            until(lambda: warren.counters()["live"] == 2, "the closed one is gone")
            with warren.connect() as end:
                assert is_served(end)
    for words in (("-balance", "best"), ("-max-connections-per-client", "-1"), ("-max-lifetime", "soon")):
        text = refused("-listen", "127.0.0.1:0", "-target", "127.0.0.1:1", *words)
        assert words[0] in str(text), text
