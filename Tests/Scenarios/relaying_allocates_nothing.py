"""In steady state a data loop allocates nothing and retains nothing, per block or per event, copying and splicing.

Counted on the real process (allocation_counts.py); of a binary with the runtime inside only malloc can be counted.
Registrations are counted too: no epoll_ctl after set-up.
"""

import os

from allocation_counts import Counts, cost, counting_library, is_optimised
from support import Server, Warren, echo, folder, payload, read_exactly

ROUNDS = 3000


def run():
    with folder() as place, Server(echo) as server:
        library = counting_library(place)
        for splice in ("never", "auto", "always"):
            counts = Counts(library, os.path.join(place, "counts"))
            with Warren("-listen", "127.0.0.1:0", "-target", server.flag, "-splice", splice,
                        environment=counts.environment) as warren:
                with warren.connect() as client:
                    def rounds(count, size):
                        data = payload(size)
                        for _ in range(count):
                            client.sendall(data)
                            assert read_exactly(client, size) == data

                    rounds(200, 100)
                    rounds(20, 300_000)
                    registrations = warren.counters()["loop_registrations"]
                    counts.prove(warren)
                    # A report allocates, so that it stands outside of what is measured.
                    for size, count in ((100, ROUNDS), (300_000, 100)):
                        before = counts.read()
                        rounds(count, size)
                        spent = cost(before, counts.read())
                        print(f"-splice {splice}, {count} rounds of {size} bytes: {spent}")
                        if is_optimised():
                            assert not any(spent.values()), spent
                    assert warren.counters()["loop_registrations"] == registrations, "epoll_ctl after set-up"
