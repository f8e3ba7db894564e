"""connect-timeout: a target whose queue is full never answers; the next one gets its turn, or the client is told; all attempts
together take no longer than -attempts-deadline."""

import socket
import time

from support import Server, Warren, echo, was_reset


def deaf_listener(kept):
    """A listener with a full queue: further SYNs are dropped."""
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    listener.listen(0)
    kept.append(listener)
    for _ in range(3):
        filler = socket.socket()
        filler.setblocking(False)
        filler.connect_ex(listener.getsockname())
        kept.append(filler)
    time.sleep(0.1)
    return "127.0.0.1:%d" % listener.getsockname()[1]


def run():
    kept = []
    deaf = deaf_listener(kept)
    try:
        with Warren("-listen", "127.0.0.1:0", "-target", deaf, "-connect-timeout", "300ms") as warren:
            begin = time.monotonic()
            with warren.connect() as client:
                assert was_reset(client)
            took = time.monotonic() - begin
            assert 0.25 < took < 2, f"given up after {took:.2f} s"
            line = warren.says("ending=connect-timeout")
            assert 'error="Connection timed out"' in line, line
            assert warren.counters()["timeouts"] == 1
        with Server(echo) as server, Warren(
                "-listen", "127.0.0.1:0", "-target", deaf, "-target", server.flag, "-connect-timeout", "300ms") as warren:
            for _ in range(4):
                with warren.connect() as client:
                    client.sendall(b"hello")
                    assert client.recv(5) == b"hello"
            counters = warren.counters()
            assert counters["dial_failures"] >= 1 and counters["established"] == 4, counters
        others = [deaf_listener(kept) for _ in range(3)]
        with Warren("-listen", "127.0.0.1:0", "-target", deaf, "-target", others[0], "-target", others[1], "-target",
                    others[2], "-connect-timeout", "300ms", "-attempts-deadline", "450ms") as warren:
            begin = time.monotonic()
            with warren.connect() as client:
                assert was_reset(client)
            took = time.monotonic() - begin
            assert 0.4 < took < 1.1, f"given up after {took:.2f} s"
            line = warren.says("ending=connect-timeout")
            assert "attempts=2" in line and "gave_up=deadline" in line, line
    finally:
        for end in kept:
            end.close()
