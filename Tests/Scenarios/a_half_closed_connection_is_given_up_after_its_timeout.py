"""half-close-timeout: once one side has ended, the other has so long between two bytes, and every byte counts."""

import socket
import time

from support import Server, Warren, hung_up, read_exactly, until, was_reset

FLAGS = ("-listen", "127.0.0.1:0", "-half-close-timeout", "500ms", "-idle-timeout", "60s")


def slowly(end):
    """Longer than the timeout altogether, and never so long between two bytes."""
    for _ in range(6):
        time.sleep(0.2)
        end.sendall(b"x")


def the_client_ends_first():
    seen = []

    def drip(end):
        while end.recv(100):
            pass
        slowly(end)
        seen.append(hung_up(end))

    with Server(drip) as server, Warren(*FLAGS, "-target", server.flag) as warren:
        with warren.connect() as client:
            client.shutdown(socket.SHUT_WR)
            assert read_exactly(client, 6) == b"xxxxxx", "given up though bytes came"
            begin = time.monotonic()
            assert was_reset(client)
            assert 0.3 < time.monotonic() - begin < 5
            assert until(lambda: seen, "the target has waited")[0], "the target was left waiting"
        assert "error" in warren.says("ending=half-close-timeout")


def the_target_ends_first():
    seen = []

    def first(end):
        end.shutdown(socket.SHUT_WR)
        assert read_exactly(end, 6) == b"xxxxxx", "given up though bytes came"
        begin = time.monotonic()
        seen.append((was_reset(end), time.monotonic() - begin))

    with Server(first) as server, Warren(*FLAGS, "-target", server.flag) as warren:
        with warren.connect() as client:
            assert client.recv(1) == b"", "the target's end did not arrive"
            slowly(client)
            assert hung_up(client), "the client was left waiting"
            broken, took = until(lambda: seen, "the target sees an end")[0]
            assert broken and 0.3 < took < 5, f"the target saw a reset: {broken}, after {took:.2f} s"
        assert "error" in warren.says("ending=half-close-timeout")
        until(lambda: warren.counters()["live"] == 0, "nothing is left of it")


def run():
    the_client_ends_first()
    the_target_ends_first()
