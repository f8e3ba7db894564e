"""A target that was away for long has traffic again within a few seconds of its return, and while it was away one client alone,
the first, was tried with it: from then on a connection of the relay's own asks whether it is back."""

import time

from support import Server, Warren, echo, free_port, until


def say(warren):
    with warren.connect() as client:
        client.sendall(b"hello")
        assert client.recv(5) == b"hello"


def run():
    dead = free_port()
    with Server(echo) as server, Warren(
            "-listen", "127.0.0.1:0", "-target", server.flag, "-target", f"127.0.0.1:{dead}", "-workers", "1") as warren:
        # Rests of 0.1, 0.2, 0.4 and 0.8 s, and then of one each: without a limit the next were of 1.6, 3.2 and 6.4.
        end = time.monotonic() + 6
        while time.monotonic() < end:
            say(warren)
            time.sleep(0.02)
        counters = warren.counters()
        assert counters["dial_failures"] == 1 and counters["dials"] == counters["established"] + 1, counters
        assert counters["inquiries"] >= 4, counters
        with Server(echo, address=("127.0.0.1", dead)) as back:
            start = time.monotonic()

            def is_used():
                say(warren)
                return warren.matching(f"instance is back.*target=127.0.0.1:{dead}")

            until(is_used, "the target that is back to be used")
            # A rest of a second and an eighth, and time for a machine that is busy.
            assert time.monotonic() - start < 4, time.monotonic() - start
            for _ in range(4):
                say(warren)
            # The question itself was one.
            assert back.served >= 2, back.served
        assert warren.counters()["dial_failures"] == 1, warren.counters()
