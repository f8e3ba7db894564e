"""Short connections in a row: afterwards opened - closed = live = descriptors, and memory is where it was."""

import concurrent.futures
import socket
import threading

from support import FULL, Server, Warren, until

COUNT = 100_000 if FULL else 5_000


def run():
    def serve(end):
        with end:
            data = end.recv(100)
            end.sendall(data)

    kinds = threading.local()

    def one(number):
        for attempt in range(3):
            try:
                with warren.connect() as client:
                    kind = number % 5
                    if kind == 4:
                        # Opened and closed again without a word.
                        return
                    client.sendall(b"hello")
                    if kind == 3:
                        return
                    assert client.recv(5) == b"hello"
                    return
            except OSError:
                # The machine's ports may all be in TIME_WAIT for a moment.
                threading.Event().wait(0.5)
        raise AssertionError("no connection in three attempts")

    with Server(serve) as server, Warren("-listen", "127.0.0.1:0", "-target", server.flag) as warren:
        def batch(count):
            with concurrent.futures.ThreadPoolExecutor(16) as pool:
                for _ in pool.map(one, range(count)):
                    pass
            until(lambda: warren.counters()["live"] == 0, "all connections are over", 60)
            server.ends.clear()

        batch(1000)
        descriptors, resident = warren.descriptors(), warren.resident_kib()
        heap = warren.counters()["heap_bytes"]
        batch(COUNT)
        counters = warren.counters()
        assert counters["accepted"] == counters["closed"] and counters["accepted"] >= COUNT + 1000, counters
        assert warren.descriptors() == descriptors, f"{warren.descriptors()} descriptors, {descriptors} before"
        assert warren.sockets() == 1, "sockets are left"
        grown, heaped = warren.resident_kib() - resident, warren.counters()["heap_bytes"] - heap
        assert grown < 512, f"{grown} KiB more after {COUNT} connections"
        assert heaped < 65536, f"{heaped} bytes of heap more after {COUNT} connections"
        print(f"{COUNT} connections: {grown} KiB and {heaped} bytes of heap more")
