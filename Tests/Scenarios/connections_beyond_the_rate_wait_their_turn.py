"""-connection-rate: those beyond it wait in the kernel's queue and are all served, none is refused."""

import time

from support import Server, Warren, echo, read_exactly


def run():
    with Server(echo) as server, \
            Warren("-listen", "127.0.0.1:0", "-target", server.flag, "-connection-rate", "20") as warren:
        begin = time.monotonic()
        ends = [warren.connect() for _ in range(60)]
        try:
            for number, end in enumerate(ends):
                end.sendall(b"%04d" % number)
            for number, end in enumerate(ends):
                assert read_exactly(end, 4) == b"%04d" % number
        finally:
            for end in ends:
                end.close()
        # 20 at once, and 40 more at 20 a second.
        took = time.monotonic() - begin
        assert 1.8 < took < 8, took
        counters = warren.counters()
        assert counters["accepts_paced"] > 0 and counters["accepted"] == 60, counters
